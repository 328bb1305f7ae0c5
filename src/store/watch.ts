/**
 * The first look comes at once, later ones less and less often: a build of an index that lists open snapshots while we look
 * waits for the whole transaction of the connection that looks, and is only tried again after its lock timeout.
 */
const FIRST_EVERY_MS = 400;
const LEAST_EVERY_MS = 5000;

/** Looks again and again how far `work` is, until it ends. */
export async function whileWatching(work: Promise<void>, look: () => Promise<void>): Promise<void> {
  const start = performance.now();
  let isOver = false;
  let wake: () => void = () => undefined;
  const working = work.finally(() => {
    isOver = true;
    wake();
  });
  const watching = (async () => {
    while (!isOver) {
      await look();
      const everyMs = Math.min(LEAST_EVERY_MS, FIRST_EVERY_MS + (performance.now() - start) / 10);
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, everyMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (isOver) wake();
      });
    }
  })();
  const [worked, seen] = await Promise.allSettled([working, watching]);
  if (worked.status === 'rejected') throw worked.reason;
  if (seen.status === 'rejected') throw seen.reason;
}
