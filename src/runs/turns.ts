import {replacing, type Store} from '../store/store.ts';

/** A person notices a key that waits for much longer. */
const LONGEST_MS = 10;

/** Lets keys, timers and signals have their turn in the midst of long work. */
export class Turns {
  private sinceMs = performance.now();

  /** To be called often; mostly it does nothing. */
  async yieldIfLong(): Promise<void> {
    if (performance.now() - this.sinceMs < LONGEST_MS) return;
    await new Promise(resolve => setImmediate(resolve));
    this.sinceMs = performance.now();
  }
}

/**
 * `store` for the screens: keys and timers have their turn between statements. SQLite answers within the call, and then an
 * `await` alone lets nobody else in.
 */
export function takingTurns(store: Store): Store {
  const turns = new Turns();
  return replacing(store, {
    all: async query => {
      await turns.yieldIfLong();
      return store.all(query);
    },
  });
}
