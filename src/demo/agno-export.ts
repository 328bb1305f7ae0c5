import {largest, smallest} from '../lists.ts';
import {SPAN_PLACES as SPAN} from '../sql/agno-tables.ts';
import type {Row} from '../store/writer.ts';
import {agnoTime, parseTime} from '../trace/time.ts';

/** The attributes of a root from which Agno takes the ids of the trace row, in this order. */
const IDS = [
  ['run_id', 'agno.run.id'],
  ['session_id', 'agno.session.id', 'session.id'],
  ['user_id', 'agno.user.id', 'user.id'],
  ['agent_id', 'agno.agent.id'],
  ['team_id', 'agno.team.id'],
  ['workflow_id', 'agno.workflow.id'],
] as const;

/**
 * The trace row that Agno builds from the spans of one export, all of one trace (`create_trace_from_spans`): the ids
 * come only from a root among them.
 * @param nowMicros when it is created
 */
export function traceRowOf(spans: readonly Row[], nowMicros: number): Row {
  const starts = spans.map(span => parseTime(span[SPAN.start_time])!);
  const ends = spans.map(span => parseTime(span[SPAN.end_time])!);
  const [start, end] = [smallest(starts), largest(ends)];
  const root = spans.find(span => span[SPAN.parent_span_id] === null);
  const attributes = root ? (JSON.parse(String(root[SPAN.attributes])) as Record<string, string | undefined>) : {};
  return [
    spans[0]![SPAN.trace_id]!,
    (root ?? spans[0]!)[SPAN.name]!,
    spans.some(span => span[SPAN.status_code] === 'ERROR') ? 'ERROR' : 'OK',
    agnoTime(start),
    agnoTime(end),
    Math.trunc((end - start) / 1000),
    ...IDS.map(keys => keys.map(key => attributes[key]).find(Boolean) ?? null),
    agnoTime(nowMicros),
  ];
}

/** OpenTelemetry's batch processor exports what there is every five seconds. */
const EXPORT_EVERY_MICROS = 5_000_000;

/** The rows of one trace in a table that keeps a row for each export. */
export function exportRowsOf(spans: readonly Row[]): Row[] {
  const exported = new Map<number, Row[]>();
  for (const span of spans) {
    const at = Math.floor(parseTime(span[SPAN.created_at])! / EXPORT_EVERY_MICROS);
    const same = exported.get(at);
    if (same) same.push(span);
    else exported.set(at, [span]);
  }
  return [...exported.values()].map(some =>
    traceRowOf(some, largest(some.map(span => parseTime(span[SPAN.created_at])!))),
  );
}
