import type {Dialect} from '../sql/sql.ts';

/**
 * What is known of a connection before any of its traces is read, for `doctor`. Unknown is null, and so is what the other
 * database has; sizes are bytes. Holds no secret.
 */
export interface ConnectionFacts {
  readonly dialect: Dialect;
  readonly label: string;
  /** In words: `TLS, server not verified (TLSv1.3)`, `no TLS`; null on SQLite. */
  readonly tls: string | null;
  /** There is a pooler between: the server process differs from the one named when the connection was made. */
  readonly pooler: boolean | null;
  /** Of the server, or of the SQLite library that reads the file. */
  readonly serverVersion: string;
  readonly role: string | null;
  readonly isSuperuser: boolean | null;
  /** May change rows of the tables; on SQLite whether the file may be written by this user. This tool never does. */
  readonly mayWrite: boolean | null;
  readonly isStandby: boolean | null;
  /** The role's own limit of one statement, ms; null: none. */
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
  /** Why a private copy is read; null: the database is read where it lies. */
  readonly copyReason: string | null;
  /** Every table of the names asked for, in all schemas. */
  readonly tables: readonly TableFacts[];
  /** What was sent to find this out, for `--print-sql`. */
  readonly statements: readonly string[];
}

export interface TableFacts {
  /** Null on SQLite. */
  readonly schema: string | null;
  readonly name: string;
  /** As in SQL text. */
  readonly qualifiedName: string;
  readonly columns: readonly {readonly name: string; readonly type: string}[];
  readonly foreignKeys: readonly {readonly column: string; readonly references: string; readonly isValid: boolean}[];
  readonly indexes: readonly IndexFacts[];
  /** With its indexes and what is stored aside; null where the database does not say (SQLite). */
  readonly totalBytes: number | null;
  readonly indexBytes: number | null;
  /** The database's own estimate; null where it has none. */
  readonly estimatedRows: number | null;
  readonly mayRead: boolean;
  /** No table of rows and indexes of its own: a view, or another server's. */
  readonly isView: boolean;
}

export interface IndexFacts {
  readonly name: string;
  /** Null for an expression. */
  readonly columns: readonly (string | null)[];
  /** False: left behind by a CREATE INDEX CONCURRENTLY that failed; it is kept up to date and never read. */
  readonly isValid: boolean;
  readonly isPartial: boolean;
  /** The statement that makes it, in the database's own spelling; null for one that SQLite makes by itself. */
  readonly definition: string | null;
  /** Operators and functions in it that are not the server's own: whoever owns them has code run with every insert. */
  readonly foreign: readonly string[];
}
