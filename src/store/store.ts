import type {AdHoc, AnswerValue} from '../sql/ad-hoc.ts';
import type {Dialect, Sql, TableNames} from '../sql/sql.ts';
import type {ConnectionFacts} from './connection-info.ts';

/** A database opened for reading. Every read is short and on its own: no lock and no cursor survives a call. */
export interface Store {
  readonly dialect: Dialect;
  /** How it is called in messages; holds no secret. */
  readonly label: string;
  readonly tables: TableNames;
  /** Spans that one statement may walk over: on SQLite what takes some 25 ms, as a writer waits that long. */
  readonly spansPerStatement: number;
  /**
   * True where a writer waits while we read: SQLite with a rollback journal. There long work is cut into short statements
   * with pauses between (docs/design.md, Reading without harm); everywhere else a reader disturbs nobody.
   */
  readonly blocksWriter: boolean;
  /** It answers within the call: nothing else is done meanwhile, no key is heard. */
  readonly answersInCall?: boolean;
  /** How long the last statement took, ms, without any pause before it. */
  readonly lastStatementMs: number;
  /**
   * Runs one statement and returns all its rows. JSON columns arrive as text, integers as numbers.
   * @throws UserError exit 4 when the database does not answer or does not allow it
   */
  all<Row>(query: Sql): Promise<Row[]>;
  /**
   * Runs one statement that a user wrote, and reads no more than the rows asked for. JSON and times of the table arrive as
   * text, integers and decimals exact, bytes as `\x` and hex.
   * @throws UserError exit 2 with the place in the statement when the database refuses it, exit 4 as `all`
   */
  adHoc(statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer>;
  /** Microseconds since 1970 by the clock that counts: the server's on Postgres, ours on SQLite. */
  nowMicros(): number;
  close(): Promise<void>;
  /** SQLite: whether what is read is still what lies at the path. */
  whereabouts?(): Whereabouts;
  /** Where Agno's own run table is, when that is another database. */
  readonly evidence?: Evidence;
}

/** `gone`: nothing is at the path; `replaced`: another file is; `copied`: a copy is read, and the file was written to since. */
export type Whereabouts = 'here' | 'gone' | 'replaced' | 'copied';

/**
 * What may hold Agno's own run tables: further evidence, never needed. A database of its own that cannot be read has
 * no tables and says so in the notes.
 */
export type Evidence = Pick<Store, 'dialect' | 'label' | 'tables' | 'all' | 'close'>;

export function evidenceOf(store: Store): Evidence {
  return store.evidence ?? store;
}

/** `store` with some of its members replaced; the others are asked each time. */
export function replacing(store: Store, members: Partial<Store>): Store {
  return Object.create(store, Object.getOwnPropertyDescriptors(members)) as Store;
}

/** `store` for somebody who would close it, and must not. */
export function lent(store: Store): Store {
  return replacing(store, {close: async () => undefined});
}

export interface AdHocLimits {
  /** 0: all. */
  readonly maxRows: number;
  /** Longest time, ms; null: what harms no writer. */
  readonly timeoutMs: number | null;
}

export interface AdHocAnswer {
  /** In the statement's order; two may have the same name. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly AnswerValue[])[];
  /** There are more rows than `maxRows`. */
  readonly isCut: boolean;
}

/** What the user said about where the tables are. */
export interface TableChoice {
  /** Postgres schema; null: look for the tables. */
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

/** Every table that is looked at, by the names that were asked for. */
export function tableNamesOf({tracesTable, spansTable}: TableChoice): string[] {
  return [tracesTable, spansTable, DEFAULT_TABLES.runs, DEFAULT_TABLES.sessions, DEFAULT_TABLES.versions];
}

export interface OpenOptions {
  readonly tables: TableChoice;
  readonly nowMicros: () => number;
  /** Longest time one statement may take, ms. */
  readonly timeoutMs: number;
  /**
   * SQLite: how long a read waits for a writer's commit, ms; this process does nothing else meanwhile. Absent: 2000.
   */
  readonly busyMs?: number;
  /** `runs`: a database of Agno's own run tables, which needs no traces. */
  readonly holds?: 'traces' | 'runs';
  /** A SQLite file that cannot be read where it lies is copied up to this size; absent: 2 GiB. */
  readonly largestCopyBytes?: number;
  /** Told what a reader of the answer must know: one line, no secret. */
  readonly warn?: (text: string) => void;
  /** Where debug lines go; absent unless asked for. */
  readonly debug?: (text: string) => void;
  /** Told what was connected to, before the tables are checked: `doctor` says it even when they are not there. */
  readonly onConnect?: (facts: ConnectionFacts) => void;
}

/** Columns this tool cannot do without; others may be missing or extra. */
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
