import {setTimeout as sleep} from 'node:timers/promises';

/** How long a program that finds the file locked sleeps before each retry: SQLite's own busy handler. */
const SLEEPS_MS = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];
/** Timers are late, and a program that wakes up has to get the processor. */
const MARGIN_MS = 3;
/** Agno writes a trace's row, then its spans: a program that has just committed may be about to begin again. */
const QUIET_MS = 6;
/** A program that writes all the time would delay us for ever. */
const MOST_MORE_MS = 40;
const LOOK_EVERY_MS = 3;

/** The longest sleep of any program that has waited for this long. */
export function longestSleepMs(waitedMs: number): number {
  let untilMs = 0;
  const sleepMs = SLEEPS_MS.find(ms => {
    untilMs += ms;
    return untilMs >= waitedMs;
  });
  return sleepMs ?? SLEEPS_MS.at(-1)!;
}

interface Watched {
  /** How long nobody else could write, and since when they can again (`performance.now`). */
  readonly heldMs: number;
  readonly freeSinceMs: number;
  /** A value that changes with every commit of another connection. */
  readonly version: () => unknown;
  readonly stop: AbortSignal;
}

/**
 * Waits until all programs that waited for the lock have had time to ask for it again, and those that got it have
 * finished. SQLite's locks have no queue: a program that takes one again at once takes it from everybody.
 */
export async function giveWay({heldMs, freeSinceMs, version, stop}: Watched): Promise<void> {
  const leastMs = longestSleepMs(heldMs) + MARGIN_MS;
  let [seen, seenMs] = [await version(), Number.NEGATIVE_INFINITY];
  while (!stop.aborted) {
    const now = performance.now();
    const current = await version();
    if (current !== seen) [seen, seenMs] = [current, now];
    const elapsedMs = now - freeSinceMs;
    if (elapsedMs >= leastMs && (now - seenMs >= QUIET_MS || elapsedMs >= leastMs + MOST_MORE_MS)) return;
    const leftMs = leastMs - elapsedMs;
    await sleep(leftMs > QUIET_MS + LOOK_EVERY_MS ? leftMs - QUIET_MS : LOOK_EVERY_MS, undefined, {signal: stop}).catch(
      error => {
        if (!stop.aborted) throw error;
      },
    );
  }
}
