import {isAnyOf} from '../sql/fragments.ts';
import {eitherWritable, raw, type Sql, sql, table} from '../sql/sql.ts';
import {byBytes, type Cutoff, isReadableIn} from './cutoff.ts';

/** The spans of a trace as they were when examined. */
export interface SpanTimes {
  readonly spans: number;
  /** Approximate. */
  readonly bytes: number;
  /** The latest `end_time` and `created_at` of its spans; null without spans. */
  readonly endedAt: string | null;
  readonly writtenAt: string | null;
  /** All times are in Agno's form. */
  readonly isReadable: boolean;
}

export const NO_SPANS: SpanTimes = {spans: 0, bytes: 0, endedAt: null, writtenAt: null, isReadable: true};

interface LookRow {
  trace_id: unknown;
  spans: number;
  bytes: number;
  ended: string;
  written: string;
  readable: number;
}

/** The size of a row besides its attributes: its other columns and its entries in five indexes. */
const ROW_BYTES = 400;

/**
 * Reads sizes and times of the spans of some traces. The header of a value has its size, so attributes are not read.
 */
export async function readSpanTimes(
  all: (query: Sql) => Promise<LookRow[]>,
  traceIds: readonly string[],
): Promise<Map<string, SpanTimes>> {
  const rows = await all(lookSql(traceIds));
  return new Map(
    rows.map(row => [
      String(row.trace_id),
      {
        spans: row.spans,
        bytes: row.bytes,
        endedAt: row.ended,
        writtenAt: row.written,
        isReadable: row.readable === 1,
      },
    ]),
  );
}

export function lookSql(traceIds: readonly string[]): Sql {
  const end = raw('s.end_time');
  const written = raw('s.created_at');
  const size = eitherWritable({
    sqlite: raw('octet_length(s.attributes)'),
    postgres: raw('pg_catalog.pg_column_size(s.attributes)'),
  });
  return sql`
select s.trace_id, count(*) as spans, sum(coalesce(${size}, 0) + ${raw(String(ROW_BYTES))}) as bytes,
       max(${byBytes(end)}) as ended, max(${byBytes(written)}) as written,
       min(case when ${isReadableIn(end)} and ${isReadableIn(written)} then 1 else 0 end) as readable
  from ${table('spans')} s
 where ${isAnyOf(raw('s.trace_id'), traceIds)}
 group by s.trace_id`;
}

/** True if all of its spans are older. */
export function isOld({endedAt, writtenAt}: SpanTimes, {text}: Cutoff): boolean {
  return (endedAt === null || endedAt < text) && (writtenAt === null || writtenAt < text);
}
