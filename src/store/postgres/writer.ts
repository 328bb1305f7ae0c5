import type {Client} from 'pg';
import {EXIT, UserError} from '../../errors.ts';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../sql/agno-tables.ts';
import {quoteIdentifier} from '../../sql/sql.ts';
import {labelOf, type PostgresSource} from '../source.ts';
import type {Row, TableWriter} from '../writer.ts';
import {connectClient, disconnect} from './connect.ts';
import {explainPostgres} from './errors.ts';
import {beginning, type TransactionTimes} from './transaction.ts';

/** A statement must have fewer than 65,536 parameters. */
const ROWS_PER_INSERT = 1000;

export const DEMO_LIMITS: TransactionTimes = {statementMs: 60_000, lockMs: 10_000};

/** Marks tables as created here, so that runs are played into them but never into anybody else's. */
const DEMO_COMMENT = 'Demo data of agno-trace';

/** Who created the trace tables of a schema: this tool, somebody else, or nobody. */
export async function demoTables(client: Client, schema: string): Promise<'demo' | 'foreign' | 'none'> {
  const [, {rows}] = await Promise.all([
    client.query(beginning('read only', DEMO_LIMITS)),
    client.query(
      `select c.relname, obj_description(c.oid, 'pg_class') as comment
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname in ('agno_traces', 'agno_spans')`,
      [schema],
    ),
    client.query('commit'),
  ]);
  if (rows.length === 0) return 'none';
  return rows.some(({relname, comment}) => relname === 'agno_traces' && comment === DEMO_COMMENT) ? 'demo' : 'foreign';
}

export function refuseForeign(source: PostgresSource, schema: string): never {
  throw new UserError(
    EXIT.usage,
    `schema "${schema}" of "${labelOf(source)}" already has trace tables; they were not changed.`,
    {
      hint: 'Pass --schema with a new name.',
    },
  );
}

/** Creates Agno's tables in a schema that has none. */
export async function createPostgresTables(source: PostgresSource, schema: string): Promise<TableWriter> {
  const client = await connectClient(source, {timeoutMs: 600_000}).catch(error => {
    throw explainPostgres(error, source);
  });
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw explainPostgres(error, source);
    }
  };
  const prefix = quoteIdentifier(schema);
  await explained(async () => {
    if ((await demoTables(client, schema)) !== 'none') refuseForeign(source, schema);
    await client.query(beginning('read write', DEMO_LIMITS));
    for (const statement of agnoTables('postgres', schema)) await client.query(statement);
    await client.query(`comment on table ${prefix}.agno_traces is '${DEMO_COMMENT}'`);
    await client.query('commit');
  });
  const insert = async (table: string, columns: readonly string[], rows: readonly Row[]): Promise<void> => {
    for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
      const chunk = rows.slice(at, at + ROWS_PER_INSERT);
      const values = chunk.map((_, i) => `(${columns.map((__, k) => `$${i * columns.length + k + 1}`).join(', ')})`);
      await client.query(
        `insert into ${prefix}.${table} (${columns.join(', ')}) values ${values.join(', ')}`,
        // Durations recorded on SQLite have a fraction; Agno's on Postgres are integers.
        chunk.flat().map(value => (typeof value === 'number' ? Math.round(value) : value)),
      );
    }
  };
  return {
    write: (traces, spans) =>
      explained(async () => {
        // The demo can be created again; waiting for the disk with every batch would double its time.
        await client.query(beginning('read write', DEMO_LIMITS, ['synchronous_commit = off']));
        await insert('agno_traces', TRACE_COLUMNS, traces);
        await insert('agno_spans', SPAN_COLUMNS, spans);
        await client.query('commit');
      }),
    finish: () =>
      explained(async () => {
        await client.query(`analyze ${prefix}.agno_traces, ${prefix}.agno_spans`);
        await disconnect(client);
      }),
    abandon: () => disconnect(client),
  };
}
