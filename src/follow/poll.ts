import type {LoadedTrace} from '../runs/spans.ts';
import type {Store} from '../store/store.ts';
import type {Cursor} from './start.ts';

/** What one look at the database brought. */
export interface Poll {
  /** The traces that gained spans: the row as it is now, and the new spans alone, by start then id. Empty: nothing new. */
  readonly traces: readonly LoadedTrace[];
  /** How late spans became visible after they were written, ms, by span id; only those that were noticeably late. */
  readonly lateMs: ReadonlyMap<string, number>;
  /** More waits in the table: look again at once. */
  readonly isMore: boolean;
  /** What was there before following began: whole traces. Absent: new spans. */
  readonly isBacklog?: boolean;
}

/** Whether the source is being read right now, and if not, why and when it is tried again. */
export type Connection =
  | {readonly state: 'live'}
  | {readonly state: 'waiting'; readonly reason: string}
  | {readonly state: 'reconnecting'; readonly reason: string; readonly retryInMs: number};

/** What a follower tells, in order. */
export type FollowEvent =
  | {
      readonly type: 'poll';
      readonly poll: Poll;
      readonly store: Store;
      /** Where following goes on when this poll was taken; to be asked before the next event. */
      readonly cursor: () => Cursor;
    }
  /** A look that found nothing: the moment for clocks and heartbeats. */
  | {readonly type: 'idle'; readonly store: Store; readonly cursor: () => Cursor}
  | {readonly type: 'connection'; readonly connection: Connection}
  /** What a reader must know: what cannot be covered, a replaced file, a possible repetition. One line, no secret. */
  | {readonly type: 'notice'; readonly text: string};
