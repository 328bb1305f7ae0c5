import {AGNO_NAMES, type AgnoNames, type AgnoTable, SPAN_COLUMNS, TRACE_COLUMNS} from '../../sql/agno-tables.ts';
import {qualified} from './tables.ts';

const TIMES: readonly string[] = ['start_time', 'end_time', 'created_at'];
const FEW_VALUES: readonly string[] = ['status', 'span_kind', 'status_code'];
const MAY_BE_NULL: readonly string[] = [
  ...['parent_span_id', 'status_message'],
  ...['run_id', 'session_id', 'user_id', 'agent_id', 'team_id', 'workflow_id'],
];
const SORTED_BY = {traces: 'start_time, trace_id', spans: 'trace_id, start_time, span_id'} as const;

function typeOf(column: string): string {
  if (TIMES.includes(column)) return "DateTime64(6, 'UTC')";
  if (FEW_VALUES.includes(column)) return 'LowCardinality(String)';
  if (MAY_BE_NULL.includes(column)) return 'Nullable(String)';
  return column === 'duration_ms' ? 'Int64' : 'String';
}

/** The statement that creates one of the two tables as Agno does (docs/agno.md, ClickHouse). */
export function createTable(role: AgnoTable, database: string, names: AgnoNames = AGNO_NAMES): string {
  const columns = role === 'traces' ? TRACE_COLUMNS : SPAN_COLUMNS;
  const lines = columns.map(column => `    ${column} ${typeOf(column)}`);
  return `CREATE TABLE ${qualified(database, names[role])} (\n${lines.join(',\n')}\n)
ENGINE = MergeTree
PARTITION BY toYYYYMM(start_time)
ORDER BY (${SORTED_BY[role]})`;
}
