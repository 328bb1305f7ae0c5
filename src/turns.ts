import {stopwatchMs} from './stopwatch.ts';

/*
 * Processing a trace of 20,000 spans takes longer than a key may wait. So code that goes through all spans of a trace
 * is a generator that yields between passes, and its caller decides what happens then.
 */

/** Work that yields now and then; it ends with its result. */
export type Work<T> = Generator<undefined, T, undefined>;

/** Runs work without interruption. */
export function finish<T>(work: Work<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** A person notices if a key waits much longer. */
const LONGEST_MS = 10;

/** Gives keys, timers and signals a turn during long work. */
export class Turns {
  private sinceMs = stopwatchMs();

  /** Call it often; mostly it does nothing. */
  async yieldIfLong(): Promise<void> {
    if (this.isLong()) await this.yield();
  }

  /** Runs work, and gives others a turn whenever it took long. */
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
