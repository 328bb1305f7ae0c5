import {setTimeout as sleep} from 'node:timers/promises';
import {replacing, type Store} from './store.ts';
import {isTimeout} from './timeout.ts';

/** Longest time that one read is tried again. */
const PATIENCE_MS = 60_000;
const ASK_AGAIN_MS = 250;

/**
 * Runs `work` again where it waited for a lock in vain: a busy writer of a file in rollback mode can leave a reader no gap for
 * seconds.
 */
export async function untilFree<T>(work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isTimeout(error) || performance.now() - start > PATIENCE_MS) throw error;
    }
    await sleep(ASK_AGAIN_MS * (0.5 + Math.random()));
  }
}

/** The same store; a read that waited for a writer in vain is tried again: a plan takes long, and no cron job should fail for it. */
export function patient(store: Store): Store {
  if (store.dialect !== 'sqlite') return store;
  return replacing(store, {all: query => untilFree(() => store.all(query))});
}
