import {UserError} from '../errors.ts';
import {append} from '../lists.ts';
import {loadRunPage} from '../runs/page.ts';
import {loadTraces} from '../runs/spans.ts';
import type {Store} from '../store/store.ts';
import {isTimeout} from '../store/timeout.ts';
import type {RunFilter} from '../trace/filter.ts';
import type {Patience} from '../trace/runs.ts';
import {SYSTEM_CLOCK} from './clock.ts';
import {type FollowOptions, follow} from './follow.ts';
import type {LiveRuns, RunChange} from './live-runs.ts';
import type {Connection, FollowEvent} from './poll.ts';
import type {Cursor} from './start.ts';

/** What somebody who watches runs is told, in order. */
export type FeedEvent =
  | {
      readonly type: 'runs';
      readonly changes: readonly RunChange[];
      /** They are from before following began. */
      readonly isBacklog: boolean;
      readonly store: Store;
      /** From a span being written to it being here, ms, of the newest that were not late; null: nothing came. */
      readonly lagMs: number | null;
      /** The look brought something. */
      readonly isNew: boolean;
      /** Where following goes on once this was taken; absent while something of it is still to be told. */
      readonly cursor?: () => Cursor;
    }
  | {readonly type: 'connection'; readonly connection: Connection}
  | {readonly type: 'notice'; readonly text: string};

export interface FeedOptions extends FollowOptions {
  readonly live: LiveRuns;
  /** The newest runs that match, told before what is new; null: none. */
  readonly newest: {readonly runs: number; readonly filter: RunFilter; readonly patience: Patience} | null;
}

/** States change by time alone; nobody needs to know within less. */
const TICK_MS = 1000;

/**
 * Follows a database and tells what happens to its runs. A `runs` event comes after every look, with or without changes.
 * What cannot be read for the moment is said in a notice, and made up for later.
 */
export async function* runFeed(options: FeedOptions): AsyncGenerator<FeedEvent> {
  const {live, signal, clock = SYSTEM_CLOCK} = options;
  const guard = new Guard();
  let newest = options.newest;
  let tickedMs = Number.NEGATIVE_INFINITY;
  for await (const event of follow(options)) {
    if (event.type === 'connection' || event.type === 'notice') {
      // Nothing was there: whatever is found then is new, and told by the follower.
      if (event.type === 'connection' && event.connection.state === 'waiting') newest = null;
      yield event;
      continue;
    }
    const {store} = event;
    if (newest) {
      const {runs, filter, patience} = newest;
      const changes = await guard.run(signal, async () => {
        const page = await loadRunPage(store, {filter, limit: runs, cursor: null, patience});
        const traceIds = [...new Set(page.runs.map(({record}) => record.traceId).reverse())];
        return live.begin(store, await loadTraces(store, traceIds));
      });
      if (changes) {
        newest = null;
        yield {type: 'runs', changes: byStart(changes).slice(-runs), isBacklog: true, store, lagMs: null, isNew: false};
      }
    }
    const changes: RunChange[] = [];
    if (event.type === 'poll') append(changes, (await guard.run(signal, () => live.take(store, event.poll))) ?? []);
    if (clock.nowMs() - tickedMs >= TICK_MS) {
      tickedMs = clock.nowMs();
      append(changes, (await guard.run(signal, () => live.tick(store))) ?? []);
    }
    if (signal.aborted) return;
    yield* guard.takeNotices();
    yield {
      type: 'runs',
      changes,
      isBacklog: event.type === 'poll' && event.poll.isBacklog === true,
      store,
      lagMs: lagOf(event),
      isNew: event.type === 'poll',
      ...(guard.isFailing || live.isBehind ? {} : {cursor: event.cursor}),
    };
  }
}

/** Reads of ours that fail: said once, until one succeeds again. Whether the database is there the follower finds out. */
class Guard {
  isFailing = false;
  private said: string | null = null;
  private notices: string[] = [];

  /** @returns null when the work failed for a reason outside this program */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | null> {
    try {
      const result = await work();
      this.isFailing = false;
      this.said = null;
      return result;
    } catch (error) {
      if (!(error instanceof UserError) && !isTimeout(error)) throw error;
      this.isFailing = true;
      const text = `runs could not be read, tried again: ${(error as Error).message}`;
      if (!signal.aborted && this.said !== text) this.notices.push(text);
      this.said = text;
      return null;
    }
  }

  *takeNotices(): Generator<FeedEvent, void> {
    for (const text of this.notices.splice(0)) yield {type: 'notice', text};
  }
}

function byStart(changes: readonly RunChange[]): RunChange[] {
  const start = ({judged}: RunChange) => judged?.run.startMicros ?? 0;
  return [...changes].sort((a, b) => start(a) - start(b));
}

function lagOf(event: FollowEvent): number | null {
  if (event.type !== 'poll' || event.poll.isBacklog) return null;
  const nowMicros = event.store.nowMicros();
  let largest: number | null = null;
  for (const {spans} of event.poll.traces) {
    for (const {spanId, createdMicros} of spans) {
      if (createdMicros === null || event.poll.lateMs.has(spanId)) continue;
      largest = Math.max(largest ?? 0, (nowMicros - createdMicros) / 1000);
    }
  }
  return largest;
}
