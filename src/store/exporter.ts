import {usageError} from '../errors.ts';
import {openPostgresExporter} from './postgres/exporter.ts';
import type {Source} from './source.ts';
import {openSqliteExporter} from './sqlite/exporter.ts';
import type {Row} from './writer.ts';

/**
 * Writes into a demo database as Agno's exporter does: one transaction merges the trace row into the existing one,
 * another inserts its spans, so a reader may see the row without them. Used for demo databases only.
 */
export interface SpanExporter {
  /** @throws UserError if the database does not accept them; nothing is retried */
  export(trace: Row, spans: readonly Row[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the tables of an existing demo.
 * @returns null if there are no tables yet
 * @throws UserError exit 2 if there are tables that this tool did not create
 */
export async function openExporter(source: Source, schema: string): Promise<SpanExporter | null> {
  if (source.dialect === 'sqlite') return openSqliteExporter(source);
  if (source.dialect === 'postgres') return openPostgresExporter(source, schema);
  throw usageError('demo --live does not play into ClickHouse.', 'demo --traces 300 fills a new database there.');
}
