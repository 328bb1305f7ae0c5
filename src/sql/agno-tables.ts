import {type Dialect, quoteIdentifier} from './sql.ts';

/**
 * Agno's own DDL of the two trace tables, the same since 2.3.5 (agno.md 1.2, 1.3, 8.1). On SQLite it is the text that
 * SQLAlchemy sends, blanks included, so that `sqlite_master` holds what Agno's own process would have left.
 */
const TRACES = [
  ['trace_id', true],
  ['name', true],
  ['status', true],
  ['start_time', true],
  ['end_time', true],
  ['duration_ms', true],
  ['run_id', false],
  ['session_id', false],
  ['user_id', false],
  ['agent_id', false],
  ['team_id', false],
  ['workflow_id', false],
  ['created_at', true],
] as const;

const SPANS = [
  ['span_id', true],
  ['trace_id', true],
  ['parent_span_id', false],
  ['name', true],
  ['span_kind', true],
  ['status_code', true],
  ['status_message', false],
  ['start_time', true],
  ['end_time', true],
  ['duration_ms', true],
  ['attributes', false],
  ['created_at', true],
] as const;

/** In Agno's order of columns, for inserts. */
export const TRACE_COLUMNS: readonly string[] = TRACES.map(([name]) => name);
export const SPAN_COLUMNS: readonly string[] = SPANS.map(([name]) => name);
/** Where a column stands in a row of spans. */
export const SPAN_PLACES = Object.fromEntries(SPANS.map(([name], i) => [name, i])) as Readonly<
  Record<(typeof SPANS)[number][0], number>
>;

/** Columns that Agno puts an index on, besides the primary keys. */
export const TRACE_INDEXES: readonly string[] = [
  'created_at',
  'start_time',
  'status',
  'run_id',
  'user_id',
  'session_id',
  'agent_id',
  'workflow_id',
  'team_id',
];
export const SPAN_INDEXES: readonly string[] = ['created_at', 'parent_span_id', 'trace_id', 'start_time'];

function typeOf(column: string, dialect: Dialect): string {
  if (column === 'duration_ms') return 'BIGINT';
  if (column === 'attributes') return dialect === 'sqlite' ? 'JSON' : 'JSONB';
  if (column === 'status_message' && dialect === 'postgres') return 'TEXT';
  return 'VARCHAR';
}

function createTable(
  name: string,
  columns: readonly (readonly [string, boolean])[],
  constraints: readonly string[],
  dialect: Dialect,
): string {
  const lines = columns.map(
    ([column, isRequired]) => `${column} ${typeOf(column, dialect)}${isRequired ? ' NOT NULL' : ''}`,
  );
  return `CREATE TABLE ${name} (\n\t${[...lines, ...constraints].join(', \n\t')}\n)`;
}

/** The statements that make both tables with their indexes, in order. */
export function agnoTables(dialect: Dialect, schema: string): string[] {
  const qualify = (name: string) => (dialect === 'sqlite' ? name : `${quoteIdentifier(schema)}.${name}`);
  const [traces, spans] = [qualify('agno_traces'), qualify('agno_spans')];
  const index = (table: string, column: string) =>
    `CREATE INDEX idx_${table}_${column} ON ${qualify(table)} (${column})`;
  return [
    ...(dialect === 'postgres' ? [`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`] : []),
    createTable(traces, TRACES, ['PRIMARY KEY (trace_id)'], dialect),
    ...TRACE_INDEXES.map(column => index('agno_traces', column)),
    createTable(
      spans,
      SPANS,
      ['PRIMARY KEY (span_id)', `FOREIGN KEY(trace_id) REFERENCES ${traces} (trace_id)`],
      dialect,
    ),
    ...SPAN_INDEXES.map(column => index('agno_spans', column)),
  ];
}
