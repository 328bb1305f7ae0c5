import {setTimeout as sleep} from 'node:timers/promises';
import {EXIT, UserError} from '../errors.ts';
import {type Changes, type ChangesOptions, openChanges} from '../store/changes.ts';
import type {Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';

const ASK_AGAIN_MS = 1000;

/**
 * Opens the database for writing, exclusively: no other writing command of this tool may be running on it.
 * @param waitMs how long to wait for another one to end
 * @param offline SQLite: nobody at all may have the file open
 * @throws UserError exit 4 if another one is running
 */
export async function openAlone(
  source: Source,
  {tables, label}: Pick<Store, 'tables' | 'label'>,
  waitMs: number,
  options: Pick<ChangesOptions, 'offline' | 'isLong'> = {},
): Promise<Changes> {
  const changes = await openChanges(source, {tables, ...options});
  const until = performance.now() + waitMs;
  try {
    while (!(await changes.exclude())) {
      const leftMs = until - performance.now();
      if (leftMs <= 0)
        throw new UserError(EXIT.unreachable, `another agno-trace is changing "${label}" right now.`, {
          hint: 'Rerun the command when that one has ended, or wait for it: --lock-wait 10min',
        });
      await sleep(Math.min(ASK_AGAIN_MS, leftMs));
    }
    return changes;
  } catch (error) {
    await changes.close();
    throw error;
  }
}
