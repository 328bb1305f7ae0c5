import {stopwatchMs} from './stopwatch.ts';

/*
 * A look at a trace of 20,000 spans takes longer than a key may wait. So what goes through all spans of a trace is a generator
 * that stops after each pass, and whoever runs it decides what happens then.
 */

/** Work that stops now and then; it ends with its result. */
export type Work<T> = Generator<undefined, T, undefined>;

/** Does work without a stop. */
export function finish<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** A person notices a key that waits for much longer. */
const LONGEST_MS = 10;

/** Lets keys, timers and signals have their turn in the midst of long work. */
export class Turns {
  private sinceMs = stopwatchMs();

  /** To be called often; mostly it does nothing. */
  async yieldIfLong(): Promise<void> {
    if (this.isLong()) await this.yield();
  }

  /** Does work, with a turn for others whenever it was long. */
  async finish<T>(work: Work<T>): Promise<T> {
    for (;;) {
      const step = work.next();
      if (step.done) return step.value;
      if (this.isLong()) await this.yield();
    }
  }

  private isLong(): boolean {
    return stopwatchMs() - this.sinceMs >= LONGEST_MS;
  }

  private async yield(): Promise<void> {
    await new Promise(resolve => setImmediate(resolve));
    this.sinceMs = stopwatchMs();
  }
}
