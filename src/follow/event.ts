import type {LoadedTrace} from '../runs/spans.ts';
import type {Store} from '../store/store.ts';
import type {RunChange} from './live-trace.ts';
import type {Cursor} from './start.ts';

/** What one look at the database brought: new spans, and what they change about runs. */
export interface Delivery {
  readonly type: 'delivery';
  readonly store: Store;
  /** The traces that gained spans: the row as it is now, and the new spans alone, by start then id. Empty: nothing new. */
  readonly traces: readonly LoadedTrace[];
  /** How late spans became visible after they were written, ms, by span id; only those that were noticeably late. */
  readonly lateMs: ReadonlyMap<string, number>;
  /** More waits in the table: look again at once. */
  readonly isMore: boolean;
  /** What was there before following began: whole traces. */
  readonly isBacklog: boolean;
  /** What happened to runs. Empty where nobody asked for runs, and where nothing happened. */
  readonly changes: readonly RunChange[];
  /** Where following resumes after this delivery; call it before the next event. Absent while some of its runs are still to come. */
  readonly cursor?: () => Cursor;
}

/** Whether the source is being read right now, and if not, why and when it is tried again. */
export type LinkState =
  | {readonly state: 'live'}
  | {readonly state: 'waiting'; readonly reason: string}
  | {readonly state: 'reconnecting'; readonly reason: string; readonly retryInMs: number};

/** What somebody who follows a database receives, in order. */
export type FollowEvent =
  | Delivery
  | {readonly type: 'connection'; readonly connection: LinkState}
  /** What a reader must know: what cannot be covered, a replaced file, a possible repetition. One line, no secret. */
  | {readonly type: 'notice'; readonly text: string};

/** Nothing was new, and nothing more waits: the moment for clocks. */
export function isIdle(event: FollowEvent): boolean {
  return event.type === 'delivery' && event.traces.length === 0 && !event.isMore;
}

/** From a span being written to it being here, ms, of the newest that were not late; null: nothing new came. */
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
