import type {Command, Option} from 'commander';
import {STATES} from '../trace/states.ts';

/*
 * The shared flags: their declarations, and what the argument parser returns for them. The rest of this folder turns
 * that into values; the list of all commands needs none of it, so `--help` loads only this file.
 */

/** Values of the flags of every reading command. */
export interface DatabaseFlags {
  db?: string;
  schema?: string;
  tracesTable?: string;
  spansTable?: string;
  timeout?: string;
  /** Only `list` accepts several. */
  profile?: string[];
  dotenv?: string;
  runsDb?: string;
}

export function addDatabaseFlags(command: Command): Command {
  return command
    .option('--db <url>', 'database: the URL from your Python code, or a SQLite path')
    .option('--profile <name>', 'database of this profile (see agno-trace profile)', collect)
    .option('--dotenv <file>', 'read AGNO_TRACE_*, PG* and DATABASE_URL from this file; variables already set win')
    .option('--runs-db <url>', "database of Agno's own run table, if it is another one; helps confirm states")
    .option('--schema <name>', 'Postgres schema of the tables (default: found, else ai)')
    .option('--traces-table <name>', 'name of the traces table (default: agno_traces)')
    .option('--spans-table <name>', 'name of the spans table (default: agno_spans)')
    .option('--timeout <length>', 'time limit of one statement (default: 30s)');
}

export interface ReadFlags extends DatabaseFlags {
  output?: string;
  color?: string | boolean;
  printSql?: boolean;
  debug?: boolean;
}

export interface WindowFlags {
  since?: string;
  until?: string;
  last?: string;
}

export interface FilterFlags {
  session?: string[];
  user?: string[];
  agent?: string[];
  team?: string[];
  workflow?: string[];
  run?: string[];
  trace?: string[];
  kind?: string[];
  model?: string[];
  tool?: string[];
  name?: string[];
  state?: string[];
  status?: string[];
  error?: string | true;
  failed?: true;
  minDuration?: string;
  maxDuration?: string;
  minTokens?: string;
  query?: string;
}

export interface PatienceFlags {
  stalledAfter?: string;
  lostAfter?: string;
}

/** Repeated flags become a list. */
export const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

/**
 * The values of a flag if they differ between commands (formats, columns), for completion. Flags with the same values
 * everywhere are in `completion/values.ts`.
 */
export const FIXED_VALUES = new WeakMap<Option, readonly string[]>();

/** Declares the values of the last declared flag; its parser must use the same list. */
export function takesOneOf(command: Command, values: readonly string[]): Command {
  FIXED_VALUES.set(command.options.at(-1)!, values);
  return command;
}

/** Values that completion offers for a flag that also accepts others. */
export const OFFERED_VALUES = new WeakMap<Option, readonly string[]>();

/** Declares what completion offers for the last declared flag. */
export function offers(command: Command, values: readonly string[]): Command {
  OFFERED_VALUES.set(command.options.at(-1)!, values);
  return command;
}

export function addWindowFlags(command: Command): Command {
  return command
    .optionsGroup('When:')
    .option('--since <time>', 'started at or after: ISO, date, today, 24h (in the zone of --tz)')
    .option('--until <time>', 'started before')
    .option('--last <length>', 'started in the last 30m, 24h, 7d, 2w');
}

/** Filters for runs. Repeated values are alternatives. */
export function addFilterFlags(command: Command): Command {
  return addFilters(command, 'runs', {
    run: 'the run with this id',
    kind: 'runs of this kind, or with such a span: llm,tool,…',
    model: 'runs that call this model (* and ? allowed)',
    tool: 'runs that call this tool',
    name: 'runs with a span of this name',
    status: 'stored status of the trace row: OK, ERROR',
  }).option(...QUERY_FLAG);
}

/** The same flags where they filter single spans. */
export function addSpanFilterFlags(command: Command): Command {
  return addFilters(command, 'spans', {
    run: 'spans of the run with this id',
    kind: 'spans of this kind: llm,tool,…',
    model: 'calls of this model (* and ? allowed)',
    tool: 'calls of this tool',
    name: 'spans of this name',
    status: 'stored status of the span: OK, ERROR',
  }).option('-q, --query <query>', "spans that match, as in 'tool:web_search duration:>5s'");
}

function addFilters(
  command: Command,
  rows: 'runs' | 'spans',
  descriptions: Readonly<Record<'run' | 'kind' | 'model' | 'tool' | 'name' | 'status', string>>,
): Command {
  const within = rows === 'runs' ? 'runs of' : 'spans in runs of';
  return command
    .optionsGroup('Who (repeat for "or"):')
    .option('--session <id>', `${within} this session`, collect)
    .option('--user <id>', `${within} this user`, collect)
    .option('--agent <id>', `${within} this agent: id, or name with * and ?`, collect)
    .option('--team <id>', `${within} this team`, collect)
    .option('--workflow <id>', `${within} this workflow`, collect)
    .option('--run <id>', descriptions.run, collect)
    .option('--trace <id>', `${rows} in this trace`, collect)
    .optionsGroup('What:')
    .option('--kind <kinds>', descriptions.kind, collect)
    .option('--model <name>', descriptions.model, collect)
    .option('--tool <name>', descriptions.tool, collect)
    .option('--name <name>', descriptions.name, collect)
    .option('--state <states>', `computed state: ${STATES.join(', ')}`, collect)
    .option('--status <status>', descriptions.status, collect)
    .option('--error [text]', `${rows} with this text in an error; alone: --failed`)
    .option('--failed', 'short for --state error')
    .option('--min-duration <length>', `${rows} that took at least: 500ms, 2s, 1m`)
    .option('--max-duration <length>', `${rows} that took at most`)
    .option('--min-tokens <n>', `${rows} that used at least n tokens`);
}

/** The free query, as people know it from GitHub, Sentry and Datadog (docs/query.md). */
export const QUERY_FLAG = ['-q, --query <query>', "runs that match, as in 'agent:billing duration:>5s'"] as const;

export function addPatienceFlags(command: Command): Command {
  return command
    .optionsGroup('States:')
    .option('--stalled-after <length>', 'time without activity until stalled (default: 5m)')
    .option('--lost-after <length>', 'time without activity until lost (default: 1h)');
}

export interface PriceFlags {
  prices?: string;
}

export function addPriceFlags(command: Command): Command {
  return command.optionsGroup('Cost:').option('--prices <file>', 'your own model prices (docs/prices.md)');
}

export interface OutputFlags {
  format?: string;
  json?: boolean;
  jsonl?: boolean;
  ascii?: boolean;
  fields?: string;
  maxBytes?: string;
  skip?: string;
  output?: string;
}

/** @param isLong its JSON may be too long for a reader */
export function addOutputFlags(
  command: Command,
  formats: readonly string[],
  {printSql = true, isLong = false} = {},
): Command {
  command.optionsGroup('Output:').option('--format <format>', formats.join(', '));
  takesOneOf(command, formats)
    .option('--json', 'short for --format json')
    .option('--jsonl', 'short for --format jsonl');
  if (formats.includes('csv')) command.option('--fields <keys>', 'only these keys, in this order');
  else if (isLong) command.option('--fields <keys>', 'only these keys of each item, in this order');
  if (isLong)
    command
      .option('--max-bytes <n>', 'print only whole items, in at most n bytes of JSON')
      .option('--skip <n>', 'skip the first n items of JSON');
  if (!printSql) return command;
  return command
    .option('-o, --output <file>', 'write to a file; .json, .csv, … choose the format')
    .option('--print-sql', 'print the SQL statements instead of the answer');
}
