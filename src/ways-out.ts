/*
 * What must be gone when the process is, whichever way it ends: its end, an exception, SIGINT, SIGTERM, SIGHUP. (After
 * SIGKILL nothing can be done.)
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const leftovers = new Set<() => void>();
/** How many take each signal as a wish. */
const heeding = new Map<string, number>();

/**
 * Has `remove` called when the process ends. It must be synchronous and may be called once the thing is gone already.
 * @returns call it when there is nothing to remove any more
 */
export function removeOnExit(remove: () => void): () => void {
  if (leftovers.size === 0) {
    process.on('exit', removeAll);
    // First in line: who heeds a signal may stop to do so with the first one, and is to be seen here all the same.
    for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  }
  leftovers.add(remove);
  return () => {
    if (leftovers.delete(remove) && leftovers.size === 0) stopWatching();
  };
}

/**
 * For whoever takes signals as a wish to end in good order: nothing is taken away under it.
 * @returns call it when the next signal is to end the process
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
  // Without our listener it ends the process, as it would have.
  process.kill(process.pid, signal);
}

function removeAll(): void {
  for (const remove of leftovers) {
    try {
      remove();
    } catch {
      // Remove the others anyway; there is nobody left to report to.
    }
  }
  leftovers.clear();
}

function stopWatching(): void {
  process.off('exit', removeAll);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}
