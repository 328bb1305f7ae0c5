/*
 * Removes things when the process ends, however it ends: normally, by an exception, SIGINT, SIGTERM or SIGHUP. (After
 * SIGKILL nothing can be done.)
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const leftovers = new Set<() => void>();
/** How many callers treat each signal as a request to stop. */
const heeding = new Map<string, number>();

/**
 * Calls `remove` when the process ends. It must be synchronous, and may be called when the thing is already gone.
 * @returns call it when there is nothing left to remove
 */
export function removeOnExit(remove: () => void): () => void {
  if (leftovers.size === 0) {
    process.on('exit', removeAll);
    // Registered first: a caller that handles a signal may unregister during the first one, and must still be seen
    // here.
    for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  }
  leftovers.add(remove);
  return () => {
    if (leftovers.delete(remove) && leftovers.size === 0) stopWatching();
  };
}

/**
 * For callers that treat signals as a request to stop in an orderly way: nothing is removed meanwhile.
 * @returns call it when the next signal should end the process
 */
export function heedSignals(signals: readonly NodeJS.Signals[]): () => void {
  const count = (by: number) => {
    for (const signal of signals) heeding.set(signal, (heeding.get(signal) ?? 0) + by);
  };
  count(1);
  let isOver = false;
  return () => {
    if (!isOver) count(-1);
    isOver = true;
  };
}

function onSignal(signal: NodeJS.Signals): void {
  if ((heeding.get(signal) ?? 0) > 0) return;
  removeAll();
  stopWatching();
  // Without our listener the signal ends the process as usual.
  process.kill(process.pid, signal);
}

function removeAll(): void {
  for (const remove of leftovers) {
    try {
      remove();
    } catch {
      // Remove the others anyway; nobody is left to report to.
    }
  }
  leftovers.clear();
}

function stopWatching(): void {
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
