import {createClickhouseTables} from './clickhouse/writer.ts';
import {createPostgresTables} from './postgres/writer.ts';
import type {Source} from './source.ts';
import {createSqliteTables} from './sqlite/writer.ts';

/** A row to insert: the values in Agno's order of columns. */
export type Row = readonly (string | number | null)[];

/** Fills new trace tables. Used for demo databases only: nothing here can touch existing tables. */
export interface TableWriter {
  /** The table of traces has a row for each export with spans of a trace; elsewhere they are one row. */
  readonly keepsEachExport?: true;
  /** Inserts traces and their spans, in one transaction if there are any. */
  write(traces: readonly Row[], spans: readonly Row[]): Promise<void>;
  /** Makes the written rows safe and quick to read, and closes. */
  finish(): Promise<void>;
  /** Closes and discards unfinished work. */
  abandon(): Promise<void>;
}

/**
 * Creates Agno's tables if there are none, and opens them for filling.
 * @throws UserError exit 2 if something already exists
 */
export async function createTables(source: Source, schema: string): Promise<TableWriter> {
  if (source.dialect === 'sqlite') return createSqliteTables(source);
  if (source.dialect === 'postgres') return createPostgresTables(source, schema);
  return createClickhouseTables(source);
}
