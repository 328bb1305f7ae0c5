import {setTimeout as sleep} from 'node:timers/promises';

/**
 * When to look at the progress of long work. Short work needs no look. Later looks come less and less often: if an
 * index build lists open snapshots while we look, it waits for the transaction of the connection that looks, and
 * tries again only after its lock timeout.
 */
const FIRST_EVERY_MS = 400;
const LEAST_EVERY_MS = 5000;

/** Checks the progress of `work` repeatedly until it ends. */
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
