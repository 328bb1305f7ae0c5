import {EXIT, UserError, usageError} from '../errors.ts';
import {IS_OF_AGENT} from '../runs/kind.ts';
import {hasBeginning, hasIndexes, IS_RUN_NAME} from '../runs/look-up.ts';
import {NEWEST, NO_TRACES, newestRuns} from '../runs/names.ts';
import {inTraces, loadSpans} from '../runs/spans.ts';
import {spansThatPass} from '../runs/stretches.ts';
import {attributeLike, attributeText, orOpaque, startsWith, time} from '../sql/fragments.ts';
import {join, raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {type Evidence, evidenceOf, type Store} from '../store/store.ts';
import {command} from '../text/shell.ts';
import {KEY} from '../trace/attributes.ts';
import {agnoTime} from '../trace/time.ts';

/** What an id names. */
export type Target =
  | {readonly kind: 'run'; readonly id: string; readonly traceIds: readonly string[]}
  | {readonly kind: 'trace'; readonly id: string}
  | {readonly kind: 'span'; readonly id: string; readonly traceId: string}
  | {readonly kind: 'session'; readonly id: string};

interface FindOptions {
  /** Called during a search through spans that no index helps with. */
  readonly onProgress?: (spans: number) => void;
  /**
   * False: the caller asks again and again for an id that does not exist yet, so do not read more to suggest what may
   * have been meant.
   */
  readonly explains?: boolean;
}

/** Shorter prefixes match half of the table; git also requires four. */
const SHORTEST_PREFIX = 4;
const SHOWN_CANDIDATES = 8;
/** Agno writes a run's row during the run; hosts' clocks differ. */
const AROUND_RUN_SECONDS = 600;

/**
 * Finds the run, trace, span or session that an id or a unique prefix names. Searches the indexes first (trace rows,
 * spans, Agno's run table), then the spans themselves: behind HTTP only the spans have a run's id
 * (docs/measurements.md, Large tables).
 * @throws UserError exit 3 if nothing or more than one thing matches
 */
export async function findTarget(store: Store, text: string, options: FindOptions = {}): Promise<Target> {
  // Lists show an unfinished run, which has no id yet, as `~` and its trace.
  const id = text.replace(/^~/, '');
  const {scansForIds} = TRAITS[store.dialect];
  if (id.trim() === '')
    throw usageError('the id is empty.', 'Pass a run, trace, span or session id, a prefix of one, or "latest".');
  // One statement finds both if a prefix costs no more.
  const begun = scansForIds && id.length >= SHORTEST_PREFIX ? await lookUp(store, id, true) : null;
  const exact = begun ? begun.filter(match => match.id === id) : await lookUp(store, id, false);
  if (exact.length > 0) return choose(store, text, exact, options);
  if (id.length >= SHORTEST_PREFIX) {
    const prefixed = begun ?? (await lookUp(store, id, true));
    if (prefixed.length > 0) {
      const own = isGenerated(id) ? [] : await searchSpans(store, id, true, options);
      const meant = own.filter(match => match.id === id);
      return choose(store, text, meant.length > 0 ? meant : prefixed, options);
    }
  }
  for (const byName of [true, false]) {
    const found = await searchSpans(store, id, byName, options);
    if (found.length > 0) return choose(store, text, found, options);
  }
  throw options.explains === false ? unknownId(text) : await notFound(store, text);
}

/**
 * A generated id is never the beginning of another one. Ids that people choose may be ("order-1", "order-12"), and
 * behind HTTP only the spans have a session's id: the longer one must not be mistaken for it.
 */
function isGenerated(id: string): boolean {
  return /^[0-9a-f-]+$/i.test(id);
}

/** What people type for the newest run. */
const LATEST = /^@?(last|newest|recent|current|head)$/i;

/** The error that nothing has this id, with what may have been meant: the newest run, or runs with such a name. */
export async function notFound(store: Store, text: string): Promise<UserError> {
  const fail = (message: string, hint: string) => new UserError(EXIT.notFound, message, {hint});
  const message = `no run, trace, span or session starts with "${text}".`;
  if (LATEST.test(text)) return fail(message, 'Did you mean latest? agno-trace show latest shows the newest run.');
  const known = await newestRuns(store, NEWEST);
  if (known.length === 0) return fail('there are no traces yet.', NO_TRACES);
  const named = known.find(({record}) => record.name?.toLowerCase().includes(text.toLowerCase()));
  if (named && named.record.name !== null) {
    const {name, runId, traceId} = named.record;
    const show = command`agno-trace show ${(runId ?? traceId).slice(0, 8)}`;
    return fail(message, `It is part of the name ${name}, whose newest run is: ${show}`);
  }
  return unknownId(text);
}

function unknownId(text: string): UserError {
  const fail = (hint: string) =>
    new UserError(EXIT.notFound, `no run, trace, span or session starts with "${text}".`, {hint});
  if (text.replace(/^~/, '').length < SHORTEST_PREFIX)
    return fail(`A prefix needs at least ${SHORTEST_PREFIX} characters; agno-trace list shows the ids.`);
  return fail(
    'agno-trace list has the ids of runs; that of a run at work is stored when it ends: agno-trace list --state running',
  );
}

interface Match {
  readonly kind: Target['kind'];
  readonly id: string;
  readonly traceId: string | null;
}

/** Everything that an index finds: ids that equal `id`, or begin with it. */
async function lookUp(store: Store, id: string, asPrefix: boolean): Promise<Match[]> {
  const test = (column: string): Sql => {
    if (!asPrefix) return sql`${raw(column)} = ${id}`;
    // A range for the index, wide enough for every collation, and the exact test on the rows in it.
    return sql`${raw(column)} >= ${id} and ${raw(column)} < ${`${id}zzzz`} and ${startsWith(raw(column), id)}`;
  };
  const part = (kind: string, column: string, trace: string, role: 'spans' | 'traces' | 'runs', more = raw('')): Sql =>
    sql`select * from (select distinct ${raw(`'${kind}'`)} as kind, ${raw(column)} as id, ${raw(trace)} as trace_id from ${table(role)} x where ${test(column)} ${more}${idFirst} limit ${SHOWN_CANDIDATES * 4}) p${raw(String(partCount++))}`;
  let partCount = 0;
  // The id itself sorts first among those that begin with it.
  const idFirst = raw(TRAITS[store.dialect].scansForIds ? ' order by id' : '');
  const evidence = evidenceOf(store);
  const ofRuns = evidence.tables.runs
    ? [part('run', 'x.run_id', 'null', 'runs'), part('session', 'x.session_id', 'null', 'runs')]
    : [];
  const parts = [
    part('trace', 'x.trace_id', 'x.trace_id', 'traces'),
    part('span', 'x.span_id', 'x.trace_id', 'spans'),
    part('trace', 'x.trace_id', 'x.trace_id', 'spans'),
    part('span', 'x.parent_span_id', 'x.trace_id', 'spans'),
    part('run', 'x.run_id', 'x.trace_id', 'traces'),
    part('session', 'x.session_id', 'null', 'traces'),
  ];
  if (evidence === store) return loadMatches(store, [...parts, ...ofRuns]);
  const found = [loadMatches(store, parts), ...(ofRuns.length > 0 ? [loadMatches(evidence, ofRuns)] : [])];
  return (await Promise.all(found)).flat();
}

async function loadMatches(from: Evidence, parts: readonly Sql[]): Promise<Match[]> {
  const rows = await from.all<{kind: Target['kind']; id: unknown; trace_id: unknown}>(sql`
select distinct kind, id, trace_id
  from (${join(parts, '\n        union all ')}) found`);
  return rows.map(row => ({
    kind: row.kind,
    id: String(row.id),
    traceId: row.trace_id === null ? null : String(row.trace_id),
  }));
}

/**
 * Finds run and session ids that only spans have. Complete, newest first, in stretches, so that no statement is long.
 * @param byName only examine spans with the names that Agno gives runs, five times faster; the caller then searches
 * again without it
 */
async function searchSpans(store: Store, id: string, byName: boolean, {onProgress}: FindOptions): Promise<Match[]> {
  const isRun = byName ? IS_RUN_NAME : orOpaque('s', IS_OF_AGENT, true);
  const spanIds: string[] = [];
  const traceIds = new Set<string>();
  const inOne = TRAITS[store.dialect].scansForIds || (byName && (await hasIndexes(store, ['run_id', 'session_id'])));
  const test = sql`${isRun} and ${orOpaque('s', sql`(${hasBeginning('run_id', id)} or ${hasBeginning('session_id', id)})`, true)}`;
  for await (const {rows, looked} of spansThatPass(store, test, {inOne})) {
    for (const {spanId, traceId} of rows) {
      spanIds.push(spanId);
      traceIds.add(traceId);
    }
    onProgress?.(looked);
  }
  if (spanIds.length === 0) return [];
  const rows = await store.all<{
    span_id: unknown;
    trace_id: unknown;
    run_id: string | null;
    session_id: string | null;
  }>(sql`
select s.span_id, s.trace_id, ${attributeText('s', KEY.runId)} as run_id, ${attributeText('s', KEY.sessionId)} as session_id
  from ${table('spans')} s
 where s.span_id in (${join(
   spanIds.slice(0, 1000).map(spanId => sql`${spanId}`),
   ', ',
 )})${inTraces([...traceIds])}`);
  // Attributes that the database could not look into are parsed here.
  const isOpaque = (row: (typeof rows)[number]) => row.run_id === null && row.session_id === null;
  const opaque = await loadSpans(
    store,
    rows.filter(isOpaque).map(row => String(row.span_id)),
    {traceIds: [...traceIds]},
  );
  const found = [
    ...rows.map(row => ({traceId: String(row.trace_id), runId: row.run_id, sessionId: row.session_id})),
    ...opaque,
  ];
  return found.flatMap(({traceId, runId, sessionId}) => {
    const matches: Match[] = [];
    if (runId?.startsWith(id)) matches.push({kind: 'run', id: runId, traceId});
    if (sessionId?.startsWith(id)) matches.push({kind: 'session', id: sessionId, traceId: null});
    return matches;
  });
}

/**
 * The one match, or the error that lists the candidates. An exact id takes precedence over a longer one that begins
 * with it.
 */
async function choose(store: Store, text: string, matches: readonly Match[], options: FindOptions): Promise<Target> {
  const id = text.replace(/^~/, '');
  const names = new Map<string, Match[]>();
  for (const match of matches) {
    // A trace's spans contain its id too, and the children of a missing parent contain that parent's id.
    const key = `${match.kind} ${match.id}`;
    names.set(key, [...(names.get(key) ?? []), match]);
  }
  let groups = [...names.values()];
  const exact = groups.filter(([match]) => match!.id === id);
  if (exact.length > 0) groups = exact;
  // The only session of a run may have the same text as its run id; then the run is meant.
  if (groups.length > 1 && new Set(groups.map(([match]) => match!.id)).size === 1) {
    groups = [groups.sort((a, b) => ORDER.indexOf(a[0]!.kind) - ORDER.indexOf(b[0]!.kind))[0]!];
  }
  if (groups.length > 1)
    throw ambiguous(
      text,
      groups.map(([match]) => match!),
    );
  return toTarget(store, groups[0]!, options);
}
const ORDER: readonly Target['kind'][] = ['run', 'trace', 'span', 'session'];

function ambiguous(text: string, matches: readonly Match[]): UserError {
  const shown = matches.slice(0, SHOWN_CANDIDATES).map(match => `${match.kind} ${match.id}`);
  const more = matches.length - shown.length;
  return new UserError(
    EXIT.notFound,
    `"${text}" is ambiguous: ${matches.length} ids start with it: ${shown.join(', ')}${more > 0 ? `, and ${more} more` : ''}.`,
    {
      hint: 'Type more of the id.',
    },
  );
}

async function toTarget(store: Store, group: readonly Match[], options: FindOptions): Promise<Target> {
  const {kind, id} = group[0]!;
  if (kind === 'session') return {kind, id};
  if (kind === 'trace') return {kind, id};
  if (kind === 'span') return {kind, id, traceId: group[0]!.traceId!};
  const traceIds = [...new Set(group.flatMap(match => match.traceId ?? []))];
  if (traceIds.length > 0) return {kind, id, traceIds};
  // Agno's run table has it, but no trace row does: search around the time in the table, then everywhere.
  const near = await searchAround(store, id);
  if (near.length > 0) return {kind, id, traceIds: near};
  for (const byName of [true, false]) {
    const found = await searchSpans(store, id, byName, options);
    const own = found.filter(match => match.kind === 'run' && match.id === id).flatMap(match => match.traceId ?? []);
    if (own.length > 0) return {kind, id, traceIds: [...new Set(own)]};
  }
  throw await withoutSpans(store, id);
}

/** The error for a run whose id is known but that has no stored spans. */
export async function withoutSpans(store: Store, runId: string): Promise<UserError> {
  const evidence = evidenceOf(store);
  const [row] = await store.all<{trace_id: unknown; status: unknown; start_time: unknown}>(
    sql`select t.trace_id, t.status, t.start_time from ${table('traces')} t where t.run_id = ${runId} order by t.start_time desc limit 1`,
  );
  const [run] = evidence.tables.runs
    ? await evidence.all<{status: unknown}>(sql`select r.status from ${table('runs')} r where r.run_id = ${runId}`)
    : [];
  const known = [
    ...(row ? [`its trace row of ${String(row.start_time).slice(0, 19)} exists, with status ${row.status}`] : []),
    ...(run ? [`Agno's run table says ${run.status}`] : []),
  ];
  return new UserError(
    EXIT.notFound,
    `run "${runId}" is known, but none of its spans is stored${known.length > 0 ? `: ${known.join(', and ')}` : ''}.`,
    {
      hint: row
        ? 'They were lost or deleted; agno-trace doctor counts such rows.'
        : 'It is still running, ran without tracing, or was deleted: agno-trace list --state running',
    },
  );
}

/** Traces whose run span has this run id, within minutes of the time in Agno's run table. */
async function searchAround(store: Store, runId: string): Promise<string[]> {
  const evidence = evidenceOf(store);
  // The id can only come from that table; a failed read since then has been noted.
  if (!evidence.tables.runs) return [];
  const [row] = await evidence.all<{created_at: unknown}>(
    sql`select r.created_at from ${table('runs')} r where r.run_id = ${runId}`,
  );
  const seconds = Number(row?.created_at);
  if (!Number.isFinite(seconds) || seconds <= 0) return [];
  const rows = await store.all<{trace_id: unknown}>(sql`
select s.trace_id
  from ${table('spans')} s
 where s.start_time >= ${time(agnoTime((seconds - AROUND_RUN_SECONDS) * 1e6))}
   and s.start_time < ${time(agnoTime((seconds + AROUND_RUN_SECONDS) * 1e6))}
   and ${IS_RUN_NAME}
   and ${attributeLike('s', KEY.runId, [runId])} = ${runId}`);
  return [...new Set(rows.map(item => String(item.trace_id)))];
}
