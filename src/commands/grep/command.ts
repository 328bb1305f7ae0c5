import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addFilterFlags,
  addOutputFlags,
  addPatienceFlags,
  addWindowFlags,
  collect,
  type FilterFlags,
  type OutputFlags,
  type PatienceFlags,
  type ReadFlags,
  type WindowFlags,
} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {formatOf, RECORD_FORMATS} from '../../flags/output.ts';
import {filterAtOf, patienceOf} from '../../flags/selection.ts';
import {parseChoices, parseCount} from '../../flags/values.ts';
import {PLACES, type SearchPlace} from '../../trace/places.ts';
import {Pattern} from './pattern.ts';
import type {GrepCommandOptions} from './run.ts';

interface GrepFlags extends ReadFlags, OutputFlags, WindowFlags, FilterFlags, PatienceFlags {
  fixedStrings?: boolean;
  ignoreCase?: boolean;
  caseSensitive?: boolean;
  word?: boolean;
  in?: string[];
  repeats?: boolean;
  limit?: string;
  context: string;
  count?: boolean;
  listRuns?: boolean;
  traffic?: boolean;
}

const DEFAULT_PLACES: readonly SearchPlace[] = ['name', 'input', 'output', 'args', 'error'];
const DEFAULT_LIMIT = 100;

const RUN_KEYS = ['runId', 'traceId', 'spanId', 'name', 'kind', 'state', 'startTime'] as const;
/** Keys of the records, by output shape. */
const KEYS = {
  hits: [
    ...['runId', 'traceId', 'spanId', 'runName', 'runState', 'runStartTime', 'kind', 'name', 'path', 'place', 'where'],
    ...['line', 'text', 'matches', 'before', 'after'],
  ],
  count: [...RUN_KEYS, 'hits'],
  runs: RUN_KEYS,
} as const;

/** Searches for a pattern in the inputs and outputs of every span, run by run, newest first. */
const grep: CommandModule = {
  examples: [
    {line: "grep 'customs hold' --last 7d", answer: 'where these words are, newest run first'},
    {
      line: "grep 'order_id.*44\\d\\d' --in args --count",
      answer: 'how often each run called a tool with such an order',
    },
  ],
  declare: (command, context) => {
    command
      .argument('<pattern>', 'JavaScript regular expression, also /pattern/i')
      .optionsGroup('Pattern:')
      .option('-F, --fixed-strings', 'the pattern is plain text')
      .option('-i, --ignore-case', 'ignore case (default if all is in lower case)')
      .option('-s, --case-sensitive', 'match case')
      .option('-w, --word', 'match whole words only')
      .optionsGroup('Where:')
      .option('--in <places>', 'name, input, output, args, error (default: these), attributes', collect)
      .option('--repeats', 'also repeats of a text, as in each later model call');
    addWindowFlags(command);
    addFilterFlags(command);
    command
      .optionsGroup('Answer:')
      .option('-n, --limit <n>', 'hits (default: 100), or runs with -c, -l; 0: all')
      .option('-C, --context <n>', 'lines before and after each hit', '0')
      .option('-c, --count', 'print how many hits each run has')
      .option('-l, --list-runs', 'print run ids only')
      .option('--traffic', 'also HTTP requests without a run');
    addPatienceFlags(command);
    addOutputFlags(command, RECORD_FORMATS, {isLong: true});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default grep;

function optionsOf(flags: GrepFlags, context: Context, [text]: [string]): GrepCommandOptions {
  if (flags.count && flags.listRuns) throw usageError('--count and -l are two answers.', 'Pass one of them.');
  if (flags.ignoreCase && flags.caseSensitive) throw usageError('-i and -s say opposite things.', 'Pass one of them.');
  const shape = flags.count ? 'count' : flags.listRuns ? 'runs' : 'hits';
  const format = formatOf(flags, RECORD_FORMATS);
  return {
    format,
    shape,
    fields: fieldsOf(flags, KEYS[shape], format),
    fit: fittingOf(flags, format),
    limit: flags.limit === undefined ? (shape === 'hits' ? DEFAULT_LIMIT : 0) : parseCount('--limit', flags.limit),
    pattern: new Pattern(text, {
      fixed: flags.fixedStrings ?? false,
      ignoreCase: flags.ignoreCase ? true : flags.caseSensitive ? false : null,
      word: flags.word ?? false,
    }),
    text,
    places: flags.in === undefined ? DEFAULT_PLACES : parseChoices('--in', flags.in, PLACES),
    linesAround: parseCount('--context', flags.context),
    repeats: flags.repeats ?? false,
    ascii: flags.ascii,
    patience: patienceOf(flags),
    filterAt: filterAtOf(flags, context),
    access: accessOf(flags, context),
  };
}
