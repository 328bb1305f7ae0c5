import type {Context} from '../../context.ts';
import {own} from '../../text/safe.ts';
import {heedSignals} from '../../ways-out.ts';

interface Stoppable {
  readonly context: Context;
  /** The database that is written; it is told to be quick. */
  readonly changes: {hurry?(): void};
  /** What is not begun any more. */
  readonly unit: 'batch' | 'step';
}

/**
 * Runs `work` so that the first Ctrl-C or SIGTERM lets it end what is under way; the second one ends the process. The database
 * takes an open transaction back when its connection goes.
 */
export async function stoppable<T>(
  {context, changes, unit}: Stoppable,
  work: (stop: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    controller.abort();
    context.stderr.write(own(`\nstopping after this ${unit}; again: at once\n`));
    changes.hurry?.();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const heedNoMore = heedSignals(signals);
  for (const signal of signals) process.on(signal, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    heedNoMore();
    for (const signal of signals) process.off(signal, onSignal);
  }
}
