import {setTimeout as sleep} from 'node:timers/promises';
import type {Client as PgClient} from 'pg';
import {EXIT, UserError} from '../../errors.ts';
import {compile, type Sql} from '../../sql/sql.ts';
import type {Changes, ChangesOptions, Stored, Transaction, TransactionLimits} from '../changes.ts';
import {CommitError} from '../commit-error.ts';
import {labelOf, type PostgresSource} from '../source.ts';
import {connectClient, disconnect, GRACE_MS} from './connect.ts';
import {explainPostgres} from './errors.ts';
import {beginning} from './transaction.ts';
import {isOfUnknownName, loadTriggers, pathless} from './triggers.ts';

/** Longest pause of this program in the middle of a transaction, ms. */
const IDLE_MS = 10_000;
/** A pooler with a free connection answers at once. */
const POOLER_MS = 5000;
/** For reads of the catalogue and of single rows. */
const READ_MS = 15_000;
const LOCK_MS = 3000;
/**
 * Our own number: "AGTR". The second half of the key is the oid of the table, so that different schemas do not
 * conflict.
 */
const LOCK_CLASS = 0x41475452;
const SHORTEST_PAUSE_MS = 50;
/** Values as the server spells them: not rounded, not parsed. */
const AS_TEXT = {getTypeParser: () => (value: string) => value};

/**
 * One connection for short transactions, made when the first one begins, and with `exclude` a second one that only
 * holds the advisory lock. No session state: each transaction sets everything again (docs/design.md, Reading without
 * harm).
 */
export async function openPostgresChanges(source: PostgresSource, options: ChangesOptions): Promise<Changes> {
  const connect = () =>
    connectClient(source, {timeoutMs: 7 * 24 * 3_600_000, debug: options.debug}).catch(error => {
      throw explainPostgres(error, source);
    });
  return new PostgresChanges(source, options, connect);
}

class PostgresChanges implements Changes {
  readonly dialect = 'postgres';
  readonly label: string;
  private connected: Promise<PgClient> | null = null;
  private guard: PgClient | null = null;
  private lost: Error | null = null;

  constructor(
    private readonly source: PostgresSource,
    private readonly options: ChangesOptions,
    private readonly connect: () => Promise<PgClient>,
  ) {
    this.label = labelOf(source);
  }

  private client(): Promise<PgClient> {
    this.connected ??= this.connect();
    return this.connected;
  }

  async exclude(): Promise<boolean> {
    if (this.guard) return true;
    const guard = await this.connect();
    try {
      // Between its statements, a `read committed` transaction holds nothing back: no snapshot, no row, no table.
      const limits = {statementMs: READ_MS, lockMs: LOCK_MS};
      await guard.query(beginning('read only', limits, ['idle_in_transaction_session_timeout = 0']));
      const table = this.options.tables.traces ?? null;
      const {rows} = await guard.query(
        'select pg_catalog.pg_try_advisory_xact_lock($1, coalesce(pg_catalog.to_regclass($2::text)::oid::bigint % 2147483647, 0)::int) as locked',
        [LOCK_CLASS, table],
      );
      if (rows[0].locked) {
        guard.on('error', error => {
          this.lost = error;
        });
        guard.on('end', () => {
          this.lost ??= new Error('Connection terminated');
        });
        await this.refuseLonePooler(guard);
        this.guard = guard;
        return true;
      }
    } catch (error) {
      await disconnect(guard);
      throw explainPostgres(error, this.source);
    }
    await disconnect(guard);
    return false;
  }

  /** Refuses a pooler that lends only one connection, because nothing could run beside the lock. */
  private async refuseLonePooler(guard: PgClient): Promise<void> {
    if (!(await isPooled(guard))) return;
    const client = await this.client();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>(resolve => {
      timer = setTimeout(resolve, POOLER_MS, 'late');
    });
    const answer = await Promise.race([client.query('select 1'), late]).finally(() => clearTimeout(timer));
    if (answer === 'late')
      throw new UserError(EXIT.unreachable, `the pooler in front of "${this.label}" gives no second connection.`, {
        hint: 'Connect to the server directly, or raise the pool size to 2.',
      });
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    const {text, params} = compile(query, 'postgres', this.options.tables);
    const client = await this.client();
    try {
      const [, {rows}] = await Promise.all([
        client.query(beginning('read only', {statementMs: READ_MS, lockMs: LOCK_MS})),
        client.query({text, values: [...params], query_timeout: READ_MS + GRACE_MS}),
        client.query('commit'),
      ]);
      return rows as Row[];
    } catch (error) {
      throw explainPostgres(error, this.source);
    }
  }

  async transaction<T>(limits: TransactionLimits, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    // Without the lock another command may be running: fail closed.
    if (this.guard && this.lost) throw explainPostgres(this.lost, this.source);
    const client = await this.client();
    let result: T;
    try {
      await client.query(beginning('read write', limits, [`idle_in_transaction_session_timeout = ${IDLE_MS}`]));
      result = await work(this.lend(client, limits.statementMs + GRACE_MS));
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      throw (await this.missedByTrigger(error)) ?? explainPostgres(error, this.source);
    }
    try {
      const {command} = await client.query('commit');
      // The server turns the commit of a failed transaction into a rollback and reports no error.
      if (command === 'ROLLBACK') throw new Error('a failed statement of the transaction was passed over');
    } catch (error) {
      throw new CommitError(explainPostgres(error, this.source));
    }
    return result;
  }

  private lend(client: PgClient, query_timeout: number): Transaction {
    const {options} = this;
    const all = async (query: Sql, types?: typeof AS_TEXT) => {
      const {text, params} = compile(query, 'postgres', options.tables);
      return client.query({text, values: [...params], query_timeout, ...(types ? {types} : {})});
    };
    return {
      all: async <Row>(query: Sql) => (await all(query)).rows as Row[],
      exactly: async query => (await all(query, AS_TEXT)).rows as Record<string, Stored>[],
      run: async query => (await all(query)).rowCount ?? 0,
      send: async (text, params) =>
        (await client.query({text, query_timeout, ...(params ? {values: [...params]} : {})})).rowCount ?? 0,
    };
  }

  /** If one of the user's triggers did not find a name, says so; null: the error has another cause. */
  private async missedByTrigger(error: unknown): Promise<UserError | null> {
    if (!isOfUnknownName(error)) return null;
    const triggers = await loadTriggers(this, Object.values(this.options.tables)).catch(() => []);
    return triggers.length > 0 ? pathless(triggers, error) : null;
  }

  async watch<Row>(query: Sql): Promise<Row[] | null> {
    const {guard} = this;
    if (!guard) throw new Error('nothing is locked');
    const {text, params} = compile(query, 'postgres', this.options.tables);
    try {
      // Within a transaction the server keeps showing the activity of others as it was at the first look.
      await guard.query('select pg_catalog.pg_stat_clear_snapshot()');
      return (await guard.query({text, values: [...params], query_timeout: READ_MS + GRACE_MS})).rows as Row[];
    } catch (error) {
      // The failed transaction has released the lock.
      this.lost ??= error as Error;
      throw explainPostgres(error, this.source);
    }
  }

  /** The server does this by itself. */
  async tidy(): Promise<void> {}

  /** Nobody waits for our locks; disk and processors are left to others for as long as we used them. */
  async giveWay(heldMs: number, stop: AbortSignal): Promise<void> {
    await sleep(Math.max(SHORTEST_PAUSE_MS, heldMs), undefined, {signal: stop}).catch(error => {
      if (!stop.aborted) throw error;
    });
  }

  async alone(statement: Sql, {lockMs, statementMs}: TransactionLimits): Promise<void> {
    if (this.guard && this.lost) throw explainPostgres(this.lost, this.source);
    const {text} = compile(statement, 'postgres', this.options.tables);
    const client = await this.client();
    try {
      if (await isPooled(client)) {
        await client.query(text);
        return;
      }
      await client.query(`set lock_timeout = ${Math.ceil(lockMs)}`);
      await client.query(`set statement_timeout = ${Math.ceil(statementMs)}`);
      // One server process is enough: more would take the processors that the writer needs.
      await client.query('set max_parallel_maintenance_workers = 0');
      try {
        await client.query(text);
      } finally {
        await client.query('reset max_parallel_maintenance_workers').catch(() => undefined);
        await client.query('reset lock_timeout').catch(() => undefined);
        await client.query('reset statement_timeout').catch(() => undefined);
      }
    } catch (error) {
      throw explainPostgres(error, this.source);
    }
  }

  async close(): Promise<void> {
    const {guard, connected} = this;
    this.guard = null;
    const client = await connected?.catch(() => null);
    await Promise.all([client, guard].map(one => one && disconnect(one)));
  }
}

/** A pooler may run each statement on another server connection, and reports a process id of its own invention. */
async function isPooled(client: PgClient): Promise<boolean> {
  const told = (client as PgClient & {processID?: number | null}).processID;
  const {rows} = await client.query('select pg_catalog.pg_backend_pid() as pid');
  return told !== Number(rows[0].pid);
}
