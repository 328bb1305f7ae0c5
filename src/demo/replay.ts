import {largest, smallest} from '../lists.ts';
import {SPAN_COLUMNS, TRACE_COLUMNS} from '../sql/agno-tables.ts';
import type {Row} from '../store/writer.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import type {RecordedTrace} from './recorded.ts';

/** Rows of one trace, ready to insert. */
export interface TraceRows {
  readonly trace: Row;
  readonly spans: readonly Row[];
}

const TIME_COLUMNS = new Set(['start_time', 'end_time', 'created_at']);
const TRACE_TIMES = TRACE_COLUMNS.map(name => TIME_COLUMNS.has(name));
const SPAN_TIMES = SPAN_COLUMNS.map(name => TIME_COLUMNS.has(name));
const CREATED = SPAN_COLUMNS.indexOf('created_at');

/** Gap between the sets, so that each stays together; killed runs were killed the day before. */
const KILLED_BEFORE_MICROS = 26 * 3_600_000_000;
const BREAK_MICROS = 4 * 60_000_000;
const NEWEST_BEFORE_MICROS = 3_000_000;

/** The recorded runs moved to the present: the newest ended seconds ago; times within a set keep their distances. */
export function movedToNow(recorded: readonly RecordedTrace[], nowMicros: number): TraceRows[] {
  let until = nowMicros - NEWEST_BEFORE_MICROS;
  const shifts = new Map<RecordedTrace['set'], number>();
  for (const set of ['pictures', 'shop', 'killed'] as const) {
    const rows = recorded.filter(item => item.set === set).flatMap(item => item.spans);
    const created = rows.map(row => parseTime(row[CREATED])!);
    const newest = set === 'killed' ? nowMicros - KILLED_BEFORE_MICROS : until;
    const shift = newest - largest(created);
    shifts.set(set, shift);
    until = smallest(created) + shift - BREAK_MICROS;
  }
  return recorded.map(({set, trace, spans}) => {
    const shift = shifts.get(set)!;
    return {
      trace: trace.map((value, i) => (TRACE_TIMES[i] ? moved(value, shift) : value)),
      spans: spans.map(row => row.map((value, i) => (SPAN_TIMES[i] ? moved(value, shift) : value))),
    };
  });
}

function moved(value: string | number | null, shift: number): string {
  return agnoTime(parseTime(value)! + shift);
}
