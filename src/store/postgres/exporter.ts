import {SPAN_COLUMNS, TRACE_COLUMNS} from '../../sql/agno-tables.ts';
import {mergeTrace} from '../../sql/agno-upsert.ts';
import {quoteIdentifier} from '../../sql/sql.ts';
import type {SpanExporter} from '../exporter.ts';
import type {PostgresSource} from '../source.ts';
import type {Row} from '../writer.ts';
import {connectClient, disconnect} from './connect.ts';
import {explainPostgres} from './errors.ts';
import {beginning} from './transaction.ts';
import {demoTables, refuseForeign} from './writer.ts';

/** After this time a writer has lost its server. */
const STATEMENT_MS = 30_000;

/** Opens the tables of a demo in a schema; null if the schema has none. */
export async function openPostgresExporter(source: PostgresSource, schema: string): Promise<SpanExporter | null> {
  const client = await connectClient(source, {timeoutMs: STATEMENT_MS}).catch(error => {
    throw explainPostgres(error, source);
  });
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explainPostgres(error, source);
    }
  };
  try {
    const tables = await explained(() => demoTables(client, schema));
    if (tables === 'foreign') refuseForeign(source, schema);
    if (tables === 'none') {
      await disconnect(client);
      return null;
    }
  } catch (error) {
    await disconnect(client);
    throw error;
  }
  const prefix = quoteIdentifier(schema);
  const into = (table: string, columns: readonly string[], rows: readonly Row[]) => {
    const places = rows.map((_, i) => `(${columns.map((__, k) => `$${i * columns.length + k + 1}`).join(', ')})`);
    return `insert into ${prefix}.${table} (${columns.join(', ')}) values ${places.join(', ')}`;
  };
  const alone = (text: string, values: unknown[]) =>
    Promise.all([
      client.query(beginning('read write', {statementMs: STATEMENT_MS, lockMs: STATEMENT_MS})),
      client.query(text, values),
      client.query('commit'),
    ]);
  return {
    // Two transactions, like Agno's own export.
    export: (trace, spans) =>
      explained(async () => {
        const upsert = `${into('agno_traces as stored', TRACE_COLUMNS, [trace])} ${mergeTrace('postgres')}`;
        await alone(upsert, [...trace]);
        await alone(into('agno_spans', SPAN_COLUMNS, spans), spans.flat());
      }),
    close: () => disconnect(client),
  };
}
