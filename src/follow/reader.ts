import type {Store} from '../store/store.ts';
import type {Clock} from './clock.ts';

/** A span that was not delivered yet. */
export interface NewKey {
  readonly spanId: string;
  /** If known: ClickHouse finds spans by it. */
  readonly traceId?: string;
  /** According to its row, microseconds; null if that is not a time. */
  readonly createdMicros: number | null;
}

export interface NewKeys {
  readonly keys: readonly NewKey[];
  /** More keys are available: look again at once. */
  readonly isMore: boolean;
}

/**
 * A reader's progress: JSON, small, without secrets. A reader never delivers a span again that its position includes.
 */
export type ReaderPosition = SqlitePosition | PostgresPosition | ClickhousePosition;

export interface SqlitePosition {
  readonly dialect: 'sqlite';
  /** Rows that were known, `[rowid, span id]`, in order; reading starts after the last one. */
  readonly anchors: readonly (readonly [number, string])[];
  /** From this rowid on, every known row is an anchor. */
  readonly exactFrom: number;
  /** Already delivered, although they come after the last anchor. */
  readonly ahead: readonly string[];
  /** When it was taken. */
  readonly atMicros: number;
}

export interface PostgresPosition {
  readonly dialect: 'postgres';
  /** Cluster and database. */
  readonly identity: string;
  readonly lanes: readonly {readonly lowXid: number; readonly fromMicros: number | null}[];
  /** Delivered spans whose transaction may be above a low-water mark: id, transaction, `created_at` in microseconds. */
  readonly seen: readonly (readonly [string, number, number | null])[];
}

export interface ClickhousePosition {
  readonly dialect: 'clickhouse';
  /** The table's own id on the server. */
  readonly identity: string;
  /** When the server started: it may restart its numbers then. */
  readonly startedMicros: number;
  /** Highest block number of the table at the last look; -1: unknown. */
  readonly block: number;
  /** Delivered spans that may be read again: id, `created_at` and time of delivery, in microseconds. */
  readonly seen: readonly (readonly [string, number, number])[];
}

/**
 * Finds the spans that became visible since the last look. It holds no connection: each call gets the store, which
 * may be a new one after a lost connection.
 */
export interface Reader {
  /** Treats existing spans as known (`now`) or as new (`beginning`). */
  begin(store: Store, from: 'now' | 'beginning'): Promise<void>;
  /**
   * Resumes at its position; the first call in this process.
   * @returns false if the position belongs to another database
   */
  resume(store: Store, isSameName: boolean): Promise<boolean>;
  /** There is a new connection to what should be the same database. */
  reopened(store: Store): Promise<void>;
  /** The next spans. They count as delivered once it returns. */
  look(store: Store, clock: Clock): Promise<NewKeys>;
  /** These were delivered by other means: do not return them again. */
  told(store: Store, spanIds: readonly string[]): Promise<void>;
  position(nowMicros: number): ReaderPosition;
  /** What the user must know since the last call; one line each. */
  takeNotices(): string[];
}
