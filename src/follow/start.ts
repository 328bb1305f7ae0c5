import type {ReaderPosition} from './reader.ts';

/** Where following begins. */
export type Start =
  | {readonly from: 'now'}
  /** Also deliver the traces that gained a span since then, complete. */
  | {readonly from: 'since'; readonly sinceMicros: number}
  | {readonly from: 'cursor'; readonly cursor: Cursor};

/** Where following resumes after a stop: JSON, without secrets. */
export interface Cursor {
  /** The database's name in messages. */
  readonly source: string;
  readonly position: ReaderPosition;
  /** Traces of the backlog that were not delivered yet. */
  readonly backlog: readonly string[];
  /** When it was taken, microseconds by the store's clock (`nowMicros`). */
  readonly atMicros: number;
}
