import type {Dialect} from './sql.ts';

/** Differences between databases beyond their SQL (`either`) that readers have to know. */
export interface Traits {
  /** The name that people use. */
  readonly name: string;
  /**
   * Each export of a trace leaves a row of its own, which readers must merge; a span that was sent twice is stored
   * twice.
   */
  readonly hasPartialTraceRows: boolean;
  /**
   * No index finds the newest rows: a statement without a lower time bound reads every month. Walks by time look at a
   * day, then at a month, a year, everything.
   */
  readonly walksByWindows: boolean;
  /** No index finds an id: one statement scans all rows, and a prefix of the id is as fast as the complete id. */
  readonly scansForIds: boolean;
  /** A file, which may be damaged or forged: its indexes may leave out rows of its tables. */
  readonly mayContradictItself: boolean;
  /** Up to this many rows, a statement costs the same as with one row. */
  readonly leastRowsPerStatement: number;
  /** A server, which may not answer; otherwise a file, whose reads never wait. */
  readonly isServer: boolean;
  /** Its facts are kept from one question to the next: what the follower reports as new is provably complete. */
  readonly keepsFacts: boolean;
  /** Tables are made of parts, which are merged in the background; each insert adds one. */
  readonly hasDataParts: boolean;
  /** Agno's own writer refuses a second export while one runs, and loses its spans (docs/agno.md, ClickHouse). */
  readonly losesParallelExports: boolean;
  /** One statement picks the figures of all calls of a month out of their attributes. */
  readonly picksCalls: boolean;
  /** Rows can be changed in transactions, and indexes can be added: this tool may migrate and vacuum. */
  readonly mayBeWritten: boolean;
}

export const TRAITS: Readonly<Record<Dialect, Traits>> = {
  sqlite: {
    name: 'SQLite',
    hasPartialTraceRows: false,
    walksByWindows: false,
    scansForIds: false,
    mayContradictItself: true,
    leastRowsPerStatement: 1,
    isServer: false,
    keepsFacts: true,
    hasDataParts: false,
    losesParallelExports: false,
    picksCalls: false,
    mayBeWritten: true,
  },
  postgres: {
    name: 'Postgres',
    hasPartialTraceRows: false,
    walksByWindows: false,
    scansForIds: false,
    mayContradictItself: false,
    leastRowsPerStatement: 1,
    isServer: true,
    keepsFacts: true,
    hasDataParts: false,
    losesParallelExports: false,
    picksCalls: false,
    mayBeWritten: true,
  },
  clickhouse: {
    name: 'ClickHouse',
    hasPartialTraceRows: true,
    walksByWindows: true,
    scansForIds: true,
    mayContradictItself: false,
    leastRowsPerStatement: 10_000,
    isServer: true,
    keepsFacts: false,
    hasDataParts: true,
    losesParallelExports: true,
    picksCalls: true,
    mayBeWritten: false,
  },
};
