import {UserError} from '../errors.ts';
import {type LoadedTrace, loadNewSpans, loadTraces} from '../queries/spans.ts';
import {NotThereYet} from '../store/schema-check.ts';
import type {Store} from '../store/store.ts';
import {isTimeout} from '../store/timeout.ts';
import {backlogOf} from './backlog.ts';
import {type Clock, SYSTEM_CLOCK} from './clock.ts';
import {Link} from './link.ts';
import type {FollowEvent, Poll} from './poll.ts';
import {PostgresReader} from './postgres.ts';
import type {NewKey, Reader} from './reader.ts';
import {SqliteReader} from './sqlite.ts';
import type {Cursor, Start} from './start.ts';

export interface FollowOptions {
  /** Opens the database; called again when the connection was lost. */
  readonly open: () => Promise<Store>;
  readonly start: Start;
  readonly signal: AbortSignal;
  readonly clock?: Clock;
  /** Pause between looks, ms; absent: 200 on SQLite, 400 on Postgres. */
  readonly pollMs?: number;
}

const POLL_MS = {sqlite: 200, postgres: 400} as const;
/** Whole traces told in one poll of the backlog. */
const TRACES_AT_ONCE = 50;
/** A span seen so long after it was written is late. */
const LATE_MS = 5000;

/**
 * Tells every span that becomes visible, once, in polls; before them the backlog that `start` asks for, in whole traces.
 * Nothing is read ahead of the consumer: when it asks for the next event it has taken the last one.
 * Ends when `signal` is aborted.
 * @throws UserError when the database cannot be reached at the very start; later it is tried again for ever
 */
export async function* follow(options: FollowOptions): AsyncGenerator<FollowEvent> {
  const {signal, clock = SYSTEM_CLOCK} = options;
  const link = new Link(options.open, clock, signal);
  try {
    yield* new Follower(options, clock, link).events();
  } finally {
    link.close();
  }
}

class Follower {
  private reader: Reader | null = null;
  private backlog: string[] = [];
  /** Told by the reader, not yet read. */
  private keys: readonly NewKey[] = [];
  private isMore = false;

  constructor(
    private readonly options: FollowOptions,
    private readonly clock: Clock,
    private readonly link: Link,
  ) {}

  async *events(): AsyncGenerator<FollowEvent> {
    const {signal} = this.options;
    while (!signal.aborted) {
      let event: FollowEvent | null;
      try {
        const connected = yield* this.link.connect(this.reader !== null);
        if (!connected) return;
        if (connected.isNew) await this.attach(connected.store, connected.wasAbsent);
        yield* this.link.live();
        event = await this.next(connected.store);
        this.link.answered();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof UserError) && !isTimeout(error)) throw error;
        if (this.reader === null && !(error instanceof NotThereYet) && !this.link.hasWaited) throw error;
        this.link.lost(error as Error);
        continue;
      }
      for (const text of this.reader!.takeNotices()) yield {type: 'notice', text};
      yield event;
      if (event.type === 'poll' && event.poll.isMore) continue;
      const store = event.type === 'poll' || event.type === 'idle' ? event.store : null;
      await this.clock.sleep(this.options.pollMs ?? POLL_MS[store?.dialect ?? 'sqlite'], signal);
    }
  }

  private async attach(store: Store, wasAbsent: boolean): Promise<void> {
    if (this.reader) return this.reader.reopened(store);
    const {start} = this.options;
    const position = start.from === 'cursor' ? start.cursor.position : undefined;
    const reader =
      store.dialect === 'sqlite'
        ? new SqliteReader(position?.dialect === 'sqlite' ? position : undefined)
        : new PostgresReader(position?.dialect === 'postgres' ? position : undefined);
    if (position) await reader.reopened(store);
    else await reader.begin(store, wasAbsent ? 'beginning' : 'now');
    this.backlog = wasAbsent ? [] : await backlogOf(store, start);
    this.reader = reader;
  }

  private async next(store: Store): Promise<FollowEvent> {
    if (this.backlog.length > 0) return this.nextOfBacklog(store);
    const reader = this.reader!;
    if (this.keys.length === 0) {
      const look = await reader.look(store, this.clock);
      this.keys = look.keys;
      this.isMore = look.isMore;
    }
    const traces =
      this.keys.length === 0
        ? []
        : await loadNewSpans(
            store,
            this.keys.map(key => key.spanId),
          );
    const lateMs = lateness(this.keys, store.nowMicros());
    this.keys = [];
    if (traces.length === 0 && !this.isMore) return {type: 'idle', store};
    return this.pollEvent(store, {traces, lateMs, isMore: this.isMore});
  }

  private async nextOfBacklog(store: Store): Promise<FollowEvent> {
    const traceIds = this.backlog.slice(0, TRACES_AT_ONCE);
    const traces = await loadTraces(store, traceIds);
    await this.reader!.told(store, idsOf(traces));
    this.backlog = this.backlog.slice(TRACES_AT_ONCE);
    return this.pollEvent(store, {traces, lateMs: new Map(), isMore: true, isBacklog: true});
  }

  private pollEvent(store: Store, poll: Poll): FollowEvent {
    return {type: 'poll', poll, store, cursor: () => this.cursor()};
  }

  private cursor(): Cursor {
    return {position: this.reader!.position(), backlog: this.backlog};
  }
}

function idsOf(traces: readonly LoadedTrace[]): string[] {
  return traces.flatMap(trace => trace.spans.map(span => span.spanId));
}

function lateness(keys: readonly NewKey[], nowMicros: number): Map<string, number> {
  const late = new Map<string, number>();
  for (const {spanId, createdMicros} of keys) {
    if (createdMicros === null) continue;
    const ms = (nowMicros - createdMicros) / 1000;
    if (ms >= LATE_MS) late.set(spanId, ms);
  }
  return late;
}
