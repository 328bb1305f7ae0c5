import type {Sql, TableNames, WritableDialect} from '../sql/sql.ts';
import {openPostgresChanges} from './postgres/changes.ts';
import type {Source} from './source.ts';
import {openSqliteChanges} from './sqlite/changes.ts';
import {onlyRead} from './writable.ts';

/**
 * The user's database, opened for writing. Only retention and migrations may have one. If one of Agno's writers waits
 * five seconds for us, it loses its rows, so everything here is a short transaction (docs/design.md, Writing).
 */
export interface Changes {
  readonly dialect: WritableDialect;
  /** Its name in messages; holds no secret. */
  readonly label: string;
  /**
   * Excludes every other writing command of this tool until `close`, without a lock on any table. On Postgres: an
   * advisory lock in a transaction on a connection of its own, so that it also works behind a pooler. On SQLite: a
   * locked file of ours in the temporary folder. It ends with the process, however that ends.
   * @returns false if somebody else has it
   */
  exclude(): Promise<boolean>;
  /** Runs one short read. @throws UserError exit 4, as every method here */
  all<Row>(query: Sql): Promise<Row[]>;
  /**
   * Runs `work` in one transaction and commits it. On SQLite it begins with the write lock (`begin immediate`).
   * Inside, await only its own statements and synchronous work, because Agno waits meanwhile.
   * @throws what `work` throws, rolled back; a `CommitError` if it is unknown whether the commit happened
   */
  transaction<T>(limits: TransactionLimits, work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * Runs one short read while `alone` is running, on the connection that holds the lock of `exclude`. Null on SQLite,
   * where nothing else runs meanwhile.
   */
  watch<Row>(query: Sql): Promise<Row[] | null>;
  /**
   * Does the work that a commit leaves behind and that blocks nobody: in WAL, moving its pages into the file. Inside
   * the commit, writers would wait for it, or their own next commit would have to do it.
   */
  tidy(): Promise<void>;
  /**
   * Tidies, and then pauses until others have had their turn. Call it between two of our transactions, with the
   * duration of the last one.
   */
  giveWay(heldMs: number, stop: AbortSignal): Promise<void>;
  /**
   * Runs one statement outside any transaction, as CREATE INDEX CONCURRENTLY and VACUUM need it. Behind a pooler the
   * server's own limits apply: a setting of ours would stay for the pooler's next client.
   */
  alone(statement: Sql, limits: TransactionLimits): Promise<void>;
  /**
   * The user wants to stop: work on a SQLite file that can be stopped ends by itself within a moment, or is rolled
   * back. Postgres' own statements have their limits.
   */
  hurry?(): void;
  close(): Promise<void>;
}

export interface TransactionLimits {
  /** Longest wait for a lock, ms; after that it throws an error for which `isTimeout` is true. */
  readonly lockMs: number;
  /** Longest time of one statement, ms; on SQLite of a whole transaction, if a trigger or the like may take long. */
  readonly statementMs: number;
}

export interface Transaction {
  /** Rows as a reading store returns them: JSON as text, integers as numbers. */
  all<Row>(query: Sql): Promise<Row[]>;
  /**
   * Rows with exactly the table's values, for archives. Postgres: every value as the server spells it. SQLite:
   * integers as bigint, bytes as buffers; text that is not UTF-8 has to be read as bytes.
   */
  exactly(query: Sql): Promise<Record<string, Stored>[]>;
  /** @returns how many rows the statement changed */
  run(query: Sql): Promise<number>;
  /** Runs our own text that is not a query with values: DDL, or an insert whose values have their own types. */
  send(text: string, params?: readonly Stored[]): Promise<number>;
}

export type Stored = string | number | bigint | Buffer | null;

export interface ChangesOptions {
  /** As the reading store found them; empty if there are none yet. */
  readonly tables: TableNames;
  /** SQLite: nobody else may have the file open until `close`. */
  readonly offline?: boolean;
  /** SQLite: one statement may run long, for example to build an index, and can be stopped. */
  readonly isLong?: boolean;
  readonly debug?: (text: string) => void;
}

export async function openChanges(source: Source, options: ChangesOptions): Promise<Changes> {
  if (source.dialect === 'sqlite') return openSqliteChanges(source, options);
  if (source.dialect === 'postgres') return openPostgresChanges(source, options);
  throw onlyRead();
}
