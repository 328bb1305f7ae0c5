import type {Dialect} from '../sql/sql.ts';

/**
 * What is known about a connection before any trace is read, for `doctor`. Unknown is null, and so are facts that
 * only another kind of database has; sizes are bytes. Holds no secret.
 */
export interface ConnectionFacts {
  readonly dialect: Dialect;
  readonly label: string;
  /** In words: `TLS, server not verified (TLSv1.3)`, `no TLS`; null on SQLite. */
  readonly tls: string | null;
  /** There is a pooler: the server process is not the one that was named on connecting. */
  readonly pooler: boolean | null;
  /** Version of the server, or of the SQLite library that reads the file. */
  readonly serverVersion: string;
  readonly role: string | null;
  readonly isSuperuser: boolean | null;
  /** May change rows of the tables; on SQLite, whether this user may write the file. This tool never does. */
  readonly mayWrite: boolean | null;
  readonly isStandby: boolean | null;
  /** The role's own statement limit, ms; null: none. */
  readonly statementTimeoutMs: number | null;
  /** The server's clock minus ours, ms. */
  readonly clockAheadMs: number | null;
  readonly file: string | null;
  readonly fileBytes: number | null;
  readonly walBytes: number | null;
  readonly journalMode: string | null;
  readonly pageBytes: number | null;
  readonly driver: string | null;
  readonly owner: string | null;
  /** Why a private copy is read; null: the database is read in place. */
  readonly copyReason: string | null;
  /** Every table with one of the requested names, in all schemas. */
  readonly tables: readonly TableFacts[];
  /** The statements that found this out, for `--print-sql`. */
  readonly statements: readonly string[];
}

export interface TableFacts {
  /** Null on SQLite. */
  readonly schema: string | null;
  readonly name: string;
  /** As written in SQL. */
  readonly qualifiedName: string;
  readonly columns: readonly {readonly name: string; readonly type: string}[];
  readonly foreignKeys: readonly {readonly column: string; readonly references: string; readonly isValid: boolean}[];
  readonly indexes: readonly IndexFacts[];
  /** Including indexes and values stored out of line; null if the database does not say (SQLite). */
  readonly totalBytes: number | null;
  readonly indexBytes: number | null;
  /** The database's own estimate; null if it has none. */
  readonly estimatedRows: number | null;
  readonly mayRead: boolean;
  /** Not a table with its own rows and indexes: a view, or a table of another server. */
  readonly isView: boolean;
}

export interface IndexFacts {
  readonly name: string;
  /** Null for an expression. */
  readonly columns: readonly (string | null)[];
  /** False: left behind by a failed CREATE INDEX CONCURRENTLY; the server maintains it but never reads it. */
  readonly isValid: boolean;
  readonly isPartial: boolean;
  /** The statement that creates it, in the database's own spelling; null for one that SQLite creates by itself. */
  readonly definition: string | null;
  /** Operators and functions in it that are not the server's own: their owners have code run with every insert. */
  readonly foreign: readonly string[];
}
