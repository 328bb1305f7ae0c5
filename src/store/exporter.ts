import {openPostgresExporter} from './postgres/exporter.ts';
import type {Source} from './source.ts';
import {openSqliteExporter} from './sqlite/exporter.ts';
import {onlyRead} from './writable.ts';
import type {Row} from './writer.ts';

/**
 * Writes into a demo database as Agno's exporter does: the trace row is merged into what is there in a transaction of its
 * own, then its spans are inserted in theirs, so that a reader may see the row without them. Used for demo databases only.
 */
export interface SpanExporter {
  /** @throws UserError when the database does not take them; nothing is retried */
  export(trace: Row, spans: readonly Row[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the tables of a demo that exists.
 * @returns null when there are no tables yet
 * @throws UserError exit 2 when there are tables that this tool did not make
 */
export async function openExporter(source: Source, schema: string): Promise<SpanExporter | null> {
  if (source.dialect === 'sqlite') return openSqliteExporter(source);
  if (source.dialect === 'postgres') return openPostgresExporter(source, schema);
  throw onlyRead();
}
