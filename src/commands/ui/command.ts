import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addFilterFlags,
  addPatienceFlags,
  addPriceFlags,
  addWindowFlags,
  type FilterFlags,
  type OutputFlags,
  type PatienceFlags,
  type PriceFlags,
  type ReadFlags,
  type WindowFlags,
} from '../../flags/declare.ts';
import {pricesOf} from '../../flags/prices.ts';
import {filterAtOf, patienceOf} from '../../flags/selection.ts';
import type {UiOptions} from './run.ts';

interface UiFlags extends ReadFlags, OutputFlags, WindowFlags, FilterFlags, PatienceFlags, PriceFlags {
  traffic?: boolean;
  mouse?: boolean;
}

/** The screens of `tail` over stored runs. */
const ui: CommandModule = {
  examples: [
    {line: 'ui', answer: 'all runs, newest first; ? shows the keys'},
    {line: 'ui --last 24h -q "error OR degraded"', answer: 'what went wrong in the last 24 hours'},
  ],
  declare: (command, context) => {
    addWindowFlags(command);
    addFilterFlags(command);
    command
      .optionsGroup('Show:')
      .option('--traffic', 'also HTTP requests without a run')
      .option('--mouse', 'use the mouse wheel and clicks; select text with Shift');
    addPatienceFlags(command);
    addPriceFlags(command);
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default ui;

function optionsOf(flags: UiFlags, context: Context): UiOptions {
  const terminal = context.terminal?.();
  if (!terminal || context.env.TERM === 'dumb')
    throw usageError('ui needs an interactive terminal.', 'agno-trace list prints runs anywhere.');
  return {
    terminal,
    ascii: flags.ascii,
    mouse: flags.mouse === true,
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    filterAt: filterAtOf(flags, context),
    query: flags.query ?? '',
    access: accessOf(flags, context),
  };
}
