import Database from 'better-sqlite3';
import {agnoTables} from '../src/sql/agno-tables.ts';
import type {SpanRow} from '../src/trace/span.ts';
import {type Backend, loadIntoPostgres, temporaryFolder} from './databases.ts';

/** A database with one trace for each list of spans. */
export async function databaseOf(backend: Backend, traces: readonly (readonly SpanRow[])[]): Promise<string> {
  const file = `${temporaryFolder()}/planted.db`;
  const db = new Database(file);
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  const insert = (table: string, row: Record<string, unknown>) =>
    db
      .prepare(
        `insert into ${table} (${Object.keys(row).join(', ')}) values (${Object.keys(row)
          .map(() => '?')
          .join(', ')})`,
      )
      .run(...Object.values(row));
  traces.forEach((spans, i) => {
    const trace = `${i}`.padStart(32, '0');
    const [{start_time, end_time, created_at}] = spans as [SpanRow];
    insert('agno_traces', {trace_id: trace, name: 'x', status: 'OK', start_time, end_time, duration_ms: 0, created_at});
    for (const row of spans)
      insert('agno_spans', {
        ...row,
        trace_id: trace,
        span_id: `${row.span_id}-${i}`,
        parent_span_id: row.parent_span_id === null ? null : `${row.parent_span_id}-${i}`,
      });
  });
  db.close();
  return backend === 'sqlite' ? file : loadIntoPostgres(file);
}
