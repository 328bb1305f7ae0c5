import {type UserError, usageError} from '../errors.ts';
import type {Prices} from '../prices/prices.ts';
import {time} from '../sql/fragments.ts';
import {either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import type {Store} from '../store/store.ts';
import {type RunFilter, withQueryFlags} from '../trace/filter.ts';
import {withLikelyNames} from '../trace/likely-name.ts';
import {type JudgedRun, nodesOf} from '../trace/record.ts';
import type {Patience} from '../trace/runs.ts';
import {agnoTime, isoTime, parseTime} from '../trace/time.ts';
import {IS_OF_AGENT} from './kind.ts';
import {stretches, type Walk, type WalkPlace} from './stretches.ts';
import {tracesLeft, walkPlaceOf, walkRuns} from './walk.ts';

export interface RunPage {
  readonly runs: readonly JudgedRun[];
  /** Text for `--cursor`; null on the last page. */
  readonly next: string | null;
  /**
   * Traces of runs that belong to a later page, even though all their matching spans may be above it
   * (`WalkOptions.left`).
   */
  readonly left: readonly string[];
  /**
   * Traces without any of Agno's spans between the runs of this page; null if they were not left out, or not counted.
   */
  readonly trafficLeftOut: number | null;
}

export interface PageOptions {
  readonly filter: RunFilter;
  /** Runs wanted; 0: all. */
  readonly limit: number;
  readonly cursor: string | null;
  readonly patience: Patience;
  readonly prices?: Prices;
  /** One row per run, not one per part. */
  readonly folds?: boolean;
  /** Also counts the traces of plain requests between the runs. */
  readonly countsTraffic?: boolean;
  /** Called after each stretch of spans with the number examined so far. */
  readonly onProgress?: (spans: number) => void;
}

/** Spans per statement: first as many as a page probably needs, then twice as many each time. */
const SPANS_PER_RUN = 6;
const SHORTEST_STRETCH = 60;

/**
 * Runs, newest first. Walks the spans backwards by start time and stops as soon as the page is certain. The order is
 * that of the walk, and so is the cursor; so a page ends exactly where the next one begins.
 */
export async function loadRunPage(store: Store, options: PageOptions): Promise<RunPage> {
  const {limit, patience, prices, folds, onProgress} = options;
  const filter = withQueryFlags(options.filter);
  const cursor = options.cursor === null ? null : decodeCursor(options.cursor);
  const firstStretch = limit === 0 ? Number.POSITIVE_INFINITY : Math.max(limit * SPANS_PER_RUN, SHORTEST_STRETCH);
  let left: readonly string[] = [];
  const onLeft = (traceIds: readonly string[]) => {
    left = traceIds.slice(0, MOST_LEFT);
  };
  const walked = walkRuns(
    store,
    {
      filter,
      patience,
      prices,
      folds,
      from: cursor?.position ?? null,
      left: cursor?.left ?? [],
      firstStretch,
      onProgress,
      onLeft,
    },
    judged => !wasEmitted(judged, cursor),
  );
  const found: JudgedRun[] = [];
  for await (const judged of walked) {
    found.push(judged);
    // One more run than wanted shows that there is a next page.
    if (limit !== 0 && found.length > limit) break;
  }
  return finish(store, found, {limit, filter, countsTraffic: options.countsTraffic}, cursor, left);
}

async function finish(
  store: Store,
  found: readonly JudgedRun[],
  {limit, filter, countsTraffic = false}: Pick<PageOptions, 'limit' | 'filter' | 'countsTraffic'>,
  cursor: Cursor | null,
  left: readonly string[],
): Promise<RunPage> {
  const runs = withLikelyNames(limit === 0 ? found : found.slice(0, limit));
  const hasMore = runs.length < found.length;
  return {
    runs,
    next: hasMore ? encodeCursor(runs, cursor, left) : null,
    left,
    trafficLeftOut:
      !countsTraffic || !isPlain(filter)
        ? null
        : await countTraffic(store, cursor?.position ?? null, hasMore ? walkPlaceOf(runs.at(-1)!) : null, filter),
  };
}

/** The filter asks only for a window: then the answer says what was left out. */
function isPlain(filter: RunFilter): boolean {
  return (
    !filter.traffic &&
    Object.entries(filter).every(
      ([key, value]) =>
        key.endsWith('Micros') || value === null || value === false || (Array.isArray(value) && value.length === 0),
    )
  );
}

/**
 * How many traces a statement may test for traffic, per span that it may read: a trace costs as much as a few spans
 * of a walk.
 */
const TRACES_PER_SPAN = 1 / 5;

/** Counts traces of plain requests between two places of the walk. */
async function countTraffic(
  store: Store,
  from: WalkPlace | null,
  to: WalkPlace | null,
  filter: RunFilter,
): Promise<number> {
  const bounds: Sql[] = [];
  if (to) bounds.push(sql`t.start_time >= ${time(to.value)}`);
  if (filter.untilMicros !== null) bounds.push(sql`t.start_time < ${time(agnoTime(filter.untilMicros))}`);
  if (filter.sinceMicros !== null) bounds.push(sql`t.start_time >= ${time(agnoTime(filter.sinceMicros))}`);
  if (TRAITS[store.dialect].hasPartialTraceRows) return countTrafficSpans(store, from, to, filter);
  // `+` and `||` avoid the index on run ids, because no request has one. The subselect returns null for a trace
  // without spans: two `exists` cost 1.5 times as much, and Postgres hashes the whole table for them
  // (docs/measurements.md, Large tables).
  const hasNoRun = raw("(t.run_id || '') is null");
  const isTraffic = sql`${either({sqlite: raw('+t.run_id is null'), postgres: hasNoRun, clickhouse: hasNoRun})}
   and (select max(case when ${IS_OF_AGENT} then 1 else 0 end)
          from ${table('spans')} s where s.trace_id = t.trace_id) = 0`;
  const walk: Walk = {
    over: 'traces',
    bounds,
    from: from && {...from, id: ''},
    longest: Math.ceil(store.spansPerStatement * TRACES_PER_SPAN),
  };
  let count = 0;
  for await (const stretch of stretches(store, walk)) {
    const [row] = await stretch.all<{traces: number}>(sql`
select count(*) as traces
  from ${table('traces')} t
 where ${stretch.where}
   and ${isTraffic}`);
    count += Number(row?.traces ?? 0);
  }
  return count;
}

const DAY_MICROS = 86_400_000_000;

/**
 * The same for a database where a trace has many rows: counts by spans, in one statement. A trace counts at its first
 * span; its other spans are looked for within a day, and their contents are read only from there on.
 */
async function countTrafficSpans(
  store: Store,
  from: WalkPlace | null,
  to: WalkPlace | null,
  {sinceMicros, untilMicros}: RunFilter,
): Promise<number> {
  const lowest = [parseTime(to?.value), sinceMicros].filter(micros => micros !== null);
  const highest = [parseTime(from?.value), untilMicros].filter(micros => micros !== null);
  const within = (column: string, slackMicros: number, slackBeforeMicros = slackMicros): Sql => {
    const tests = [
      ...lowest.map(micros => sql`${raw(column)} >= ${time(agnoTime(micros - slackBeforeMicros))}`),
      ...highest.map(micros => sql`${raw(column)} < ${time(agnoTime(micros + slackMicros))}`),
    ];
    return join(tests, ' and ', raw('true'));
  };
  const [row] = await store.all<{traces: number}>(sql`
select count(*) as traces
  from (
    select s.trace_id, min(s.start_time) as first
      from ${table('spans')} s
     where ${within('s.start_time', DAY_MICROS)}
     group by s.trace_id
  ) t
 where ${within('t.first', 0)}
   and t.trace_id not in (select s.trace_id from ${table('spans')} s where ${within('s.start_time', DAY_MICROS, 0)} and ${IS_OF_AGENT})
   and t.trace_id in (select r.trace_id from ${table('traces')} r where ${within('r.start_time', DAY_MICROS)})`);
  return Number(row?.traces ?? 0);
}

/**
 * A run that was listed as unfinished may have ended since. Its run span now exists and began before its first part,
 * so the run would appear again below the cursor. Therefore the cursor names the missing parents that were listed.
 */
interface Cursor {
  readonly position: WalkPlace;
  readonly unfinished: readonly string[];
  /** Traces that the walk below the cursor needs (`WalkOptions.left`). */
  readonly left: readonly string[];
}

/** A cursor must stay short enough for a command line; few runs are at work on both sides of the end of a page. */
const MOST_LEFT = 50;
/** Marks a trace id in a cursor; span ids have no mark. */
const OF_LEFT = '~';

function wasEmitted({run}: JudgedRun, cursor: Cursor | null): boolean {
  if (!cursor || cursor.unfinished.length === 0) return false;
  const ids = new Set(cursor.unfinished);
  return nodesOf(run).some(node => ids.has(node.id));
}

function encodeCursor(runs: readonly JudgedRun[], before: Cursor | null, left: readonly string[]): string {
  const {value, id} = walkPlaceOf(runs.at(-1)!);
  // A lost run stays as it is; the others may still end.
  const open = runs
    .filter(({record}) => record.state === 'running' || record.state === 'stalled')
    .map(({record}) => record.spanId);
  const ids = [id, ...(before?.unfinished ?? []), ...open, ...left.map(traceId => `${OF_LEFT}${traceId}`)];
  return packed(String(value), ids) ?? Buffer.from(JSON.stringify([1, value, ...ids])).toString('base64url');
}

/** Packs a time in Agno's form and ids in OpenTelemetry's form into a third of the characters: 27 if a run follows. */
const PACKED = /^[0-9a-z]+(-~?[0-9a-f]+)+$/;

function packed(time: string, ids: readonly string[]): string | null {
  const micros = parseTime(time);
  if (micros === null || micros < 0 || agnoTime(micros) !== time) return null;
  const text = [micros.toString(36), ...ids].join('-');
  return PACKED.test(text) ? text : null;
}

/** The cursor for what follows the first runs of a page; `before` is the cursor of that page. */
export function cursorAfter(
  {runs, left}: Pick<RunPage, 'runs' | 'left'>,
  taken: number,
  before: string | null,
): string | null {
  if (taken === 0) return before;
  const rest = tracesLeft(runs.slice(taken), runs[taken - 1]!);
  const cursor = before === null ? null : decodeCursor(before);
  return encodeCursor(runs.slice(0, taken), cursor, [...new Set([...rest, ...left])].slice(0, MOST_LEFT));
}

/** @throws UserError exit 2 for anything that is not a cursor of ours */
function decodeCursor(text: string): Cursor {
  const fail = (): UserError =>
    usageError(
      `--cursor "${text}" is not a cursor that agno-trace printed.`,
      'Pass page.next of the JSON output, or the text that list printed.',
    );
  if (PACKED.test(text)) {
    const [time, ...ids] = text.split('-');
    const micros = Number.parseInt(time!, 36);
    if (isoTime(micros) === null) throw fail();
    return cursorOf([agnoTime(micros), ...ids]);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch {
    throw fail();
  }
  if (
    !Array.isArray(parsed) ||
    parsed.length < 3 ||
    parsed[0] !== 1 ||
    !parsed.slice(1).every(item => typeof item === 'string')
  )
    throw fail();
  return cursorOf(parsed.slice(1) as string[]);
}

function cursorOf([value, id, ...more]: readonly string[]): Cursor {
  const left = more.filter(text => text.startsWith(OF_LEFT)).map(text => text.slice(OF_LEFT.length));
  return {position: {value: value!, id: id!}, unfinished: more.filter(text => !text.startsWith(OF_LEFT)), left};
}
