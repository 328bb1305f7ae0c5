import type {Dialect} from './sql.ts';

/** What databases differ in beyond the words of their SQL (`either`): what whoever reads them has to know. */
export interface Traits {
  /** As people call it. */
  readonly name: string;
  /** Each export of a trace leaves a row of its own, to be merged when it is read; a span that was sent twice is there twice. */
  readonly hasPartialTraceRows: boolean;
  /**
   * No index leads to the newest rows: a statement that does not say from when on reads every month. Walks by time look at a day,
   * then at a month, at a year, at all.
   */
  readonly walksByWindows: boolean;
  /** No index leads to an id: one statement looks through all rows, as fast for a beginning of the id as for all of it. */
  readonly scansForIds: boolean;
  /** A file, which may be damaged or forged: its indexes may leave out what its tables hold. */
  readonly mayContradictItself: boolean;
  /** Rows in which a statement costs as much as with one. */
  readonly leastRowsPerStatement: number;
  /** A server, which may not answer; else a file, whose reads never wait. */
  readonly isServer: boolean;
  /** Facts of it are kept from one question to the next: what is told to be new is proven to be all. */
  readonly keepsFacts: boolean;
  /** Rows can be changed in transactions, so that this tool may prune, restore and migrate. */
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
    mayBeWritten: false,
  },
};
