import type {LoadedTrace} from '../runs/spans.ts';
import type {Store} from '../store/store.ts';
import type {RunChange} from './live-trace.ts';
import type {Cursor} from './start.ts';

/** The result of one look at the database: new spans, and what they change about runs. */
export interface Delivery {
  readonly type: 'delivery';
  readonly store: Store;
  /** The traces that gained spans: the current row and only the new spans, by start, then id. Empty: nothing new. */
  readonly traces: readonly LoadedTrace[];
  /** How late spans became visible after they were written, ms, by span id; only for noticeably late ones. */
  readonly lateMs: ReadonlyMap<string, number>;
  /** More spans are available: look again at once. */
  readonly isMore: boolean;
  /** What existed before following began: complete traces. */
  readonly isBacklog: boolean;
  /** What happened to runs. Empty if nobody asked for runs, or nothing happened. */
  readonly changes: readonly RunChange[];
  /**
   * Where following resumes after this delivery; call it before the next event. Absent while some of its runs are
   * still to come.
   */
  readonly cursor?: () => Cursor;
}

/** Whether the source is being read right now; if not, why, and when the next attempt is. */
export type LinkState =
  | {readonly state: 'live'}
  | {readonly state: 'waiting'; readonly reason: string}
  | {readonly state: 'reconnecting'; readonly reason: string; readonly retryInMs: number};

/** The events for somebody who follows a database, in order. */
export type FollowEvent =
  | Delivery
  | {readonly type: 'connection'; readonly connection: LinkState}
  /** Something that the reader must know: a gap, a replaced file, a possible repetition. One line, no secret. */
  | {readonly type: 'notice'; readonly text: string};

/** Nothing was new, and nothing more is available: the time to check clocks. */
export function isIdle(event: FollowEvent): boolean {
  return event.type === 'delivery' && event.traces.length === 0 && !event.isMore;
}

/**
 * The time from writing a span to receiving it, ms, for the newest spans that were not late; null: nothing new
 * arrived.
 */
export function lagMsOf({store, traces, lateMs, isBacklog}: Delivery): number | null {
  if (isBacklog) return null;
  const nowMicros = store.nowMicros();
  let largest: number | null = null;
  for (const {spans} of traces) {
    for (const {spanId, createdMicros} of spans) {
      if (createdMicros === null || lateMs.has(spanId)) continue;
      largest = Math.max(largest ?? 0, (nowMicros - createdMicros) / 1000);
    }
  }
  return largest;
}
