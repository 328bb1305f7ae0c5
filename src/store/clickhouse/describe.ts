import {QUOTED} from '../../sql/sql.ts';
import type {ConnectionFacts, TableFacts} from '../connection-info.ts';
import {type ClickhouseSource, labelOf} from '../source.ts';
import type {Reader, ServerFacts} from './store.ts';
import {SERVER} from './store.ts';
import {columnsStatement, type FoundColumn, qualified} from './tables.ts';

/** The user, the server, and the columns of the tables: two short reads of the catalogue. */
export async function describeClickhouse(
  reader: Reader,
  source: ClickhouseSource,
  server: ServerFacts,
  tableNames: readonly string[],
  timeoutMs: number,
): Promise<ConnectionFacts> {
  const {database} = source;
  const tablesStatement = `select name, engine, sorting_key, total_rows, total_bytes
  from system.tables
 where database = ${QUOTED.clickhouse(database)} and name in (${tableNames.map(QUOTED.clickhouse).join(', ')})
 order by name`;
  const columns = await reader.rows<FoundColumn>(columnsStatement(database, tableNames), timeoutMs);
  const tables = await reader.rows<TableRow>(tablesStatement, timeoutMs);
  return {
    dialect: 'clickhouse',
    label: labelOf(source),
    tls: source.isTls ? 'TLS, server verified' : 'no TLS',
    pooler: null,
    serverVersion: server.version,
    role: server.role,
    isSuperuser: null,
    mayWrite: null,
    isStandby: null,
    statementTimeoutMs: server.maxSeconds > 0 ? server.maxSeconds * 1000 : null,
    clockAheadMs: Math.round(server.clockAheadMicros / 1000),
    file: null,
    fileBytes: null,
    walBytes: null,
    journalMode: null,
    pageBytes: null,
    driver: null,
    owner: null,
    copyReason: null,
    tables: tables.map(row => toFacts(row, columns, database)),
    statements: [SERVER, columnsStatement(database, tableNames), tablesStatement],
  };
}

interface TableRow {
  readonly name: string;
  readonly engine: string;
  readonly sorting_key: string;
  readonly total_rows: number | null;
  readonly total_bytes: number | null;
}

function toFacts(row: TableRow, columns: readonly FoundColumn[], database: string): TableFacts {
  const key = row.sorting_key === '' ? [] : row.sorting_key.split(/,\s*/);
  return {
    schema: database,
    name: row.name,
    qualifiedName: qualified(database, row.name),
    columns: columns.filter(({table}) => table === row.name).map(({name, type}) => ({name, type})),
    foreignKeys: [],
    // The sort order is the only index that exists by default.
    indexes:
      key.length === 0
        ? []
        : [{name: 'ORDER BY', columns: key, isValid: true, isPartial: false, definition: null, foreign: []}],
    totalBytes: row.total_bytes,
    indexBytes: null,
    estimatedRows: row.total_rows,
    mayRead: true,
    isView: !/MergeTree$/.test(row.engine),
  };
}
