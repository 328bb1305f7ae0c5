import {SIGNAL_CODES, type SignalCode} from '../errors.ts';
import {heedSignals} from '../ways-out.ts';

/** What ends a command that goes on until it is told to. */
export class Ending {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private readonly heedNoMore = heedSignals(SIGNALS);
  private readonly onSignal = (name: NodeJS.Signals) => {
    this.signalCode = SIGNAL_CODES[name as keyof typeof SIGNAL_CODES];
    this.heedNoMore();
    this.end();
  };
  /** The signal that ended it, as an exit code. */
  signalCode: SignalCode | null = null;
  isOutOfTime = false;

  /** @param afterMs null: no end by time */
  constructor(afterMs: number | null) {
    // Once: a second Ctrl-C ends the process at once, whatever hangs.
    for (const name of SIGNALS) process.once(name, this.onSignal);
    if (afterMs === null) return;
    this.timer = setTimeout(
      () => {
        this.isOutOfTime = true;
        this.end();
      },
      Math.min(afterMs, LONGEST_TIMER_MS),
    );
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    this.controller.abort();
  }

  /** Takes its hands off signals and time. */
  dispose(): void {
    clearTimeout(this.timer);
    this.heedNoMore();
    for (const name of SIGNALS) process.off(name, this.onSignal);
  }
}

const SIGNALS = Object.keys(SIGNAL_CODES) as (keyof typeof SIGNAL_CODES)[];
/** Node's timers hold 31 bits: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
