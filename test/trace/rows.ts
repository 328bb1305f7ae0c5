import Database from 'better-sqlite3';
import {buildTrace, PATIENCE, type Patience, type Trace} from '../../src/trace/runs.ts';
import {type SpanRow, type TraceRow, toSpan} from '../../src/trace/span.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {type Node, walk} from '../../src/trace/tree.ts';
import {sqliteCopy} from '../fixtures.ts';

/** The rows of one trace as Agno wrote them, in the order of writing. */
export interface TraceRows {
  readonly traceId: string;
  readonly row: TraceRow;
  readonly spans: SpanRow[];
}

export function rowsOf(fixtureName: string): TraceRows[] {
  const db = new Database(sqliteCopy(fixtureName), {readonly: true});
  const spans = db.prepare('select * from agno_spans where trace_id = ? order by rowid');
  const traces = db.prepare('select * from agno_traces order by rowid').all() as TraceRow[];
  const rows = traces.map(row => ({
    traceId: String(row.trace_id),
    row,
    spans: spans.all(row.trace_id) as SpanRow[],
  }));
  db.close();
  return rows;
}

/** Years after every row: whatever is unfinished is lost. */
export const LONG_AFTER = Date.parse('2030-01-01') * 1000;

export function build({traceId, row, spans}: TraceRows, nowMicros = LONG_AFTER, patience: Patience = PATIENCE): Trace {
  return buildTrace(
    traceId,
    spans.map(span => toSpan(span)),
    row,
    {nowMicros, patience},
  );
}

let counter = 0;
const BASE = Date.parse('2026-11-22T12:00:00Z') * 1000;

/** A span for a test: `from` and `to` in ms after a fixed moment; attributes as Agno's instrumentor writes them. */
export function span(
  name: string,
  from: number,
  to: number,
  {
    parent = null,
    id,
    ...rest
  }: {parent?: string | null; id?: string; attributes?: object; status?: string; message?: string; kind?: string} = {},
): SpanRow {
  return {
    span_id: id ?? `span${String(counter++).padStart(12, '0')}`,
    trace_id: 'trace',
    parent_span_id: parent,
    name,
    span_kind: rest.kind ?? 'INTERNAL',
    status_code: rest.status ?? 'OK',
    status_message: rest.message ?? null,
    start_time: agnoTime(BASE + from * 1000),
    end_time: agnoTime(BASE + to * 1000),
    duration_ms: to - from,
    attributes: JSON.stringify(rest.attributes ?? {}),
    created_at: agnoTime(BASE + to * 1000),
  };
}

export const agent = (more: object = {}) => ({
  'openinference.span.kind': 'AGENT',
  'graph.node.id': 'node',
  'agno.agent.id': 'agent',
  'output.value': 'done',
  ...more,
});
export const llm = (more: object = {}) => ({
  'openinference.span.kind': 'LLM',
  'output.value': '[]',
  'llm.model_name': 'gpt',
  ...more,
});
export const tool = (more: object = {}) => ({'openinference.span.kind': 'TOOL', 'output.value': 'result', ...more});

export function traceOf(spans: SpanRow[], nowMicros = LONG_AFTER): Trace {
  return build({traceId: 'trace', row: null as unknown as TraceRow, spans}, nowMicros);
}

/** Names of a tree as it is drawn, two blanks a level. */
export function outline(tops: readonly Node[]): string[] {
  const depth = (node: Node): number => (node.parent ? depth(node.parent) + 1 : 0);
  return walk(tops).map(node => `${'  '.repeat(depth(node))}${node.span?.name ?? 'ghost'}`);
}
