const LOOK_EVERY_MS = 400;

/** Looks again and again how far `work` is, until it ends. */
export async function whileWatching(work: Promise<void>, look: () => Promise<void>): Promise<void> {
  let isOver = false;
  let wake: () => void = () => undefined;
  const working = work.finally(() => {
    isOver = true;
    wake();
  });
  const watching = (async () => {
    while (!isOver) {
      await look();
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS);
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
