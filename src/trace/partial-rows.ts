import type {TraceRow} from './span.ts';

/**
 * Merges the rows that the exports of one trace left, as Agno's own readers do (docs/agno.md, ClickHouse): the name
 * of the highest component, ERROR if any export had one, the first start, the last end, the ids that exist.
 */
export function mergedTraceRows(rows: readonly TraceRow[]): TraceRow[] {
  const byTrace = new Map<string, TraceRow[]>();
  for (const row of rows) {
    const id = String(row.trace_id);
    byTrace.set(id, [...(byTrace.get(id) ?? []), row]);
  }
  return [...byTrace.values()].map(merged);
}

function merged(rows: readonly TraceRow[]): TraceRow {
  if (rows.length === 1) return rows[0]!;
  const inOrder = [...rows].sort((a, b) => compare(a.created_at, b.created_at) || compare(a.start_time, b.start_time));
  const leading = inOrder.reduce((best, row) => (levelOf(row) > levelOf(best) ? row : best));
  const texts = (column: keyof TraceRow) =>
    inOrder.flatMap(row => (row[column] == null ? [] : String(row[column]))).sort(compare);
  const ids = Object.fromEntries(ID_COLUMNS.map(column => [column, texts(column).at(-1) ?? null]));
  return {
    ...leading,
    ...ids,
    status: rows.some(({status}) => status === 'ERROR') ? 'ERROR' : leading.status,
    start_time: texts('start_time')[0] ?? null,
    end_time: texts('end_time').at(-1) ?? null,
    created_at: texts('created_at')[0] ?? null,
  };
}

const ID_COLUMNS = ['run_id', 'session_id', 'user_id', 'agent_id', 'team_id', 'workflow_id'] as const;

function levelOf({name, workflow_id, team_id, agent_id}: TraceRow): number {
  if (!/\.a?run/.test(String(name))) return 0;
  return workflow_id != null ? 3 : team_id != null ? 2 : agent_id != null ? 1 : 0;
}

/** By code units, which is the byte order of these texts. */
function compare(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0;
}
