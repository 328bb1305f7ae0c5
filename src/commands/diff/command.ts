import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addOutputFlags,
  addPatienceFlags,
  addPriceFlags,
  type OutputFlags,
  type PatienceFlags,
  type PriceFlags,
  type ReadFlags,
} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {patienceOf} from '../../flags/selection.ts';
import {command as commandLine} from '../../text/shell.ts';
import type {DiffOptions} from './run.ts';

interface DiffFlags extends ReadFlags, OutputFlags, PatienceFlags, PriceFlags {
  median?: boolean;
  exitCode?: boolean;
  times?: string;
  all?: boolean;
}

const FORMATS = ['tree', 'json', 'jsonl'] as const;

/** Two runs side by side; their own ids and times are no difference. */
const diff: CommandModule = {
  examples: [
    {line: 'diff 9aa6 c11d', answer: 'what the second run did differently'},
    {
      line: 'diff latest --median --exit-code',
      answer: 'the newest run and a median one; exit 7 if they differ',
    },
  ],
  declare: (command, context) => {
    command
      .argument('<a>', 'run, trace, span or session id, a unique prefix, or "latest"')
      .argument('[b]', 'the other run')
      .optionsGroup('Compare:')
      .option('--median', 'compare with the run of median duration among the newest 200 good ones')
      .option('--exit-code', 'exit 7 if they differ in spans, prompts, answers or state')
      .option('--times <percent>', 'with --exit-code: also if time, tokens or cost differ by more')
      .option('--all', 'show all spans and all lines of every difference');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, FORMATS);
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default diff;

function optionsOf(flags: DiffFlags, context: Context, [a, b]: [string, string?]): DiffOptions {
  if (b !== undefined && flags.median)
    throw usageError(`--median chooses the other run, and "${b}" names one.`, 'Leave one of them out.');
  if (b === undefined && !flags.median)
    throw usageError(
      'diff needs two runs.',
      `${commandLine`agno-trace diff ${a}`} <b>, or ${commandLine`agno-trace diff ${a} --median`}`,
    );
  if (flags.times !== undefined && !flags.exitCode)
    throw usageError('--times is for --exit-code.', 'Times are always shown; add --exit-code.');
  return {
    first: a,
    second: b ?? null,
    format: formatOf(flags, FORMATS),
    percent: flags.times === undefined ? null : parsePercent(flags.times),
    exitCode: flags.exitCode ?? false,
    showsAll: flags.all ?? false,
    ascii: flags.ascii,
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    access: accessOf(flags, context),
  };
}

function parsePercent(text: string): number {
  const value = /^\s*(\d+(?:\.\d+)?)\s*%?\s*$/.exec(text)?.[1];
  if (value === undefined) throw usageError(`--times "${text}" is not a percentage.`, 'Write --times 20, or 20%.');
  return Number(value);
}
