import {setTimeout as sleep} from 'node:timers/promises';
import {TRAITS} from '../sql/traits.ts';
import {replacing, type Store} from './store.ts';
import {isStopped, isTimeout} from './timeout.ts';

/** Longest time for which work is retried. */
const PATIENCE_MS = 60_000;
const ASK_AGAIN_MS = 250;

/**
 * Repeats `work` while somebody else's lock makes it fail: long work should not fail for one busy moment.
 * @param onFailure called after each failed attempt; throwing stops the retries
 */
export async function patiently<T>(
  work: () => Promise<T>,
  onFailure: (error: unknown) => void = () => undefined,
): Promise<T> {
  const start = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isTimeout(error) || isStopped(error) || performance.now() - start > PATIENCE_MS) throw error;
      onFailure(error);
    }
    await sleep(ASK_AGAIN_MS * (0.5 + Math.random()));
  }
}

/** The same store with these retries on SQLite; a server's timeout is the user's own limit and is not retried. */
export function patient(store: Store): Store {
  if (TRAITS[store.dialect].isServer) return store;
  return replacing(store, {all: query => patiently(() => store.all(query))});
}
