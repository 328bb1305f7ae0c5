import type {AdHoc, AnswerValue} from '../sql/ad-hoc.ts';
import type {Dialect, Sql, TableNames} from '../sql/sql.ts';
import type {ConnectionFacts} from './connection-info.ts';

/** A database opened for reading. Every read is short and independent: no lock and no cursor survives a call. */
export interface Store {
  readonly dialect: Dialect;
  /** Its name in messages; holds no secret. */
  readonly label: string;
  readonly tables: TableNames;
  /**
   * How many spans one statement may walk over: on SQLite as many as take about 25 ms, because a writer waits that
   * long.
   */
  readonly spansPerStatement: number;
  /**
   * True if a writer waits while we read: SQLite with a rollback journal. There, long work is split into short
   * statements with pauses between (docs/design.md, Reading without harm); everywhere else a reader disturbs nobody.
   */
  readonly blocksWriter: boolean;
  /** It answers within the call: nothing else runs meanwhile, and no key is handled. */
  readonly answersInCall?: boolean;
  /** How long the last statement took, ms, without a pause before it. */
  readonly lastStatementMs: number;
  /**
   * Runs one statement and returns all its rows. JSON columns come as text, integers as numbers.
   * @throws UserError exit 4 if the database does not answer or does not allow it
   */
  all<Row>(query: Sql): Promise<Row[]>;
  /**
   * Runs one statement that a user wrote, and reads no more rows than requested. JSON and the table's times come as
   * text, integers and decimals exactly, bytes as `\x` and hex.
   * @throws UserError exit 2 with the place in the statement if the database refuses it, exit 4 like `all`
   */
  adHoc(statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer>;
  /** Microseconds since 1970, by the server's clock on Postgres and ours on SQLite. */
  nowMicros(): number;
  close(): Promise<void>;
  /** Stops the running statement, also on the server. The store is not used afterwards. */
  stop?(): Promise<void>;
  /** SQLite: whether the file that is read is still the one at the path. */
  whereabouts?(): Whereabouts;
  /** Attributes that spans have beside their own fields (`Span.asked`), by path; absent: none. */
  readonly asks?: readonly string[];
  /** The database with Agno's own run table, if that is another one. */
  readonly evidence?: Evidence;
}

/**
 * `gone`: nothing is at the path; `replaced`: another file is; `copied`: a copy is read, and the file was written
 * since.
 */
export type Whereabouts = 'here' | 'gone' | 'replaced' | 'copied';

/**
 * A database that may have Agno's own run tables, which only help confirm states. If it is a separate one that cannot
 * be read, it has no tables and a note says so.
 */
export type Evidence = Pick<Store, 'dialect' | 'label' | 'tables' | 'all' | 'close'>;

export function evidenceOf(store: Store): Evidence {
  return store.evidence ?? store;
}

/** `store` with some members replaced; the others are read from it each time. */
export function replacing(store: Store, members: Partial<Store>): Store {
  return Object.create(store, Object.getOwnPropertyDescriptors(members)) as Store;
}

/** `store` whose spans also have these attributes. */
export function asking(store: Store, asks: readonly string[]): Store {
  const all = [...new Set([...(store.asks ?? []), ...asks])];
  return all.length === (store.asks?.length ?? 0) ? store : replacing(store, {asks: all});
}

/** `store` for a caller that would close it but must not. */
export function lent(store: Store): Store {
  return replacing(store, {close: async () => undefined});
}

export interface AdHocLimits {
  /** 0: all. */
  readonly maxRows: number;
  /** Longest time, ms; null: as long as harms no writer. */
  readonly timeoutMs: number | null;
}

export interface AdHocAnswer {
  /** In the statement's order; two may have the same name. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly AnswerValue[])[];
  /** There are more rows than `maxRows`. */
  readonly isCut: boolean;
}

/** Where the user says that the tables are. */
export interface TableChoice {
  /** Postgres schema; null: search for the tables. */
  readonly schema: string | null;
  readonly tracesTable: string;
  readonly spansTable: string;
}

export const DEFAULT_TABLES = {
  traces: 'agno_traces',
  spans: 'agno_spans',
  runs: 'agno_runs',
  sessions: 'agno_sessions',
  versions: 'agno_schema_versions',
} as const;

/** Every table that is searched for, by the requested names. */
export function tableNamesOf({tracesTable, spansTable}: TableChoice): string[] {
  return [tracesTable, spansTable, DEFAULT_TABLES.runs, DEFAULT_TABLES.sessions, DEFAULT_TABLES.versions];
}

export interface OpenOptions {
  readonly tables: TableChoice;
  readonly nowMicros: () => number;
  /** Longest time of one statement, ms. */
  readonly timeoutMs: number;
  /**
   * SQLite: how long a read waits for a writer's commit, ms; this process does nothing else meanwhile. Absent: 2000.
   */
  readonly busyMs?: number;
  /** `runs`: a database with Agno's own run tables, which needs no traces. */
  readonly holds?: 'traces' | 'runs';
  /** A SQLite file that cannot be read in place is copied up to this size; absent: 2 GiB. */
  readonly largestCopyBytes?: number;
  /** Receives what a reader of the answer must know: one line, no secret. */
  readonly warn?: (text: string) => void;
  /** Receives debug lines; absent unless requested. */
  readonly debug?: (text: string) => void;
  /**
   * Receives the facts about the connection before the tables are checked: `doctor` shows them even if the tables do
   * not exist.
   */
  readonly onConnect?: (facts: ConnectionFacts) => void;
}

/** Columns that this tool needs; others may be missing or additional. */
export const REQUIRED_COLUMNS = {
  spans: [
    'span_id',
    'trace_id',
    'parent_span_id',
    'name',
    'span_kind',
    'status_code',
    'status_message',
    'start_time',
    'end_time',
    'duration_ms',
    'attributes',
    'created_at',
  ],
  traces: [
    'trace_id',
    'name',
    'status',
    'start_time',
    'end_time',
    'run_id',
    'session_id',
    'user_id',
    'agent_id',
    'team_id',
    'workflow_id',
    'created_at',
  ],
} as const;
