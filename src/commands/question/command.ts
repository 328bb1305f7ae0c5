import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addFilterFlags,
  addOutputFlags,
  addPriceFlags,
  addSpanFilterFlags,
  addWindowFlags,
  type FilterFlags,
  type OutputFlags,
  offers,
  type PriceFlags,
  type ReadFlags,
  takesOneOf,
  type WindowFlags,
} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {formatOf, RECORD_FORMATS} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {attributePath} from '../../flags/query.ts';
import {filterAtOf} from '../../flags/selection.ts';
import {parseSort} from '../../flags/sort.ts';
import {
  parseAmount,
  parseChoice,
  parseCount,
  parseLargeCount,
  parseLength,
  parseMoment,
  parseShare,
} from '../../flags/values.ts';
import {type Ask, columnsOfAnswer, type FlagValue, type Question} from '../../questions/question.ts';
import {attributeNameIn} from '../../trace/asked-attributes.ts';
import type {QuestionOptions} from './run.ts';

/** Periods that completion offers; others are accepted too. */
const EVERY = ['1h', '6h', '1d', '1w'];
const LEAST_EVERY_MS = 60_000;

interface QuestionFlags extends ReadFlags, OutputFlags, WindowFlags, FilterFlags, PriceFlags {
  by?: string;
  /** Absent: the question's default; `time` if split by time. */
  sort?: string;
  limit: string;
  every?: string;
}

/** Creates the subcommand of a question. */
export function questionCommand(question: Question): CommandModule {
  return {
    examples: question.examples,
    declare: (command, context) => {
      addWindowFlags(command);
      (question.areRowsSpans ? addSpanFilterFlags : addFilterFlags)(command);
      command.optionsGroup('Question:');
      if (question.by) {
        const words = [...question.by, ...(question.byAttributes ? ['attr.NAME'] : [])];
        command.option('--by <what>', `rows are: ${words.join(', ')}`, question.by[0]);
        // Completion reads names of attributes after this beginning.
        if (question.byAttributes) offers(command, [...question.by, 'attr.']);
        else takesOneOf(command, question.by);
      }
      if (question.every) {
        command.option('--every <length>', 'one row for each interval: 1h, 1d, 1w');
        offers(command, EVERY);
      }
      for (const {flag, description, default: value, takes, takesAttributes} of Object.values(question.flags ?? {})) {
        command.option(flag, description, value);
        if (typeof takes === 'object' && takesAttributes) offers(command, [...takes, 'attr.']);
        else if (typeof takes === 'object') takesOneOf(command, takes);
      }
      const columns = question.sortable ?? Object.keys(columnsOfAnswer(question, question.every === true));
      const first = question.every ? `${question.sort}, with --every time` : question.sort;
      command.option('--sort <column>', `${columns.join(', ')}; -column: smallest first (default: ${first})`);
      takesOneOf(command, [...columns, ...columns.map(column => `-${column}`)]);
      const rows = question.sections ? 'rows of each kind; 0: all' : 'rows; 0: all';
      command.option('-n, --limit <n>', rows, String(question.limit ?? 20));
      addPriceFlags(command);
      addOutputFlags(command, formatsOf(question), {isLong: true});
      const options = (flags: QuestionFlags) => optionsOf(command.name(), question, flags, context);
      command.action(commandAction(context, options, () => import('./run.ts')));
    },
  };
}

function optionsOf(name: string, question: Question, flags: QuestionFlags, context: Context): QuestionOptions {
  const format = formatOf(flags, formatsOf(question));
  const everyMicros = everyOf(flags);
  const columns = columnsOfAnswer(question, everyMicros !== null);
  const fields = fieldsOf(flags, Object.keys(columns), format);
  const sortable = question.sortable
    ? Object.fromEntries(question.sortable.map(key => [key, columns[key]!] as const))
    : columns;
  const ownFlags = flags as unknown as Ask['flags'];
  question.checkFlags?.(ownFlags);
  const numbersAt = (nowMicros: number) => numbersOf(question, ownFlags, nowMicros);
  numbersAt(context.nowMicros());
  return {
    name,
    question,
    format,
    fields,
    fit: fittingOf(flags, format),
    ascii: flags.ascii,
    asked: {
      by: byOf(question, flags),
      everyMicros,
      sort: parseSort(flags.sort ?? (everyMicros === null ? question.sort : '-time'), sortable),
      limit: parseCount('--limit', flags.limit),
      flags: ownFlags,
    },
    numbersAt,
    filterAt: filterAtOf(flags, context),
    prices: pricesOf(flags, context),
    access: accessOf(flags, context),
  };
}

function byOf({by: choices, byAttributes}: Question, {by}: QuestionFlags): string {
  if (!choices) return '';
  if (byAttributes && isAttribute(by ?? '')) return by!;
  return parseChoice('--by', by ?? choices[0]!, byAttributes ? [...choices, 'attr.NAME'] : choices);
}

/** @throws UserError exit 2 for `attr.` and a name that no attribute can have */
function isAttribute(text: string): boolean {
  const name = attributeNameIn(text);
  if (name !== null) attributePath(name);
  return name !== null;
}

const formatsOf = ({formats = []}: Question) => [...RECORD_FORMATS, ...formats, 'html' as const];

function numbersOf(question: Question, flags: Ask['flags'], nowMicros: number): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [key, {flag, takes, takesAttributes}] of Object.entries(question.flags ?? {})) {
    const text = flags[key];
    const name = flag.split(' ', 1)[0]!;
    if (typeof text !== 'string' || takes === undefined) continue;
    if (takesAttributes && isAttribute(text)) continue;
    if (typeof takes === 'object') parseChoice(name, text, takes);
    else numbers[key] = PARSERS[takes](name, text, nowMicros);
  }
  return numbers;
}

const PARSERS: Readonly<
  Record<Exclude<FlagValue, readonly string[]>, (flag: string, text: string, nowMicros: number) => number>
> = {
  length: (flag, text) => 1000 * parseLength(flag, text),
  count: parseLargeCount,
  share: parseShare,
  usd: parseAmount,
  moment: parseMoment,
};

function everyOf({every}: QuestionFlags): number | null {
  if (every === undefined) return null;
  const ms = parseLength('--every', every);
  if (ms < LEAST_EVERY_MS) throw usageError(`--every "${every}" is too short.`, 'At least 1m, such as 1h or 1d.');
  return Math.round(ms * 1000);
}
