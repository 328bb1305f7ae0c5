import {type Dialect, quoteIdentifier} from './sql.ts';

/**
 * Agno's own DDL of the two trace tables, unchanged since 2.3.5 (docs/agno.md, The tables). On SQLite it is the exact
 * text that SQLAlchemy sends, including blanks, so that `sqlite_master` has what Agno's own process would have left.
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
/** Columns that must not be null. */
export const REQUIRED_COLUMNS = {
  traces: TRACES.flatMap(([name, isRequired]) => (isRequired ? [name] : [])),
  spans: SPANS.flatMap(([name, isRequired]) => (isRequired ? [name] : [])),
} as const satisfies Record<string, readonly string[]>;
/** The position of a column in a row of spans. */
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

/** The names of the two tables: Agno lets users change them. */
export interface AgnoNames {
  readonly traces: string;
  readonly spans: string;
}
export const AGNO_NAMES: AgnoNames = {traces: 'agno_traces', spans: 'agno_spans'};
export type AgnoTable = keyof AgnoNames;

interface Place {
  readonly dialect: Dialect;
  /** Of Postgres. */
  readonly schema: string;
  readonly names?: AgnoNames;
}

/** The statements that create both tables with their indexes, in order. */
export function agnoTables(dialect: Dialect, schema: string, names: AgnoNames = AGNO_NAMES): string[] {
  const place = {dialect, schema, names};
  return [
    ...(dialect === 'postgres' ? [`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`] : []),
    ...agnoTable('traces', place),
    ...agnoTable('spans', place),
  ];
}

/** The statements that create one of the tables, and its indexes. */
export function agnoTable(table: AgnoTable, place: Place): string[] {
  const create =
    table === 'traces'
      ? createTable(qualified('traces', place), TRACES, ['PRIMARY KEY (trace_id)'], place.dialect)
      : createTable(qualified('spans', place), SPANS, ['PRIMARY KEY (span_id)', foreignKey(place)], place.dialect);
  return [create, ...AGNO_INDEXES[table].map(column => agnoIndex(table, column, place))];
}

export const AGNO_INDEXES = {traces: TRACE_INDEXES, spans: SPAN_INDEXES} as const;

export function agnoIndex(table: AgnoTable, column: string, place: Place, concurrently = false): string {
  const name = agnoIndexName((place.names ?? AGNO_NAMES)[table], column);
  const how = concurrently ? ' CONCURRENTLY' : '';
  return `CREATE INDEX${how} ${identifier(name)} ON ${qualified(table, place)} (${column})`;
}

export function agnoIndexName(tableName: string, column: string): string {
  return `idx_${tableName}_${column}`;
}

/** From spans to trace rows; without it the table has the older shape (docs/agno.md, The tables). */
export function foreignKey(place: Place): string {
  return `FOREIGN KEY(trace_id) REFERENCES ${qualified('traces', place)} (trace_id)`;
}

function qualified(table: AgnoTable, {dialect, schema, names = AGNO_NAMES}: Place): string {
  const name = identifier(names[table]);
  return dialect === 'sqlite' ? name : `${quoteIdentifier(schema)}.${name}`;
}

/** SQLite keeps the text as it was sent, and SQLAlchemy quotes only where necessary. */
function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoteIdentifier(name);
}
