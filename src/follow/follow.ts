import {UserError} from '../errors.ts';
import {append} from '../lists.ts';
import {loadRunPage} from '../runs/page.ts';
import {loadTraces} from '../runs/spans.ts';
import type {Store} from '../store/store.ts';
import {isTimeout} from '../store/timeout.ts';
import type {RunFilter} from '../trace/filter.ts';
import type {Patience} from '../trace/runs.ts';
import {type Clock, SYSTEM_CLOCK} from './clock.ts';
import {type Delivery, type FollowEvent, isIdle} from './event.ts';
import {deliveries, type FollowerOptions} from './follower.ts';
import type {LiveRuns, RunChange} from './live-runs.ts';

export interface FollowOptions extends Omit<FollowerOptions, 'clock'> {
  readonly clock?: Clock;
  /** Finds out what new spans change about runs; absent: `changes` stay empty. */
  readonly live?: LiveRuns;
  /** Deliver the newest runs that match before anything new; null or absent: none. */
  readonly newest?: {readonly runs: number; readonly filter: RunFilter; readonly patience: Patience} | null;
}

/** States change by time alone; nobody needs to know sooner. */
const TICK_MS = 1000;

/**
 * Follows a database: yields new spans as they arrive, and with `live` what they change about runs. If a read fails, a
 * notice says so, and the read is repeated later.
 */
export async function* follow({live, newest = null, ...options}: FollowOptions): AsyncGenerator<FollowEvent> {
  const {signal, clock = SYSTEM_CLOCK} = options;
  const guard = new Guard();
  let first = newest;
  let tickedMs = Number.NEGATIVE_INFINITY;
  for await (const event of deliveries({...options, clock})) {
    if (event.type !== 'delivery' || !live) {
      // There were no tables yet: everything that appears later is new, and the looks deliver it.
      if (event.type === 'connection' && event.connection.state === 'waiting') first = null;
      yield event;
      continue;
    }
    const {store} = event;
    if (first) {
      const {runs, filter, patience} = first;
      const changes = await guard.run(signal, async () => {
        const page = await loadRunPage(store, {filter, limit: runs, cursor: null, patience});
        const traceIds = [...new Set(page.runs.map(({record}) => record.traceId).reverse())];
        return live.begin(store, await loadTraces(store, traceIds));
      });
      if (changes) {
        first = null;
        yield beginning(store, byStart(changes).slice(-runs));
      }
    }
    const changes: RunChange[] = [];
    if (!isIdle(event)) append(changes, (await guard.run(signal, () => live.take(store, event))) ?? []);
    if (clock.nowMs() - tickedMs >= TICK_MS) {
      tickedMs = clock.nowMs();
      append(changes, (await guard.run(signal, () => live.tick(store))) ?? []);
    }
    if (signal.aborted) return;
    yield* guard.takeNotices();
    const {cursor, ...delivery} = event;
    yield {...delivery, changes, ...(cursor && !guard.isFailing && !live.isBehind ? {cursor} : {})};
  }
}

/** What existed before the first look. */
function beginning(store: Store, changes: readonly RunChange[]): Delivery {
  return {type: 'delivery', store, traces: [], lateMs: new Map(), isMore: false, isBacklog: true, changes};
}

/**
 * Reports a failing read once, until a read succeeds again. The follower finds out whether the database can be
 * reached.
 */
class Guard {
  isFailing = false;
  private said: string | null = null;
  private notices: string[] = [];

  /** @returns null if the work failed for a reason outside this program */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T | null> {
    try {
      const result = await work();
      this.isFailing = false;
      this.said = null;
      return result;
    } catch (error) {
      if (!(error instanceof UserError) && !isTimeout(error)) throw error;
      this.isFailing = true;
      const text = `runs could not be read; trying again: ${(error as Error).message}`;
      if (!signal.aborted && this.said !== text) this.notices.push(text);
      this.said = text;
      return null;
    }
  }

  *takeNotices(): Generator<FollowEvent, void> {
    for (const text of this.notices.splice(0)) yield {type: 'notice', text};
  }
}

function byStart(changes: readonly RunChange[]): RunChange[] {
  const start = ({judged}: RunChange) => judged?.run.startMicros ?? 0;
  return [...changes].sort((a, b) => start(a) - start(b));
}
