import path from 'node:path';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type AgeFlags, cutoffMicrosOf} from '../../flags/age.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addFilterFlags,
  addOutputFlags,
  addPatienceFlags,
  type FilterFlags,
  type OutputFlags,
  type PatienceFlags,
  type ReadFlags,
  takesOneOf,
} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import {filterAtOf, patienceOf} from '../../flags/selection.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {type WritingFlags, writingOf} from '../../flags/writing.ts';
import {KEEP_LAST_PER, type Selection} from '../../retention/rules.ts';
import {takesEveryRun, withQueryFlags} from '../../trace/filter.ts';
import type {PruneOptions} from './run.ts';

interface PruneFlags extends ReadFlags, OutputFlags, FilterFlags, PatienceFlags, AgeFlags, WritingFlags {
  ageBy?: string;
  keepErrors?: boolean;
  keepLast?: string;
  per?: string;
  traffic?: boolean;
  orphans?: boolean;
  expectMax?: string;
  archive?: string;
  maxRows?: string;
  maxRuntime?: string;
  settle?: string;
  quiet?: boolean;
}

const FORMATS = ['table', 'json'] as const;
const AGE_RULES = ['last-activity'] as const;
const SETTLE_MS = 30_000;

/** Deletes old traces: plan first, in small batches, never anything that is still being written. */
const prune: CommandModule = {
  examples: [
    {line: 'prune --older-than 30d', answer: 'show the plan, then ask'},
    {
      line: 'prune --older-than 30d --keep-errors --archive old.ndjson.gz',
      answer: 'keep failed runs; archive the rest before deleting',
    },
    {
      line: 'prune --older-than 90d --yes --quiet --max-runtime 20min',
      answer: 'for cron: print one line; exit 6 if time was up',
    },
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Age (a trace is as old as its newest span):')
      .option('--older-than <age>', 'delete only traces older than 12h, 30d, 8w')
      .option('--before <time>', 'delete only traces older than this: ISO or a date, UTC')
      .option('--age-by <rule>', 'last-activity (the only rule)');
    takesOneOf(command, AGE_RULES);
    addFilterFlags(command);
    command
      .optionsGroup('What to keep, what else to delete:')
      .option('--keep-errors', 'keep traces with a failed run')
      .option('--keep-last <n>', 'keep the newest n runs of each --per')
      .option('--per <what>', 'agent, session, user, workflow');
    takesOneOf(command, KEEP_LAST_PER);
    command
      .option('--traffic', 'delete only HTTP requests without a run')
      .option('--orphans', 'also delete spans whose trace row is gone');
    command
      .optionsGroup('How:')
      .option('--dry-run', 'show the plan and delete nothing')
      .option('--yes', 'do not ask')
      .option('--expect-max <n>', 'refuse to delete more than n traces; --yes needs it to delete more than half')
      .option('--archive <file>', 'write what is deleted to a file first; .gz compresses it')
      .option('--max-rows <n>', 'stop after so many rows (traces and spans)')
      .option('--max-runtime <length>', 'stop after this time: 20min')
      .option('--lock-wait <length>', 'wait this long for another prune (default: do not)')
      .option('--settle <length>', 'wait before deleting (default: 30s); 0 with --force')
      .option('--force', 'allow an age below 1h, and a shorter --settle')
      .option('--quiet', 'print only the result, in one line');
    addPatienceFlags(command);
    addOutputFlags(command, FORMATS, {printSql: false});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default prune;

/** Checks everything that can be wrong about the flags, before a database is read. */
function optionsOf(flags: PruneFlags, context: Context): PruneOptions {
  if (flags.ageBy !== undefined) parseChoice('--age-by', flags.ageBy, AGE_RULES);
  const cutoffAt = (nowMicros: number) => cutoffMicrosOf(flags, nowMicros);
  cutoffAt(context.nowMicros());
  const selection = selectionOf(flags, context);
  const settleMs =
    flags.settle === undefined ? SETTLE_MS : flags.settle.trim() === '0' ? 0 : parseLength('--settle', flags.settle);
  if (settleMs < SETTLE_MS && !flags.force)
    throw usageError(
      `--settle "${flags.settle}" is less than 30s: spans that are just being written could lose their trace.`,
      'Leave it out, or add --force if nothing writes to this database.',
    );
  return {
    ...writingOf(flags),
    format: formatOf(flags, FORMATS),
    ascii: flags.ascii,
    quiet: flags.quiet ?? false,
    cutoffAt,
    selection,
    words: wordsOf(flags),
    orphans: flags.orphans ?? false,
    archive: flags.archive === undefined ? null : path.resolve(context.cwd, flags.archive),
    settleMs,
    patience: patienceOf(flags),
    expectMax: flags.expectMax === undefined ? null : parseCount('--expect-max', flags.expectMax),
    maxRows: flags.maxRows === undefined ? null : parseCount('--max-rows', flags.maxRows),
    maxRuntimeMs: flags.maxRuntime === undefined ? null : parseLength('--max-runtime', flags.maxRuntime),
    access: accessOf(flags, context),
  };
}

function selectionOf(flags: PruneFlags, context: Context): Selection {
  const filter = withQueryFlags(filterAtOf(flags, context)(context.nowMicros()));
  const hasFilter = !takesEveryRun(filter, ['traffic']);
  const hasAge = flags.olderThan !== undefined || flags.before !== undefined;
  if (!hasAge && !hasFilter && !flags.traffic)
    throw usageError(
      'prune needs an age, or runs to choose.',
      'For example --older-than 30d; everything there is: --older-than 1h, and it will ask.',
    );
  const runs = flags.keepLast === undefined ? null : parseCount('--keep-last', flags.keepLast);
  if ((runs === null) !== (flags.per === undefined))
    throw usageError('--keep-last and --per go together.', 'For example --keep-last 100 --per agent');
  return {
    filter: hasFilter ? filter : null,
    trafficOnly: flags.traffic ?? false,
    keepErrors: flags.keepErrors ?? false,
    keepLast: runs === null ? null : {runs, per: parseChoice('--per', flags.per!, KEEP_LAST_PER)},
  };
}

/** The selection as it was typed. */
function wordsOf(flags: PruneFlags): string {
  const words: string[] = [];
  const say = (flag: string, value: string | number | readonly string[] | boolean | undefined) => {
    if (value === undefined || value === false) return;
    for (const one of Array.isArray(value) ? value : [value]) words.push(one === true ? flag : `${flag} ${one}`);
  };
  for (const [key, value] of Object.entries(flags)) {
    if (!SELECTING.has(key)) continue;
    say(`--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`, value as string);
  }
  return words.length === 0 ? 'all traces' : `traces with ${words.join(' ')}`;
}

const SELECTING = new Set([
  ...['session', 'user', 'agent', 'team', 'workflow', 'run', 'trace'],
  ...[
    'kind',
    'model',
    'tool',
    'name',
    'state',
    'status',
    'error',
    'failed',
    'minDuration',
    'maxDuration',
    'minTokens',
    'query',
  ],
  ...['keepErrors', 'keepLast', 'per', 'traffic', 'orphans', 'olderThan', 'before'],
]);
