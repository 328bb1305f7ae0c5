import type {Context} from '../context.ts';
import {count, duration} from '../render/values.ts';
import {line, safe, trusted} from '../text/safe.ts';

const EVERY_MS = 200;

/** One line on stderr that is overwritten, on a terminal only. */
export class ProgressLine {
  private writtenMs = Number.NEGATIVE_INFINITY;
  private isShown = false;
  private readonly startMs = performance.now();

  constructor(
    private readonly context: Context,
    private readonly isQuiet: boolean,
  ) {}

  looking(what: string, traces: number): void {
    this.write(() => line`${trusted(what)}: ${count(traces)}`);
  }

  saying(text: string): void {
    this.write(() => safe(text));
  }

  /** With an estimate of the remaining time, from the pace so far. */
  deleting(done: number, all: number, waitsFor: string | null): void {
    this.write(() => {
      if (waitsFor) return line`${count(done)} of ${count(all)} traces; waiting for ${safe(waitsFor)}`;
      const ms = performance.now() - this.startMs;
      const left = done > 0 ? line`, about ${duration((ms / done) * (all - done))} left` : trusted('');
      return line`${count(done)} of ${count(all)} traces${left}`;
    }, waitsFor !== null);
  }

  clear(): void {
    if (this.isShown) this.context.stderr.write(trusted('\r\x1b[2K'));
    this.isShown = false;
  }

  private write(text: () => ReturnType<typeof line>, isNow = false): void {
    if (this.isQuiet || !this.context.stderr.isTTY) return;
    const now = performance.now();
    if (!isNow && now - this.writtenMs < EVERY_MS) return;
    this.writtenMs = now;
    this.isShown = true;
    this.context.stderr.write(line`\r\x1b[2K${text()}`);
  }
}
