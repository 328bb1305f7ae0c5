import type {Command} from 'commander';
import {usageError} from '../errors.ts';
import {NO_FILTER, type RunFilter} from '../trace/filter.ts';
import {KINDS} from '../trace/kind.ts';
import {PATIENCE, type Patience} from '../trace/runs.ts';
import {STATES} from '../trace/state.ts';
import {parseChoices, parseCount, parseLength, parseMoment} from './values.ts';

export interface WindowFlags {
  since?: string;
  until?: string;
  last?: string;
}

export interface WhoFlags {
  session?: string[];
  user?: string[];
  agent?: string[];
  team?: string[];
  workflow?: string[];
  run?: string[];
  trace?: string[];
}

export interface WhatFlags {
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
}

export interface PatienceFlags {
  stalledAfter?: string;
  lostAfter?: string;
}

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

export function addWindowFlags(command: Command): Command {
  return command
    .optionsGroup('When:')
    .option('--since <time>', 'started at or after: ISO, date, today, 24h (times are UTC)')
    .option('--until <time>', 'started before')
    .option('--last <length>', 'started in the last 30m, 24h, 7d, 2w');
}

/** Repeated: any of them. */
export function addWhoFlags(command: Command): Command {
  return command
    .optionsGroup('Who (repeat for "or"):')
    .option('--session <id>', 'session of the run', collect)
    .option('--user <id>', 'user of the run', collect)
    .option('--agent <id>', 'run of this agent: id, or name with * and ?', collect)
    .option('--team <id>', 'run of this team', collect)
    .option('--workflow <id>', 'run of this workflow', collect)
    .option('--run <id>', 'run id', collect)
    .option('--trace <id>', 'trace id', collect);
}

export function addWhatFlags(command: Command): Command {
  return command
    .optionsGroup('What:')
    .option('--kind <kinds>', 'kind of run, or of a span it holds: agent,llm,tool,…', collect)
    .option('--model <name>', 'holds a call of this model (* and ? allowed)', collect)
    .option('--tool <name>', 'holds a call of this tool', collect)
    .option('--name <name>', 'holds a span of this name', collect)
    .option('--state <states>', `computed state: ${STATES.join(', ')}`, collect)
    .option('--status <status>', 'stored status of the trace row: OK, ERROR', collect)
    .option('--error [text]', 'with an error that contains the text; alone: --state error')
    .option('--failed', 'short for --state error')
    .option('--min-duration <length>', 'took at least: 500ms, 2s, 1m')
    .option('--max-duration <length>', 'took at most')
    .option('--min-tokens <n>', 'used at least so many tokens');
}

export function addPatienceFlags(command: Command): Command {
  return command
    .optionsGroup('States:')
    .option('--stalled-after <length>', 'an unfinished run counts as stalled after this silence (default: 5m)')
    .option('--lost-after <length>', 'and as lost after this (default: 1h)');
}

/** @throws UserError exit 2 for a window that holds nothing or says two things at once */
export function windowOf(
  {since, until, last}: WindowFlags,
  nowMicros: number,
): Pick<RunFilter, 'sinceMicros' | 'untilMicros'> {
  if (last !== undefined && since !== undefined)
    throw usageError('--last and --since say the same thing twice.', 'Pass one of them.');
  const sinceMicros =
    last !== undefined
      ? nowMicros - parseLength('--last', last) * 1000
      : since !== undefined
        ? parseMoment('--since', since, nowMicros)
        : null;
  const untilMicros = until === undefined ? null : parseMoment('--until', until, nowMicros);
  if (sinceMicros !== null && untilMicros !== null && sinceMicros >= untilMicros) {
    throw usageError(
      `the window is empty: --until "${until}" is not after its beginning.`,
      '--since is the earlier one.',
    );
  }
  return {sinceMicros, untilMicros};
}

export function filterOf(
  flags: WindowFlags & WhoFlags & WhatFlags & {traffic?: boolean},
  nowMicros: number,
): RunFilter {
  const states = parseChoices('--state', flags.state ?? [], STATES);
  const wantsError = flags.failed === true || flags.error === true;
  return {
    ...NO_FILTER,
    ...windowOf(flags, nowMicros),
    sessions: flags.session ?? [],
    users: flags.user ?? [],
    agents: flags.agent ?? [],
    teams: flags.team ?? [],
    workflows: flags.workflow ?? [],
    runs: flags.run ?? [],
    traces: flags.trace ?? [],
    kinds: parseChoices('--kind', flags.kind ?? [], KINDS),
    models: flags.model ?? [],
    tools: flags.tool ?? [],
    names: flags.name ?? [],
    errors: typeof flags.error === 'string' ? [flags.error] : [],
    states: wantsError ? [...new Set([...states, 'error' as const])] : states,
    statuses: (flags.status ?? []).flatMap(text => text.split(',')).map(text => text.trim().toUpperCase()),
    minDurationMs: flags.minDuration === undefined ? null : parseLength('--min-duration', flags.minDuration),
    maxDurationMs: flags.maxDuration === undefined ? null : parseLength('--max-duration', flags.maxDuration),
    minTokens: flags.minTokens === undefined ? null : parseCount('--min-tokens', flags.minTokens),
    traffic: flags.traffic ?? false,
  };
}

export function patienceOf({stalledAfter, lostAfter}: PatienceFlags): Patience {
  const patience = {
    stalledAfterMs: stalledAfter === undefined ? PATIENCE.stalledAfterMs : parseLength('--stalled-after', stalledAfter),
    lostAfterMs: lostAfter === undefined ? PATIENCE.lostAfterMs : parseLength('--lost-after', lostAfter),
  };
  if (patience.lostAfterMs < patience.stalledAfterMs)
    throw usageError('--lost-after is shorter than --stalled-after.', 'A run is stalled first, then lost.');
  return patience;
}
