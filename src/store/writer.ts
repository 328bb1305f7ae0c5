import {createPostgresTables} from './postgres/writer.ts';
import type {Source} from './source.ts';
import {createSqliteTables} from './sqlite/writer.ts';
import {onlyRead} from './writable.ts';

/** A row as it is inserted: the values in Agno's order of columns. */
export type Row = readonly (string | number | null)[];

/**
 * Fills new trace tables. Used for demo databases only: nothing here can touch tables that exist.
 */
export interface TableWriter {
  /** Inserts traces and their spans in one transaction. */
  write(traces: readonly Row[], spans: readonly Row[]): Promise<void>;
  /** Makes what was written safe and quick to read, and closes. */
  finish(): Promise<void>;
  /** Closes without keeping what was not finished. */
  abandon(): Promise<void>;
}

/**
 * Creates Agno's tables where there are none and opens them for filling.
 * @throws UserError exit 2 when there is something already
 */
export async function createTables(source: Source, schema: string): Promise<TableWriter> {
  if (source.dialect === 'sqlite') return createSqliteTables(source);
  if (source.dialect === 'postgres') return createPostgresTables(source, schema);
  throw onlyRead();
}
