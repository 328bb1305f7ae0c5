import {UserError, usageError} from '../errors.ts';
import {type LoadedTrace, loadNewSpans, loadTraces} from '../runs/spans.ts';
import type {Dialect} from '../sql/sql.ts';
import {NotThereYet} from '../store/schema-check.ts';
import type {Store} from '../store/store.ts';
import {isStopped, isTimeout} from '../store/timeout.ts';
import {backlogOf} from './backlog.ts';
import {ClickhouseReader} from './clickhouse.ts';
import type {Clock} from './clock.ts';
import type {Delivery, FollowEvent} from './event.ts';
import {Link} from './link.ts';
import {PostgresReader} from './postgres.ts';
import type {ClickhousePosition, NewKey, PostgresPosition, Reader, ReaderPosition, SqlitePosition} from './reader.ts';
import {SqliteReader} from './sqlite.ts';
import type {Cursor, Start} from './start.ts';

export interface FollowerOptions {
  /** Opens the database; called again after the connection was lost. */
  readonly open: () => Promise<Store>;
  readonly start: Start;
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Pause between looks, ms; absent: 200 on SQLite, 400 on Postgres, 500 on ClickHouse. */
  readonly pollMs?: number;
}

const POLL_MS = {sqlite: 200, postgres: 400, clickhouse: 500} as const;
/** Complete traces per delivery of the backlog. */
const TRACES_AT_ONCE = 50;
/** A span that appears this long after it was written is late. */
const LATE_MS = 5000;

/**
 * Delivers every span once, when it becomes visible, one look at a time; before that the backlog that `start` asks
 * for, in complete traces. Reads nothing ahead of the consumer: when the consumer asks for the next event, it has
 * taken the last one. Ends when `signal` is aborted.
 * @throws UserError if the database cannot be reached at the very start; later failures are retried for ever
 */
export async function* deliveries(options: FollowerOptions): AsyncGenerator<FollowEvent> {
  const link = new Link(options.open, options.clock, options.signal);
  try {
    yield* new Follower(options, link).events();
  } finally {
    link.close();
  }
}

class Follower {
  private reader: Reader | null = null;
  private backlog: string[] = [];
  /** Found by the reader, but not read yet. */
  private keys: readonly NewKey[] = [];
  private isMore = false;
  private dialect: Dialect = 'sqlite';
  /** When the reader had last delivered everything, by the database's clock. Null: not yet. */
  private caughtUpMicros: number | null = null;

  constructor(
    private readonly options: FollowerOptions,
    private readonly link: Link,
  ) {}

  async *events(): AsyncGenerator<FollowEvent> {
    const {signal, clock, pollMs} = this.options;
    while (!signal.aborted) {
      let delivery: Delivery;
      try {
        const connected = yield* this.link.connect(this.reader !== null);
        if (!connected) return;
        if (connected.isNew) await this.attach(connected.store, connected.wasAbsent);
        yield* this.link.live();
        delivery = await this.next(connected.store);
        this.link.answered();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof UserError) && !isTimeout(error)) throw error;
        const isBusy = this.reader !== null && isTimeout(error) && !isStopped(error) && this.dialect === 'sqlite';
        if (isBusy) {
          yield* this.link.busy(error as Error);
          continue;
        }
        if (this.reader === null && !(error instanceof NotThereYet) && !this.link.hasWaited) throw error;
        this.link.lost(error as Error);
        continue;
      }
      for (const text of this.reader!.takeNotices()) yield {type: 'notice', text};
      yield delivery;
      if (!delivery.isMore) await clock.sleep(pollMs ?? POLL_MS[this.dialect], signal);
    }
  }

  private async attach(store: Store, wasAbsent: boolean): Promise<void> {
    if (this.reader) return this.reader.reopened(store);
    this.dialect = store.dialect;
    const {start} = this.options;
    const cursor = start.from === 'cursor' ? start.cursor : null;
    const reader = readerFor(store, cursor?.position);
    if (cursor) {
      if (!reader || !(await reader.resume(store, cursor.source === store.label)))
        throw usageError(
          `the cursor belongs to "${cursor.source}", but "${store.label}" is another database.`,
          'Name another --cursor-file, or remove this one to start over.',
        );
      this.caughtUpMicros = cursor.atMicros;
    } else await reader!.begin(store, wasAbsent ? 'beginning' : 'now');
    this.backlog = wasAbsent && !cursor ? [] : await backlogOf(store, start);
    this.reader = reader;
  }

  private async next(store: Store): Promise<Delivery> {
    if (this.backlog.length > 0) return this.nextOfBacklog(store);
    const reader = this.reader!;
    if (this.keys.length === 0) {
      const found = await reader.look(store, this.options.clock);
      this.keys = found.keys;
      this.isMore = found.isMore;
    }
    const traces =
      this.keys.length === 0
        ? []
        : await loadNewSpans(
            store,
            this.keys.map(key => key.spanId),
            {traceIds: tracesOf(this.keys)},
          );
    const nowMicros = store.nowMicros();
    const lateMs = lateness(this.keys, this.caughtUpMicros, nowMicros);
    this.keys = [];
    if (!this.isMore) this.caughtUpMicros = nowMicros;
    return this.delivery(store, {traces, lateMs, isMore: this.isMore, isBacklog: false});
  }

  private async nextOfBacklog(store: Store): Promise<Delivery> {
    const traceIds = this.backlog.slice(0, TRACES_AT_ONCE);
    const traces = await loadTraces(store, traceIds);
    await this.reader!.told(store, idsOf(traces));
    this.backlog = this.backlog.slice(TRACES_AT_ONCE);
    return this.delivery(store, {traces, lateMs: new Map(), isMore: true, isBacklog: true});
  }

  private delivery(store: Store, found: Pick<Delivery, 'traces' | 'lateMs' | 'isMore' | 'isBacklog'>): Delivery {
    return {type: 'delivery', store, ...found, changes: [], cursor: () => this.cursor(store)};
  }

  private cursor(store: Store): Cursor {
    const atMicros = store.nowMicros();
    return {source: store.label, position: this.reader!.position(atMicros), backlog: this.backlog, atMicros};
  }
}

/** Null: the position belongs to the other kind of database. */
export function readerFor(store: Store, position: ReaderPosition | undefined): Reader | null {
  if (position && position.dialect !== store.dialect) return null;
  switch (store.dialect) {
    case 'sqlite':
      return new SqliteReader(position as SqlitePosition | undefined);
    case 'postgres':
      return new PostgresReader(position as PostgresPosition | undefined);
    case 'clickhouse':
      return new ClickhouseReader(position as ClickhousePosition | undefined);
  }
}

/** The traces of these spans; undefined: unknown. */
function tracesOf(keys: readonly NewKey[]): string[] | undefined {
  const known = keys.flatMap(({traceId}) => traceId ?? []);
  return known.length === keys.length ? [...new Set(known)] : undefined;
}

function idsOf(traces: readonly LoadedTrace[]): string[] {
  return traces.flatMap(trace => trace.spans.map(span => span.spanId));
}

/**
 * Spans that were written well before a look that did not find them: their transaction was long, or a clock is
 * behind. A span that only waited for the next look is not late.
 */
function lateness(keys: readonly NewKey[], caughtUpMicros: number | null, nowMicros: number): Map<string, number> {
  const late = new Map<string, number>();
  if (caughtUpMicros === null) return late;
  for (const {spanId, createdMicros} of keys)
    if (createdMicros !== null && createdMicros < caughtUpMicros - LATE_MS * 1000)
      late.set(spanId, (nowMicros - createdMicros) / 1000);
  return late;
}
