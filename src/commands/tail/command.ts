import path from 'node:path';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addFilterFlags,
  addPatienceFlags,
  addPriceFlags,
  type FilterFlags,
  type PatienceFlags,
  type PriceFlags,
  type ReadFlags,
  takesOneOf,
  type WindowFlags,
} from '../../flags/declare.ts';
import {pricesOf} from '../../flags/prices.ts';
import {filterAtOf, patienceOf, windowOf} from '../../flags/selection.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {CursorFile} from '../../follow/cursor-file.ts';
import type {Start} from '../../follow/start.ts';
import type {TailOptions} from './run.ts';

interface TailFlags extends ReadFlags, Pick<WindowFlags, 'since' | 'last'>, FilterFlags, PatienceFlags, PriceFlags {
  limit?: string;
  traffic?: boolean;
  plain?: boolean;
  mouse?: boolean;
  format?: string;
  jsonl?: boolean;
  ascii?: boolean;
  heartbeat: string;
  interval?: string;
  for?: string;
  maxRuns?: string;
  exitOnError?: boolean;
  cursorFile?: string;
}

const FORMATS = ['lines', 'jsonl'] as const;
const SHORTEST_INTERVAL_MS = 20;

const CLICKHOUSE = `
On ClickHouse each span is printed once if the table is a plain MergeTree. A
replicated, shared or distributed table is followed by created_at over the last
ten minutes: spans that become visible later are missed.`;

/** Runs as they happen. */
const tail: CommandModule = {
  examples: [
    {line: 'tail', answer: 'screens on a terminal (? shows the keys), lines in a pipe'},
    {
      line: 'tail --agent billing --exit-on-error --for 10m',
      answer: 'watch an agent for ten minutes; exit 7 once it fails',
    },
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Where to begin:')
      .option('-n, --limit <n>', 'begin with the newest n runs; 0: none (default: 10)')
      .option('--since <time>', 'begin with spans written since: ISO, date, today, 24h')
      .option('--last <length>', 'begin with spans of the last 30m, 24h, 7d')
      .option('--cursor-file <file>', 'resume where the last tail with it stopped');
    // It always follows; people who know other tails type this flag.
    command.option('-f, --follow').options.at(-1)!.hideHelp();
    addFilterFlags(command);
    command.option('--traffic', 'also HTTP requests, without and around runs');
    command
      .optionsGroup('When to end:')
      .option('--for <length>', 'end after this time')
      .option('--max-runs <n>', 'end after so many runs have ended')
      .option('--exit-on-error', 'end once a run fails or is lost; exit code 7');
    addPatienceFlags(command);
    addPriceFlags(command);
    command
      .optionsGroup('Output:')
      .option('--plain', 'print lines on a terminal too')
      .option('--mouse', 'use the mouse on screens; select text with Shift')
      .option('--format <format>', 'lines, jsonl');
    takesOneOf(command, FORMATS)
      .option('--jsonl', 'one JSON object for each event (docs/json.md)')
      .option('--heartbeat <length>', 'interval of heartbeats in jsonl; 0: none', '15s')
      .option('--interval <length>', 'time between polls (default: 200ms to 500ms)')
      .option('--print-sql', 'print the SQL statements of the first poll');
    command.addHelpText('after', CLICKHOUSE);
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default tail;

function optionsOf(flags: TailFlags, context: Context): TailOptions {
  const nowMicros = context.nowMicros();
  // `--since` and `--last` say where to begin; an earlier trace that still grows is included.
  const {since: _since, last: _last, ...others} = flags;
  const {sinceMicros} = windowOf(flags, nowMicros);
  if (flags.limit !== undefined && sinceMicros !== null)
    throw usageError('-n and --since or --last exclude each other.', 'Pass one of them.');
  const pollMs = flags.interval === undefined ? undefined : parseLength('--interval', flags.interval);
  if (pollMs !== undefined && pollMs < SHORTEST_INTERVAL_MS)
    throw usageError(`--interval "${flags.interval}" is too short.`, `The shortest is ${SHORTEST_INTERVAL_MS}ms.`);
  const heartbeatMs = flags.heartbeat === '0' ? 0 : parseLength('--heartbeat', flags.heartbeat);
  const maxRuns = flags.maxRuns === undefined ? null : parseCount('--max-runs', flags.maxRuns);
  if (maxRuns === 0) throw usageError('--max-runs "0" would end at once.', 'Write --max-runs 1.');
  const cursorFile =
    flags.cursorFile === undefined ? null : new CursorFile(path.resolve(context.cwd, flags.cursorFile));
  const cursor = cursorFile?.load() ?? null;
  const start: Start = cursor
    ? {from: 'cursor', cursor}
    : sinceMicros === null
      ? {from: 'now'}
      : {from: 'since', sinceMicros};
  const limit = flags.limit === undefined ? null : parseCount('-n', flags.limit);
  return {
    format: flags.jsonl
      ? 'jsonl'
      : flags.format === undefined
        ? 'lines'
        : parseChoice('--format', flags.format, FORMATS),
    mayBeScreens: mayBeScreens(flags),
    ascii: flags.ascii,
    mouse: flags.mouse === true,
    filterAt: filterAtOf(others, context),
    query: flags.query ?? '',
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    start,
    newestRuns: start.from === 'now' ? limit : 0,
    nowMicros,
    pollMs,
    heartbeatMs: heartbeatMs === 0 ? null : heartbeatMs,
    forMs: flags.for === undefined ? null : parseLength('--for', flags.for),
    forText: flags.for ?? '',
    maxRuns,
    exitOnError: flags.exitOnError ?? false,
    cursorFile,
    access: accessOf(flags, context),
  };
}

/** Flags that say how it ends, or in which form, imply lines. */
function mayBeScreens({
  plain,
  format,
  jsonl,
  printSql,
  for: length,
  maxRuns,
  exitOnError,
  cursorFile,
}: TailFlags): boolean {
  const saysForm = plain || format !== undefined || jsonl || printSql;
  return !(saysForm || length !== undefined || maxRuns !== undefined || exitOnError || cursorFile !== undefined);
}
