import type {Store} from '../store/store.ts';
import type {Clock} from './clock.ts';

/** A span that was not delivered yet. */
export interface NewKey {
  readonly spanId: string;
  /** Where it is known: ClickHouse finds spans by it. */
  readonly traceId?: string;
  /** As its row says, microseconds; null when that is no time. */
  readonly createdMicros: number | null;
}

export interface NewKeys {
  readonly keys: readonly NewKey[];
  /** More waits: look again at once. */
  readonly isMore: boolean;
}

/** How far a reader has come: JSON, small, without secrets. A reader never delivers a span again that its position holds. */
export type ReaderPosition = SqlitePosition | PostgresPosition | ClickhousePosition;

export interface SqlitePosition {
  readonly dialect: 'sqlite';
  /** Rows that were there and known, `[rowid, span id]`, in order; reading starts after the last one. */
  readonly anchors: readonly (readonly [number, string])[];
  /** From this rowid on every row that was known is an anchor. */
  readonly exactFrom: number;
  /** Told already though they lie behind the last anchor. */
  readonly ahead: readonly string[];
  /** When it was taken. */
  readonly atMicros: number;
}

export interface PostgresPosition {
  readonly dialect: 'postgres';
  /** Cluster and database. */
  readonly identity: string;
  readonly lanes: readonly {readonly lowXid: number; readonly fromMicros: number | null}[];
  /** Delivered spans whose transaction may lie above a low-water mark: id, transaction, `created_at` in microseconds. */
  readonly seen: readonly (readonly [string, number, number | null])[];
}

export interface ClickhousePosition {
  readonly dialect: 'clickhouse';
  /** The table's own, by the server. */
  readonly identity: string;
  /** When the server was started: it may begin its numbers anew then. */
  readonly startedMicros: number;
  /** Highest block number of the table when it was last looked at; -1: none is known. */
  readonly block: number;
  /** Delivered spans that may be read again: id, `created_at` and when it was told, in microseconds. */
  readonly seen: readonly (readonly [string, number, number])[];
}

/**
 * Finds the spans that became visible since the last look. It holds no connection: each call is given the store, which may
 * be another one after a connection was lost.
 */
export interface Reader {
  /** Takes what is there for known (`now`), or for new (`beginning`). */
  begin(store: Store, from: 'now' | 'beginning'): Promise<void>;
  /**
   * Goes on where its position says, the first time in this process.
   * @returns false when the position is of another database
   */
  resume(store: Store, isSameName: boolean): Promise<boolean>;
  /** A new connection to what should be the same database. */
  reopened(store: Store): Promise<void>;
  /** The next spans. They count as delivered once it returns. */
  look(store: Store, clock: Clock): Promise<NewKeys>;
  /** These were delivered by other means: do not return them again. */
  told(store: Store, spanIds: readonly string[]): Promise<void>;
  position(nowMicros: number): ReaderPosition;
  /** What the user must know since the last call; one line each. */
  takeNotices(): string[];
}
