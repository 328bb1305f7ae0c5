import {either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';

/** Tables that a walk can go over, both with an index on `start_time`, and the names that statements give them. */
const ALIAS = {spans: 's', traces: 't'} as const;
type Walked = keyof typeof ALIAS;

/** A place in the table's own order by start, then id. */
export interface Position {
  readonly time: string;
  /** Empty: all spans of that time lie above. */
  readonly id: string;
}

export interface Stretch {
  /** Spans that pass the test, newest first. */
  readonly rows: readonly {readonly traceId: string; readonly spanId: string}[];
  readonly end: Position | null;
  readonly isLast: boolean;
  /** It ends at the last of its rows, as there were as many as wanted, and may be shorter than asked for. */
  readonly isCut: boolean;
  /** Time of the statement that read it, ms. */
  readonly elapsedMs: number;
}

interface StretchOptions {
  /** The walk goes on below this place; null: from the newest span. */
  readonly from: Position | null;
  /** Null: all that is below, where an index answers the test. */
  readonly length: number | null;
  /** A test on one span, `s`. */
  readonly test: Sql;
  /** What bounds the walk, tests on `s.start_time`. */
  readonly bounds: readonly Sql[];
  /** The stretch ends where as many have passed; absent: never. */
  readonly mostRows?: number;
}

/**
 * True for text, numbers and bytes alike (in SQLite they sort in the order numbers, text, bytes); without any range SQLite
 * would sort the whole table rather than walk its index.
 */
export const anyTime = (alias: string): Sql =>
  either({sqlite: raw(`${alias}.start_time < x'ff'`), postgres: raw('true')});

/**
 * Spans below a place of the walk and not below another, as the table sorts them. A place without an id is the lowest of
 * its time, so that the test is on the index alone.
 */
export function between(from: Position | null, end: Position | null, walked: Walked = 'spans'): Sql[] {
  const time = raw(`${ALIAS[walked]}.start_time`);
  const at = (place: Position, compared: string) =>
    place.id === ''
      ? sql`${time} ${raw(compared)} ${place.time}`
      : sql`(s.start_time, s.span_id) ${raw(compared)} (${place.time}, ${place.id})`;
  return [...(from ? [at(from, '<')] : []), ...(end ? [at(end, '>=')] : [])];
}

/** Where the next `length` rows of a walk end, from the index alone; null: the table ends before. */
export async function stretchEnd(
  store: Store,
  {
    from,
    length,
    bounds,
    walked = 'spans',
  }: Pick<StretchOptions, 'from' | 'bounds'> & {readonly length: number; readonly walked?: Walked},
): Promise<Position | null> {
  const time = raw(`${ALIAS[walked]}.start_time`);
  const [last] = await store.all<{start_time: unknown}>(sql`
select ${time}
  from ${table(walked)} ${raw(ALIAS[walked])}
 where ${join([...between(from, null, walked), ...bounds], '\n   and ', anyTime(ALIAS[walked]))}
 order by ${time} desc
 limit 1 offset ${length - 1}`);
  return last ? {time: String(last.start_time), id: ''} : null;
}

/** What a statement may take where the writer waits for it; half of what it would notice (docs/design.md, Reading without harm). */
const FITTING_MS = 25;
const SHORTEST_STRETCH = 50;
/** Taken before it is known how fast this machine is: cold pages come a hundred times slower than warm ones. */
const FIRST_STRETCH = 1000;

/** How many rows the first stretch of a long walk should have. */
export function firstLength(store: Store, longest: number): number {
  return store.blocksWriter ? Math.min(FIRST_STRETCH, longest) : longest;
}

interface Pace {
  readonly length: number;
  readonly elapsedMs: number;
  readonly longest: number;
  /** Nothing was found in it: the next one may be much longer, as a statement costs as much as a thousand spans. */
  readonly wasEmpty?: boolean;
}

/** How many rows the next stretch should have: more than the last, but where the writer waits no more than fit in a moment. */
export function nextLength(store: Store, {length, elapsedMs, longest, wasEmpty = false}: Pace): number {
  const grown = Math.min(length * (wasEmpty ? 8 : 2), longest);
  if (!store.blocksWriter) return grown;
  return Math.max(SHORTEST_STRETCH, Math.min(grown, Math.floor((length * FITTING_MS) / Math.max(elapsedMs, 1))));
}

/**
 * The next spans of a walk backwards by start time, over Agno's own index: first where the stretch ends, from the index
 * alone, then what passes in it. Two plain range reads: numbering the rows in one statement took four times as long
 * (SQLite, 1.1 million spans: 6.2 s for the whole table).
 */
export async function loadStretch(
  store: Store,
  {from, length, test, bounds, mostRows}: StretchOptions,
): Promise<Stretch> {
  const end = length === null ? null : await stretchEnd(store, {from, length, bounds});
  // Without the column's own order Postgres has no reason to walk by it rather than to ask the index of the test.
  const time = raw(length === null ? "s.start_time || ''" : 's.start_time');
  const rows = await store.all<{trace_id: unknown; span_id: unknown; start_time: unknown}>(sql`
select s.trace_id, s.span_id, s.start_time
  from ${table('spans')} s
 where ${join([...between(from, end), ...bounds], '\n   and ', anyTime('s'))}
   and (${test})
 order by ${time} desc, s.span_id desc${raw(mostRows === undefined ? '' : `\n limit ${mostRows}`)}`);
  const last = rows.length === mostRows ? rows.at(-1) : undefined;
  return {
    rows: rows.map(row => ({traceId: String(row.trace_id), spanId: String(row.span_id)})),
    end: last ? {time: String(last.start_time), id: String(last.span_id)} : end,
    isLast: end === null && !last,
    isCut: last !== undefined,
    elapsedMs: store.lastStatementMs,
  };
}
