import type {Sql, TableNames, WritableDialect} from '../sql/sql.ts';
import {openPostgresChanges} from './postgres/changes.ts';
import type {Source} from './source.ts';
import {openSqliteChanges} from './sqlite/changes.ts';
import {onlyRead} from './writable.ts';

/**
 * The user's database opened for writing. Only retention and migrations may have one: a writer of Agno's that waits for us
 * for five seconds loses what it wanted to write, so all it lends are short transactions (docs/design.md, Writing).
 */
export interface Changes {
  readonly dialect: WritableDialect;
  /** How it is called in messages; holds no secret. */
  readonly label: string;
  /**
   * Keeps every other writing command of this tool away until `close`, without a lock on any table: an advisory lock in a
   * transaction of a connection of its own on Postgres, so that it holds behind a pooler; a locked file of ours beside the
   * temporary files on SQLite. Ends with the process, however that ends.
   * @returns false when somebody else has it
   */
  exclude(): Promise<boolean>;
  /** Runs one short read. @throws UserError exit 4, as every method here */
  all<Row>(query: Sql): Promise<Row[]>;
  /**
   * Runs `work` in one transaction and commits it. On SQLite it begins with the write lock (`begin immediate`); nothing but
   * its own statements and synchronous work may be awaited in it, as Agno waits meanwhile.
   * @throws what `work` throws, rolled back; a `CommitError` when it is not known whether the commit took place
   */
  transaction<T>(limits: TransactionLimits, work: (transaction: Transaction) => Promise<T>): Promise<T>;
  /**
   * Runs one short read while `alone` is at work, on the connection that holds the lock of `exclude`. Null on SQLite, where
   * nothing else runs meanwhile.
   */
  watch<Row>(query: Sql): Promise<Row[] | null>;
  /**
   * Does what a commit left to be done and what holds nobody up: in WAL, moving its pages into the file. Inside the commit it
   * would be time for which writers wait, or their own next commit would have to do it.
   */
  tidy(): Promise<void>;
  /**
   * Tidies, and leaves the database to others until they have had their turn, after transactions that took so long. To be
   * awaited between two transactions of ours.
   */
  giveWay(heldMs: number, stop: AbortSignal): Promise<void>;
  /**
   * Runs one statement outside of any transaction, as CREATE INDEX CONCURRENTLY and VACUUM need it. Behind a pooler the limits
   * are the server's own: what is set there would hold for a stranger.
   */
  alone(statement: Sql, limits: TransactionLimits): Promise<void>;
  /**
   * Somebody wants an end: what is at work on a SQLite file and can be stopped ends by itself within a moment or is taken back.
   * Postgres' own statements have their limits.
   */
  hurry?(): void;
  close(): Promise<void>;
}

export interface TransactionLimits {
  /** Longest wait for a lock, ms; then an error for which `isTimeout` is true. */
  readonly lockMs: number;
  /** Longest time of one statement, ms; on SQLite of a whole transaction, where a trigger or the like may take long. */
  readonly statementMs: number;
}

export interface Transaction {
  /** Rows as a reading store gives them: JSON as text, integers as numbers. */
  all<Row>(query: Sql): Promise<Row[]>;
  /**
   * Rows whose values are exactly what the table holds, for archives. Postgres: every value as the server spells it.
   * SQLite: integers as bigint, bytes as buffers; text that is not UTF-8 has to be read as bytes.
   */
  exactly(query: Sql): Promise<Record<string, Stored>[]>;
  /** @returns how many rows the statement changed */
  run(query: Sql): Promise<number>;
  /** Runs text of ours that is no query with values: DDL, or an insert whose values have their own types. */
  send(text: string, params?: readonly Stored[]): Promise<number>;
}

export type Stored = string | number | bigint | Buffer | null;

export interface ChangesOptions {
  /** As the reading store found them; empty where there are none yet. */
  readonly tables: TableNames;
  /** SQLite: nobody else may have the file open, from now until `close`. */
  readonly offline?: boolean;
  /** SQLite: one statement may work for long, as that which builds an index: it can be stopped. */
  readonly isLong?: boolean;
  readonly debug?: (text: string) => void;
}

export async function openChanges(source: Source, options: ChangesOptions): Promise<Changes> {
  if (source.dialect === 'sqlite') return openSqliteChanges(source, options);
  if (source.dialect === 'postgres') return openPostgresChanges(source, options);
  throw onlyRead();
}
