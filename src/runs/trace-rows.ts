import {andOnClickhouse, isAnyOf, time} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {REQUIRED_COLUMNS, type Store} from '../store/store.ts';
import {mergedTraceRows} from '../trace/partial-rows.ts';
import type {TraceRow} from '../trace/span.ts';
import {agnoTime, parseTime} from '../trace/time.ts';

const COLUMNS = REQUIRED_COLUMNS.traces satisfies readonly (keyof TraceRow)[];

/** A trace row begins with a span of its trace; if that span was lost, the row may be farther away. */
const SLACK_MICROS = 86_400_000_000;

/**
 * The rows of traces, each once. Where every export of a trace left its own row, they are merged.
 * @param starts of spans of these traces, as stored
 */
export async function loadTraceRows(
  store: Store,
  traceIds: readonly string[],
  starts: readonly unknown[],
): Promise<TraceRow[]> {
  const micros = starts.flatMap(start => parseTime(start) ?? []);
  const [first, last] = micros.reduce(
    ([low, high], at) => [Math.min(low, at), Math.max(high, at)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const within =
    micros.length === 0
      ? raw('')
      : andOnClickhouse(
          sql`t.start_time >= ${time(agnoTime(first! - SLACK_MICROS))} and t.start_time <= ${time(agnoTime(last! + SLACK_MICROS))}`,
        );
  const rows = await store.all<TraceRow>(sql`
select ${raw(COLUMNS.map(column => `t.${column}`).join(', '))}
  from ${table('traces')} t
 where ${isAnyOf(raw('t.trace_id'), traceIds)}${within}`);
  return TRAITS[store.dialect].hasPartialTraceRows ? mergedTraceRows(rows) : rows;
}
