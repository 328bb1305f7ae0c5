import {statSync} from 'node:fs';
import type {ReaderPosition} from '../follow/reader.ts';
import {smallest} from '../lists.ts';
import {stretches} from '../runs/stretches.ts';
import {time} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {agnoTime} from '../trace/time.ts';
import {type DayRange, dayAfter, dayOf, where} from './days.ts';

/** Rows counted in one statement while a writer waits: about 20 ms. */
const COUNTED_AT_ONCE = 200_000;
/** Newer rows may belong to a transaction that was open at the last look. */
const RECENT_MICROS = 3_600_000_000;

/** Days and the expected number of spans in the source. */
export interface Expected extends DayRange {
  readonly spans: number;
}

export function mostCounted(store: Store): number {
  return store.blocksWriter ? COUNTED_AT_ONCE : Number.POSITIVE_INFINITY;
}

/** Counts the spans of these days by Agno's own index, with one statement per range. */
export async function countSpans(store: Store, ranges: readonly DayRange[]): Promise<number> {
  let total = 0;
  for (const range of ranges) total += await countRange(store, range, null);
  return total;
}

async function countRange(store: Store, range: DayRange, anchor: number | null): Promise<number> {
  // With the plus, SQLite counts along the index of the times, which also has the rowid.
  const upTo = anchor === null ? raw('') : sql` and +s.rowid <= ${anchor}`;
  const [row] = await store.all<{n: unknown}>(sql`
select count(*) as n
  from ${table('spans')} s
 where ${where(range)}${upTo}`);
  return Number(row!.n);
}

/** A span that the reader has not delivered yet. The facts may hold it already, because they read whole traces. */
interface Untold {
  readonly span_id: string;
  readonly trace_id: string;
  readonly start_time: string;
}

/** How many spans of a range the reader had delivered at a position, and which ones it had not. */
export interface Count {
  readonly told: number;
  readonly untold: readonly Untold[];
}

/**
 * Counts the spans of a range up to the position of the reader, in one snapshot: on SQLite the rows up to the last
 * delivered one, on Postgres all except those of transactions that were open then.
 */
export async function countTold(store: Store, range: DayRange, position: ReaderPosition): Promise<Count> {
  if (position.dialect === 'sqlite') {
    const anchor = position.anchors.at(-1)?.[0] ?? 0;
    const told = await countRange(store, range, anchor);
    const untold = await store.all<Untold>(sql`
select s.span_id, s.trace_id, s.start_time
  from ${table('spans')} s
 where s.rowid > ${anchor}`);
    return {told, untold};
  }
  // ClickHouse keeps no facts (`sql/traits.ts`).
  if (position.dialect === 'clickhouse') return {told: await countRange(store, range, null), untold: []};
  const low = smallest(position.lanes.map(lane => lane.lowXid));
  const seen = new Set(position.seen.map(([id]) => id));
  const [row] = await store.all<{n: unknown; fresh: string | null}>(sql`
select (select count(*) from ${table('spans')} s where ${where(range)}) as n,
       (select json_agg(json_build_array(s.span_id, s.trace_id, s.start_time))::text from ${table('spans')} s
         where s.created_at >= ${time(agnoTime(store.nowMicros() - RECENT_MICROS))} and ${where(range)}
           and (s.xmin::text::bigint - ${low}::bigint) & 4294967295 < 2147483648) as fresh`);
  const fresh = JSON.parse(row!.fresh ?? '[]') as [string, string, string][];
  const untold = fresh
    .filter(([id]) => !seen.has(id))
    .map(([span_id, trace_id, start_time]) => ({span_id, trace_id, start_time}));
  return {told: Number(row!.n) - untold.length, untold};
}

/** Number of spans by the first ten characters of their time; in short statements if a writer waits. */
export async function spansByDay(store: Store, range: DayRange): Promise<Map<string, number>> {
  const days = new Map<string, number>();
  const walk = {bounds: [where(range)], longest: COUNTED_AT_ONCE, inOne: !store.blocksWriter};
  for await (const stretch of stretches(store, walk)) {
    const rows = await stretch.all<{day: unknown; n: unknown}>(sql`
select substr(s.start_time, 1, 10) as day, count(*) as n
  from ${table('spans')} s
 where ${stretch.where}
 group by 1`);
    for (const row of rows) days.set(String(row.day), (days.get(String(row.day)) ?? 0) + Number(row.n));
  }
  return days;
}

/** Ids of the traces with spans of that day (its first ten characters), and the number of these spans. */
export async function tracesOfDay(store: Store, day: string, range: DayRange): Promise<Map<string, number>> {
  const bounds = dayOf(day) === day ? {from: day, until: dayAfter(day)} : range;
  const rows = await store.all<{trace_id: unknown; n: unknown}>(sql`
select s.trace_id, count(*) as n
  from ${table('spans')} s
 where ${where(bounds)} and substr(s.start_time, 1, 10) = ${day}
 group by s.trace_id`);
  return new Map(rows.map(row => [String(row.trace_id), Number(row.n)]));
}

/**
 * A value that changes with every write to the file: its header counts transactions in rollback mode; in WAL mode the
 * log beside it grows or restarts (https://www.sqlite.org/fileformat.html). Null: unavailable.
 */
export function fileSignature(file: string): string | null {
  const parts = ['', '-wal'].map(suffix => {
    try {
      const {dev, ino, size, mtimeNs} = statSync(file + suffix, {bigint: true});
      return [dev, ino, size, mtimeNs].join(':');
    } catch {
      return 'none';
    }
  });
  return parts[0] === 'none' ? null : parts.join(' ');
}
