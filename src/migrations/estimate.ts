import type {AgnoTable} from '../sql/agno-tables.ts';
import {raw, sql} from '../sql/sql.ts';
import {literal, type Subject} from './subject.ts';

/** Rows of a SQLite table that are read to learn how long all of them take: some milliseconds. */
const SAMPLE_ROWS = 2000;
/** Sorting and writing what was read, and a cache that is cold; measured on 1.1 million spans. */
const BUILD_PER_READ = 4;
/** A build reads the table twice. */
const POSTGRES_BYTES_PER_MS = 250_000;
/** Taking a value out of the side table where Postgres keeps large ones. */
const POSTGRES_VALUE_MS = 0.012;

/** About how long an index over one column takes to build, ms; null: not known. */
export async function scanOf(subject: Subject, role: AgnoTable, column: string): Promise<number | null> {
  const {dialect, store} = subject;
  const table = subject[role];
  if (!table || !store) return null;
  if (dialect === 'postgres') return (2 * (await heapBytes(subject, role))) / POSTGRES_BYTES_PER_MS;
  const [last] = await store.all<{rows: number}>(
    sql`select coalesce(max(rowid), 0) as rows from ${raw(table.qualifiedName)}`,
  );
  const rows = Number(last!.rows);
  if (rows === 0) return 0;
  // From the end: the newest rows are the likeliest to be as large as those to come.
  await store.all(
    sql`select max(value) from (select ${raw(column)} as value from ${raw(table.qualifiedName)} order by rowid desc limit ${raw(String(SAMPLE_ROWS))})`,
  );
  return store.lastStatementMs * Math.max(1, rows / SAMPLE_ROWS) * BUILD_PER_READ;
}

/** The same for an index that looks into the attributes of every row (Postgres). */
export async function attributesScanOf(subject: Subject): Promise<number | null> {
  const rows = subject.spans?.estimatedRows;
  if (rows === null || rows === undefined) return null;
  return (2 * (await heapBytes(subject, 'spans'))) / POSTGRES_BYTES_PER_MS + rows * POSTGRES_VALUE_MS;
}

async function heapBytes(subject: Subject, role: AgnoTable): Promise<number> {
  const [row] = await subject.all<{bytes: number}>(
    sql`select pg_catalog.pg_relation_size(${literal(subject[role]!.qualifiedName)}::regclass) as bytes`,
  );
  return Number(row!.bytes);
}
