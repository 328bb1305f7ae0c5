import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {NO_FILTER, type Query, type RunFilter} from '../trace/filter.ts';
import {KINDS} from '../trace/kind.ts';
import {PATIENCE, type Patience} from '../trace/runs.ts';
import {STATES} from '../trace/states.ts';
import {isoTime} from '../trace/time.ts';
import type {FilterFlags, PatienceFlags, WindowFlags} from './declare.ts';
import {LONGEST_TEXT, parseQuery, queryNote, STATUSES} from './query.ts';
import {parseChoices, parseCount, parseLength, parseMoment} from './values.ts';

/** @throws UserError exit 2 for a window that is empty or contradicts itself */
export function windowOf(
  {since, until, last}: WindowFlags,
  nowMicros: number,
): Pick<RunFilter, 'sinceMicros' | 'untilMicros'> {
  if (last !== undefined && since !== undefined)
    throw usageError('--last and --since both set the start.', 'Pass one of them.');
  const sinceMicros =
    last !== undefined
      ? nowMicros - parseLength('--last', last) * 1000
      : since !== undefined
        ? parseMoment('--since', since, nowMicros)
        : null;
  if (sinceMicros !== null && isoTime(sinceMicros) === null) {
    const [flag, text] = last !== undefined ? ['--last', last] : ['--since', since];
    throw usageError(`${flag} "${text}" is too far in the past.`, 'Leave it out, or write 7d.');
  }
  const untilMicros = until === undefined ? null : parseMoment('--until', until, nowMicros);
  if (sinceMicros !== null && untilMicros !== null && sinceMicros >= untilMicros) {
    throw usageError(
      `the window is empty: --until "${until}" is not after its start.`,
      '--since must be the earlier time.',
    );
  }
  return {sinceMicros, untilMicros};
}

/** Flags whose texts become patterns of SQL. */
const PATTERNS = ['agent', 'team', 'workflow', 'model', 'tool', 'name', 'error'] as const;

export function filterOf(flags: WindowFlags & FilterFlags & {traffic?: boolean}, nowMicros: number): RunFilter {
  const states = parseChoices('--state', flags.state ?? [], STATES);
  const wantsError = flags.failed === true || flags.error === true;
  for (const name of PATTERNS)
    for (const text of [flags[name] ?? []].flat())
      if (typeof text === 'string' && text.length > LONGEST_TEXT)
        throw usageError(`--${name} is ${text.length} characters long.`, `At most ${LONGEST_TEXT} fit.`);
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
    statuses: parseChoices('--status', flags.status ?? [], STATUSES).map(status => status.toUpperCase()),
    minDurationMs: flags.minDuration === undefined ? null : parseLength('--min-duration', flags.minDuration),
    maxDurationMs: flags.maxDuration === undefined ? null : parseLength('--max-duration', flags.maxDuration),
    minTokens: flags.minTokens === undefined ? null : parseCount('--min-tokens', flags.minTokens),
    traffic: flags.traffic ?? false,
    query: flags.query === undefined ? null : parseQuery(flags.query, nowMicros),
  };
}

/** The runs that flags select, by the clock of the database, which is known later; on screens with another query. */
export type FilterAt = (nowMicros: number, query?: string) => RunFilter;

/** @throws UserError at once for wrong flags */
export function filterAtOf(flags: WindowFlags & FilterFlags & {traffic?: boolean}, context: Context): FilterAt {
  filterOf(flags, context.nowMicros());
  noteQuery(flags.query, context);
  return (nowMicros, query) =>
    filterOf(query === undefined ? flags : {...flags, query: query === '' ? undefined : query}, nowMicros);
}

/** Like `filterAtOf`, for a command that has only `-q`. */
export function queryAtOf({query}: Pick<FilterFlags, 'query'>, context: Context): (nowMicros: number) => Query | null {
  const queryAt = (nowMicros: number) => (query === undefined ? null : parseQuery(query, nowMicros));
  queryAt(context.nowMicros());
  noteQuery(query, context);
  return queryAt;
}

function noteQuery(query: string | undefined, {notes}: Context): void {
  const note = query === undefined ? null : queryNote(query);
  if (note !== null) notes.push(note);
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
