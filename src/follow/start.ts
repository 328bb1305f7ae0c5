import type {ReaderPosition} from './reader.ts';

/** Where following begins. */
export type Start =
  | {readonly from: 'now'}
  /** Also the traces that gained a span since then, whole. */
  | {readonly from: 'since'; readonly sinceMicros: number}
  | {readonly from: 'cursor'; readonly cursor: Cursor};

/** Where following resumes after a stop: JSON, without secrets. */
export interface Cursor {
  /** The database, as messages call it. */
  readonly source: string;
  readonly position: ReaderPosition;
  /** Traces of the backlog that were not delivered yet. */
  readonly backlog: readonly string[];
  /** When it was taken, microseconds by the clock that counts. */
  readonly atMicros: number;
}
