import type {Context} from '../context.ts';
import {SIGNAL_CODES, type SignalCode} from '../errors.ts';
import {trusted} from '../text/safe.ts';
import {heedSignals} from '../ways-out.ts';

/** The reasons to end a command that would otherwise run for ever. */
export class Ending {
  private readonly controller = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private readonly heedNoMore = heedSignals(SIGNALS);
  private readonly onSignal = (name: NodeJS.Signals) => {
    this.signalCode = SIGNAL_CODES[name as keyof typeof SIGNAL_CODES];
    this.letSignalsPass();
    this.end();
    this.onStop?.();
  };
  /** The signal that ended it, as an exit code. */
  signalCode: SignalCode | null = null;
  isOutOfTime = false;

  /**
   * @param afterMs null: no time limit
   * @param onStop called after a signal
   */
  constructor(
    afterMs: number | null,
    private readonly onStop?: () => void,
  ) {
    for (const name of SIGNALS) process.on(name, this.onSignal);
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

  /** The next signal ends the process at once, whatever hangs. */
  private letSignalsPass(): void {
    this.heedNoMore();
    for (const name of SIGNALS) process.off(name, this.onSignal);
  }

  end(): void {
    this.controller.abort();
  }

  /** Stops handling signals and time. */
  dispose(): void {
    clearTimeout(this.timer);
    this.letSignalsPass();
  }
}

const SIGNALS = Object.keys(SIGNAL_CODES) as (keyof typeof SIGNAL_CODES)[];
/** Node's timers have 31 bits: 24 days. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface Stoppable {
  readonly context: Context;
  /** The database that is being written; it is asked to stop soon. */
  readonly changes: {hurry?(): void};
  /** What will not be begun any more. */
  readonly unit: 'batch' | 'step';
}

/**
 * Runs `work` so that the first signal lets it finish its current unit; the second one ends the process. The database
 * rolls back an open transaction when its connection closes.
 */
export async function stoppable<T>(
  {context, changes, unit}: Stoppable,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new Ending(null, () => {
    context.stderr.write(trusted(`\nstopping after this ${unit}; press ^C again to stop now\n`));
    changes.hurry?.();
  });
  try {
    return await work(ending.signal);
  } finally {
    ending.dispose();
  }
}
