import type {Client as PgClient} from 'pg';
import type {AdHoc} from '../../sql/ad-hoc.ts';
import {compile, type Sql, schemaOf, type TableNames} from '../../sql/sql.ts';
import {stopwatchMs} from '../../stopwatch.ts';
import {labelOf, type PostgresSource} from '../source.ts';
import {
  type AdHocAnswer,
  type AdHocLimits,
  type OpenOptions,
  type Store,
  type TableChoice,
  tableNamesOf,
} from '../store.ts';
import {runAdHoc} from './ad-hoc.ts';
import {cancelStatement, connectClient, disconnect} from './connect.ts';
import {describePostgres} from './describe.ts';
import {explainPostgres, NotUnderstood} from './errors.ts';
import {chooseTables, FOUND_TABLES, namesOf, readFoundTables} from './tables.ts';
import {beginning} from './transaction.ts';

/**
 * Opens one connection. There is no session state: every read is its own `BEGIN READ ONLY` with `SET LOCAL`, and
 * statements are unnamed, so it works through a pooler in transaction mode (docs/design.md, Reading without harm).
 */
export async function openPostgres(source: PostgresSource, options: OpenOptions): Promise<Store> {
  const client = await connectClient(source, options).catch(error => {
    throw explainPostgres(error, source);
  });
  const connection = new Connection(client, options);
  try {
    if (options.onConnect) {
      const read = <Row>(text: string, params: readonly unknown[]) => connection.read<Row>(text, params, 10_000);
      const names = tableNamesOf(options.tables);
      options.onConnect(await describePostgres(client, source, read, names, options.nowMicros));
    }
    const facts = await connection.inspect(options.tables);
    return new PostgresStore(source, connection, facts, options);
  } catch (error) {
    await connection.close();
    throw explainPostgres(error, source);
  }
}

class PostgresStore implements Store {
  readonly dialect = 'postgres';
  readonly spansPerStatement = 200_000;
  readonly blocksWriter = false;
  lastStatementMs = 0;
  readonly label: string;
  readonly tables: TableNames;

  constructor(
    private readonly source: PostgresSource,
    private readonly connection: Connection,
    private readonly facts: Facts,
    private readonly options: OpenOptions,
  ) {
    this.label = labelOf(source);
    this.tables = facts.tables;
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    const {text, params} = compile(query, 'postgres', this.tables);
    const start = stopwatchMs();
    try {
      const rows = await this.connection.read<Row>(text, params, this.facts.timeoutMs);
      this.lastStatementMs = stopwatchMs() - start;
      this.options.debug?.(`postgres: ${rows.length} rows in ${this.lastStatementMs.toFixed(1)} ms`);
      return rows;
    } catch (error) {
      throw explainPostgres(error, this.source);
    }
  }

  async adHoc(statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
    try {
      return await this.connection.adHoc(statement, limits, this.facts);
    } catch (error) {
      throw explainPostgres(error, this.source);
    }
  }

  nowMicros(): number {
    return this.options.nowMicros() + this.facts.clockAheadMicros;
  }

  stop(): Promise<void> {
    return this.connection.stop();
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

interface Facts {
  tables: TableNames;
  /** The server's clock minus ours. */
  clockAheadMicros: number;
  /** Longest time of one statement: as requested, but never more than the role's own limit. */
  timeoutMs: number;
}

class Connection {
  /** JIT compilation takes longer than our short statements; servers before 11 do not know the setting. */
  private jitOff: readonly string[] = [];

  constructor(
    private readonly client: PgClient,
    private readonly options: OpenOptions,
  ) {}

  /**
   * One read-only transaction in one round trip: its three messages are sent before the first is answered. After a
   * failed statement the server turns the commit into a rollback.
   */
  async read<Row>(text: string, params: readonly unknown[], timeoutMs: number): Promise<Row[]> {
    const [, {rows}] = await Promise.all([
      this.client.query(beginning('read only', {statementMs: timeoutMs, lockMs: 3000}, this.jitOff)),
      this.client.query({text, values: [...params]}),
      this.client.query('commit'),
    ]);
    return rows as Row[];
  }

  adHoc(statement: AdHoc, limits: AdHocLimits, {timeoutMs, tables}: Facts): Promise<AdHocAnswer> {
    const schema = schemaOf(tables.traces!);
    return runAdHoc({client: this.client, timeoutMs, schema, read: this.read.bind(this)}, statement, limits);
  }

  /** Finds the tables, the clock and the role's limit in one round trip. */
  async inspect(choice: TableChoice): Promise<Facts> {
    const {nowMicros, holds, warn, timeoutMs} = this.options;
    const asked = nowMicros();
    const [row] = await this.read<InspectedRow>(INSPECT, [namesOf(choice)], Math.min(10_000, timeoutMs));
    const answered = nowMicros();
    const {tables, now, limit, jit} = inspected(row);
    if (jit) this.jitOff = ['jit = off'];
    const {names, hidden} = chooseTables(tables, choice, this.client, holds ?? 'traces');
    if (hidden.length > 0)
      warn?.(
        `row-level security may hide rows of ${hidden.join(' and ')} from user "${this.client.user}": rows may be missing, and runs can look unfinished`,
      );
    return {
      tables: names,
      clockAheadMicros: Math.round(now - (asked + answered) / 2),
      timeoutMs: limit > 0 ? Math.min(limit, timeoutMs) : timeoutMs,
    };
  }

  stop(): Promise<void> {
    return cancelStatement(this.client);
  }

  close(): Promise<void> {
    return disconnect(this.client);
  }
}

const INSPECT = `
select ${FOUND_TABLES} as tables,
       (extract(epoch from clock_timestamp()) * 1e6)::bigint::text as now,
       (select reset_val from pg_catalog.pg_settings where name = 'statement_timeout') as timeout,
       current_setting('jit', true) is not distinct from 'on' as jit`;

interface InspectedRow {
  tables: string;
  now: string;
  timeout: string | null;
  jit: boolean;
}

/**
 * The first answer whose contents are checked: if the server is not Postgres, or its answer is garbled, it shows
 * here.
 */
function inspected(row: InspectedRow | undefined) {
  try {
    const {tables, now, timeout, jit} = row!;
    return {tables: readFoundTables(tables), now: Number(now), limit: Number(timeout), jit};
  } catch (error) {
    throw new NotUnderstood('no list of tables', {cause: error});
  }
}
