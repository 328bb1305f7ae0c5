import {type UserError, usageError} from '../errors.ts';
import type {Prices} from '../prices/prices.ts';
import {hasAttribute, isAnyOf, orOpaque} from '../sql/fragments.ts';
import {either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {matchesRun, type RunFilter} from '../trace/filter.ts';
import {type JudgedRun, nodesOf} from '../trace/record.ts';
import type {Patience} from '../trace/runs.ts';
import {agnoTime} from '../trace/time.ts';
import {candidatesOf, takesEverySpan} from './candidates.ts';
import {loadRuns} from './runs.ts';
import {between, firstLength, loadStretch, nextLength, type Position, stretchEnd} from './walk.ts';

export interface RunPage {
  readonly runs: readonly JudgedRun[];
  /** Text for `--cursor`; null on the last page. */
  readonly next: string | null;
  /** Traces without any of Agno's spans that lie between the runs of this page; null when they were not left out. */
  readonly trafficLeftOut: number | null;
}

export interface PageOptions {
  readonly filter: RunFilter;
  /** Runs wanted; 0: all. */
  readonly limit: number;
  readonly cursor: string | null;
  readonly patience: Patience;
  readonly prices?: Prices;
  /** Called after each stretch of spans with the number looked at so far. */
  readonly onProgress?: (spans: number) => void;
}

/** Spans looked at in one statement: first what a page is likely to need, then twice as many each time. */
const SPANS_PER_RUN = 6;
const SHORTEST_STRETCH = 60;

/**
 * Runs, newest first. Walks the spans backwards by start time and stops as soon as the page is certain: a run is emitted
 * once the walk has passed its first span, so that its place is known exactly. Its cost is what lies in between, never
 * the table. The order, and with it the cursor, is the one of the table's own index, so a page ends and the next one
 * begins at the same place in every collation and with any text in the column.
 */
export async function loadRunPage(store: Store, options: PageOptions): Promise<RunPage> {
  const cursor = options.cursor === null ? null : decodeCursor(options.cursor);
  const known = knownTraces(options, store.nowMicros());
  if (known) return pageOfTraces(store, await known(store), options, cursor);
  const page = await walk(store, options, cursor, true);
  // Nothing by the names Agno gives its runs: look again without trusting names, before saying that there is nothing.
  const isEmpty = page.runs.length === 0 && cursor === null && !candidatesOf(options.filter).isComplete;
  return isEmpty ? walk(store, options, cursor, false) : page;
}

async function walk(store: Store, options: PageOptions, cursor: Cursor | null, byName: boolean): Promise<RunPage> {
  const {filter, limit} = options;
  const candidates = candidatesOf(filter, {byName});
  const emitted: JudgedRun[] = [];
  const waiting = new Map<string, JudgedRun>();
  const judgedTraces = new Set<string>();
  const bounds = windowOf(filter);
  const wanted = limit === 0 ? Number.POSITIVE_INFINITY : limit + 1;
  let from: Position | null = cursor?.position ?? null;
  let stretch =
    limit === 0
      ? firstLength(store, store.spansPerStatement)
      : Math.min(Math.max(limit * SPANS_PER_RUN, SHORTEST_STRETCH), store.spansPerStatement);
  let looked = 0;
  while (emitted.length < wanted) {
    const {rows, end, isLast, elapsedMs} = await loadStretch(store, {
      from,
      length: stretch,
      test: candidates.test,
      bounds,
    });
    const fresh = [...new Set(rows.map(row => row.traceId))].filter(id => !judgedTraces.has(id));
    for (const id of fresh) judgedTraces.add(id);
    for (const {runs} of await loadRuns(store, fresh, options)) {
      for (const judged of runs) {
        if (matchesRun(judged, filter) && !wasEmitted(judged, cursor))
          waiting.set(placeOf(judged.run.startSpan), judged);
      }
    }
    const passed = takesEverySpan(filter)
      ? rows.map(placeOf)
      : await loadPassed(store, [...waiting.values()], end, from);
    for (const id of passed) {
      const judged = waiting.get(id);
      if (!judged) continue;
      emitted.push(judged);
      waiting.delete(id);
    }
    looked += stretch;
    options.onProgress?.(looked);
    if (isLast) break;
    from = end;
    stretch = nextLength(store, {length: stretch, elapsedMs, longest: store.spansPerStatement});
  }
  return finish(store, emitted, options, cursor);
}

/** Times sort as text; under some collations a whole second sorts after its fractions, so bounds give two seconds. */
const SLACK_MICROS = 2_000_000;

function windowOf({sinceMicros, untilMicros}: RunFilter): Sql[] {
  const tests: Sql[] = [];
  if (untilMicros !== null) tests.push(sql`s.start_time < ${agnoTime(untilMicros + SLACK_MICROS)}`);
  if (sinceMicros !== null) tests.push(sql`s.start_time >= ${agnoTime(sinceMicros - SLACK_MICROS)}`);
  return tests;
}

/** OpenTelemetry promises that a span id is unique in its trace, no more. */
function placeOf({traceId, spanId}: {traceId: string; spanId: string}): string {
  return `${traceId} ${spanId}`;
}

/** Which of the waiting runs' first spans the walk has passed, in its order. */
async function loadPassed(
  store: Store,
  waiting: readonly JudgedRun[],
  end: Position | null,
  from: Position | null,
): Promise<string[]> {
  if (waiting.length === 0) return [];
  const spanIds = waiting.map(({run}) => run.startSpan.spanId);
  const rows = await store.all<{trace_id: unknown; span_id: unknown}>(sql`
select s.trace_id, s.span_id
  from ${table('spans')} s
 where ${join([isAnyOf(raw('s.span_id'), spanIds), ...between(from, end)], '\n   and ')}
 order by s.start_time desc, s.span_id desc`);
  return rows.map(row => placeOf({traceId: String(row.trace_id), spanId: String(row.span_id)}));
}

/** Traces that a filter names, or that an index finds at once; null when the walk has to look for them. */
function knownTraces({filter}: PageOptions, nowMicros: number): ((store: Store) => Promise<string[]>) | null {
  if (filter.traces.length > 0) return async () => [...filter.traces];
  const isRecent = filter.states.length > 0 && filter.states.every(state => state === 'running' || state === 'stalled');
  if (!isRecent) return null;
  // A run that is still going on has written a span lately, however long ago it began.
  return async store => {
    const rows = await store.all<{trace_id: unknown}>(sql`
select s.trace_id
  from ${table('spans')} s
 where s.created_at >= ${agnoTime(nowMicros - RECENT_MICROS)} and ${orOpaque('s', hasAttribute('s', KEY.openInferenceKind))}`);
    // Not `distinct`: SQLite would walk the whole table in the order of trace ids (queries.md B).
    return [...new Set(rows.map(row => String(row.trace_id)))];
  };
}
/** Twice the longest a run counts as stalled by default; hosts' clocks differ. */
const RECENT_MICROS = 2 * 3_600_000_000;

async function pageOfTraces(
  store: Store,
  traceIds: readonly string[],
  options: PageOptions,
  cursor: Cursor | null,
): Promise<RunPage> {
  const loaded = await loadRuns(store, traceIds, options);
  const runs = loaded
    .flatMap(trace => trace.runs)
    .filter(judged => matchesRun(judged, options.filter) && !wasEmitted(judged, cursor))
    .sort((a, b) => (isBefore(positionOf(a), positionOf(b)) ? 1 : -1));
  const position = cursor?.position;
  return finish(
    store,
    position ? runs.filter(judged => isBefore(positionOf(judged), position)) : runs,
    options,
    cursor,
  );
}

function isBefore(a: Position, b: Position): boolean {
  return a.time !== b.time ? a.time < b.time : a.id < b.id;
}

function positionOf({run}: JudgedRun): Position {
  return {time: run.startSpan.startText, id: run.startSpan.spanId};
}

async function finish(
  store: Store,
  found: readonly JudgedRun[],
  options: PageOptions,
  cursor: Cursor | null,
): Promise<RunPage> {
  const {limit, filter} = options;
  const runs = limit === 0 ? found : found.slice(0, limit);
  const hasMore = runs.length < found.length;
  return {
    runs,
    next: hasMore ? encodeCursor(runs, cursor) : null,
    trafficLeftOut: !isPlain(filter)
      ? null
      : await countTraffic(store, cursor?.position ?? null, hasMore ? positionOf(runs.at(-1)!) : null, filter),
  };
}

/** Nothing is asked but a window: then what was left out belongs to the answer. */
function isPlain(filter: RunFilter): boolean {
  return (
    !filter.traffic &&
    Object.entries(filter).every(
      ([key, value]) =>
        key.endsWith('Micros') || value === null || value === false || (Array.isArray(value) && value.length === 0),
    )
  );
}

/** Traces that one statement may test for traffic; each costs as much as a handful of spans in a walk. */
const TRACES_PER_SPAN = 1 / 5;

/** Traces of plain requests between two places of the walk. */
async function countTraffic(
  store: Store,
  from: Position | null,
  to: Position | null,
  filter: RunFilter,
): Promise<number> {
  const bounds: Sql[] = [];
  if (to) bounds.push(sql`t.start_time >= ${to.time}`);
  if (filter.untilMicros !== null) bounds.push(sql`t.start_time < ${agnoTime(filter.untilMicros)}`);
  if (filter.sinceMicros !== null) bounds.push(sql`t.start_time >= ${agnoTime(filter.sinceMicros)}`);
  // `+` keeps SQLite off the index on run ids, where all requests have none; `offset 0` keeps Postgres from turning the test into a hash of the whole table (queries.md B).
  const none = either({sqlite: raw(''), postgres: raw('offset 0')});
  const isTraffic = sql`${either({sqlite: raw('+t.run_id is null'), postgres: raw('t.run_id is null')})}
   and exists (select 1 from ${table('spans')} s where s.trace_id = t.trace_id ${none})
   and not exists (select 1 from ${table('spans')} s where s.trace_id = t.trace_id and ${hasAttribute('s', KEY.openInferenceKind)} ${none})`;
  let count = 0;
  let below = from && {time: from.time, id: ''};
  const longest = Math.ceil(store.spansPerStatement * TRACES_PER_SPAN);
  let length = firstLength(store, longest);
  for (;;) {
    const end = await stretchEnd(store, {from: below, length, bounds, walked: 'traces'});
    const tests = [...between(below, end, 'traces'), ...bounds, isTraffic];
    const [row] = await store.all<{traces: number}>(sql`
select count(*) as traces
  from ${table('traces')} t
 where ${join(tests, '\n   and ')}`);
    count += Number(row?.traces ?? 0);
    if (!end) return count;
    below = end;
    length = nextLength(store, {length, elapsedMs: store.lastStatementMs, longest});
  }
}

/**
 * A run that was listed unfinished and has ended since has its run span now, which began before its first part: it
 * would come up again below the cursor. So the cursor names the missing parents it has listed.
 */
interface Cursor {
  readonly position: Position;
  readonly unfinished: readonly string[];
}

function wasEmitted({run}: JudgedRun, cursor: Cursor | null): boolean {
  if (!cursor || cursor.unfinished.length === 0) return false;
  const ids = new Set(cursor.unfinished);
  return nodesOf(run).some(node => ids.has(node.id));
}

function encodeCursor(runs: readonly JudgedRun[], before: Cursor | null): string {
  const {time, id} = positionOf(runs.at(-1)!);
  // A lost run stays as it is; the others may still end.
  const open = runs
    .filter(({record}) => record.state === 'running' || record.state === 'stalled')
    .map(({record}) => record.spanId);
  return Buffer.from(JSON.stringify([1, time, id, ...(before?.unfinished ?? []), ...open])).toString('base64url');
}

/** The cursor that goes on after only the first runs of a page; `before` is the cursor of that page. */
export function cursorAfter(runs: readonly JudgedRun[], before: string | null): string | null {
  return runs.length === 0 ? before : encodeCursor(runs, before === null ? null : decodeCursor(before));
}

/** @throws UserError exit 2 for anything that is no cursor of ours */
function decodeCursor(text: string): Cursor {
  const fail = (): UserError =>
    usageError(
      `--cursor "${text}" is no cursor of this tool.`,
      'Pass page.next of the JSON output, or the text that list printed.',
    );
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw fail();
  }
  if (
    !Array.isArray(value) ||
    value.length < 3 ||
    value[0] !== 1 ||
    !value.slice(1).every(item => typeof item === 'string')
  )
    throw fail();
  const [time, id, ...unfinished] = value.slice(1) as string[];
  return {position: {time: time!, id: id!}, unfinished};
}
