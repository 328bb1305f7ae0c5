import {join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';

/** A place in the table's own order by start: where a stretch of a walk ended. */
export interface Position {
  readonly time: string;
  readonly id: string;
}

export interface Stretch {
  /** Spans that pass the test, newest first. */
  readonly rows: readonly {readonly traceId: string; readonly spanId: string}[];
  readonly end: Position | null;
  readonly isLast: boolean;
}

export interface StretchOptions {
  /** The walk goes on below this place; null: from the newest span. */
  readonly from: Position | null;
  readonly length: number;
  /** A test on one span, `s`. */
  readonly test: Sql;
  /** What bounds the walk, tests on `s.start_time`. */
  readonly bounds: readonly Sql[];
}

/** The next spans of a walk backwards by start time, over Agno's own index; one short statement, no payload. */
export async function loadStretch(store: Store, {from, length, test, bounds}: StretchOptions): Promise<Stretch> {
  const below = from ? [sql`(s.start_time, s.span_id) < (${from.time}, ${from.id})`] : [];
  const rows = await store.all<{
    trace_id: unknown;
    span_id: unknown;
    start_time: unknown;
    passes: unknown;
    place: unknown;
  }>(sql`
with stretch as (
  select s.trace_id, s.span_id, s.start_time, (${test}) as passes
    from ${table('spans')} s
   where ${join([...below, ...bounds], ' and ', raw('true'))}
   order by s.start_time desc, s.span_id desc
   limit ${length}
), numbered as (
  select trace_id, span_id, start_time, passes,
         row_number() over (order by start_time desc, span_id desc) as place, count(*) over () as places
    from stretch
)
select trace_id, span_id, start_time, passes, place
  from numbered
 where passes or place = places
 order by place`);
  const last = rows.at(-1);
  return {
    rows: rows
      .filter(row => row.passes === true || row.passes === 1)
      .map(row => ({traceId: String(row.trace_id), spanId: String(row.span_id)})),
    end: last ? {time: String(last.start_time), id: String(last.span_id)} : from,
    isLast: !last || Number(last.place) < length,
  };
}
