import type {Context} from '../context.ts';
import {trusted} from '../text/safe.ts';

/** A shorter wait needs no message. */
const QUIET_MS = 300;

/**
 * Runs `work` and shows its progress on stderr, on a terminal only and not at once.
 * @param work receives two functions: one to call with the number of spans so far and, if known, their total; and one
 * to call before it prints something
 */
export async function withProgress<T>(
  context: Context,
  what: string,
  work: (report: (spans: number, total?: number | null) => void, clear: () => void) => Promise<T>,
): Promise<T> {
  const {onProgress} = context;
  if (onProgress)
    return work(
      (done, total = null) => onProgress({what, done, total}),
      () => undefined,
    );
  if (!context.stderr.isTTY || !context.stdout.isTTY)
    return work(
      () => undefined,
      () => undefined,
    );
  const start = performance.now();
  let isShown = false;
  const clear = () => {
    if (isShown) context.stderr.write(trusted('\r\x1b[2K'));
    isShown = false;
  };
  try {
    return await work((spans, total = null) => {
      if (performance.now() - start < QUIET_MS) return;
      isShown = true;
      const of = total === null ? '' : ` of ${total}`;
      context.stderr.write(
        trusted(`\r\x1b[2K${what}: ${spans}${of} spans, ${((performance.now() - start) / 1000).toFixed(1)} s`),
      );
    }, clear);
  } finally {
    clear();
  }
}
