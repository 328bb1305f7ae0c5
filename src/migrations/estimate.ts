import type {AgnoTable} from '../sql/agno-tables.ts';
import {raw, sql} from '../sql/sql.ts';
import {literal, type MigrationSubject} from './subject.ts';

/**
 * For an index in a SQLite file: reading the file, sorting and writing. Measured: 6 to 8 s for 1.1 million spans, 1.2
 * GB.
 */
const SQLITE_ROW_MS = 0.008;
const SQLITE_BYTES_PER_MS = 800_000;
/**
 * A build reads the table twice. Measured: 3 to 4 s for 1.1 million spans, 560 MB without values stored out of line.
 */
const POSTGRES_BYTES_PER_MS = 250_000;
/** Reading a value from the side table where Postgres stores large ones. */
const POSTGRES_VALUE_MS = 0.004;

/** Estimated time to build an index over a column, ms; null: unknown. */
export async function scanOf(subject: MigrationSubject, role: AgnoTable): Promise<number | null> {
  const {dialect, store} = subject;
  const table = subject[role];
  if (!table || !store) return null;
  if (dialect === 'postgres') return (2 * (await heapBytes(subject, role))) / POSTGRES_BYTES_PER_MS;
  const [last] = await store.all<{rows: number}>(
    sql`select coalesce(max(rowid), 0) as rows from ${raw(table.qualifiedName)}`,
  );
  const rows = Number(last!.rows);
  return rows === 0 ? 0 : rows * SQLITE_ROW_MS + subject.facts.fileBytes! / SQLITE_BYTES_PER_MS;
}

/** The same for an index that reads the attributes of every row (Postgres). */
export async function attributesScanOf(subject: MigrationSubject): Promise<number | null> {
  const rows = subject.spans?.estimatedRows;
  if (rows === null || rows === undefined) return null;
  return (2 * (await heapBytes(subject, 'spans'))) / POSTGRES_BYTES_PER_MS + rows * POSTGRES_VALUE_MS;
}

async function heapBytes(subject: MigrationSubject, role: AgnoTable): Promise<number> {
  const [row] = await subject.all<{bytes: number}>(
    sql`select pg_catalog.pg_relation_size(${literal(subject[role]!.qualifiedName)}::regclass) as bytes`,
  );
  return Number(row!.bytes);
}
