import {setTimeout as sleep} from 'node:timers/promises';

/**
 * Nobody needs to see how far something is that is over within a moment, and later looks come less and less often: a build of
 * an index that lists open snapshots while we look waits for the whole transaction of the connection that looks, and is only
 * tried again after its lock timeout.
 */
const FIRST_EVERY_MS = 400;
const LEAST_EVERY_MS = 5000;

/** Looks again and again how far `work` is, until it ends. */
export async function whileWatching(work: Promise<void>, look: () => Promise<void>): Promise<void> {
  const start = performance.now();
  const over = new AbortController();
  const working = work.finally(() => over.abort());
  const watching = (async () => {
    for (;;) {
      const everyMs = Math.min(LEAST_EVERY_MS, FIRST_EVERY_MS + (performance.now() - start) / 10);
      await sleep(everyMs, undefined, {signal: over.signal}).catch(error => {
        if (!over.signal.aborted) throw error;
      });
      if (over.signal.aborted) return;
      await look();
    }
  })();
  const [worked, seen] = await Promise.allSettled([working, watching]);
  if (worked.status === 'rejected') throw worked.reason;
  if (seen.status === 'rejected') throw seen.reason;
}
