import {EXIT, UserError} from '../errors.ts';
import type {Sql} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {NotThereYet} from '../store/schema-check.ts';
import {replacing, type Store} from '../store/store.ts';
import type {Clock} from './clock.ts';
import type {FollowEvent} from './event.ts';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 15_000;
const WAIT_MS = 1000;
/** Maximum share of the time for copying a file that cannot be read in place. */
const MOST_COPYING = 1 / 20;
/** If a statement has no answer for this long, the connection counts as dead. */
const ANSWER_MS = 8000;
/** While a writer holds the file, try again soon: its commits may follow closely. If this lasts, tell the user. */
const BUSY_RETRY_MS = 10;
const LONG_BUSY_RETRY_MS = 200;
const BUSY_TOLD_MS = 2000;

export interface Connected {
  readonly store: Store;
  /** Opened just now. */
  readonly isNew: boolean;
  /** The tables did not exist at the first attempt. */
  readonly wasAbsent: boolean;
}

/** The connection of a follower: opens it, watches it, and opens it again with growing pauses after it was lost. */
export class Link {
  /** The tables did not exist at the first attempt. */
  hasWaited = false;
  private store: Store | null = null;
  private failures = 0;
  private failure: Error | null = null;
  private isLive = false;
  /** The path is empty, and the user knows. */
  private isGone = false;
  private openedAtMs = Number.NEGATIVE_INFINITY;
  private openingMs = 0;
  private isCopyTold = false;
  private busySinceMs: number | null = null;

  constructor(
    private readonly open: () => Promise<Store>,
    private readonly clock: Clock,
    private readonly signal: AbortSignal,
  ) {}

  /**
   * The store to read, opened if necessary.
   * @param isAgain it was reached before: report failures and try again
   * @returns null if the signal was aborted
   */
  async *connect(isAgain: boolean): AsyncGenerator<FollowEvent, Connected | null> {
    for (;;) {
      if (this.signal.aborted) return null;
      if (this.failure) {
        yield* this.pause(this.failure, isAgain);
        this.failure = null;
        continue;
      }
      if (this.store) {
        const whereabouts = this.store.whereabouts?.() ?? 'here';
        if (whereabouts === 'here') this.isGone = false;
        if (whereabouts === 'here') return {store: this.store, isNew: false, wasAbsent: this.hasWaited};
        if (whereabouts === 'gone') {
          this.isLive = false;
          const reason = `the file "${this.store.label}" no longer exists.`;
          if (!this.isGone) yield {type: 'connection', connection: {state: 'waiting', reason}};
          this.isGone = true;
          await this.clock.sleep(WAIT_MS, this.signal);
          continue;
        }
        this.isGone = false;
        // A copy that takes long is made less often.
        const isTooSoon = this.clock.nowMs() < this.openedAtMs + Math.max(WAIT_MS, this.openingMs / MOST_COPYING);
        if (whereabouts === 'copied' && isTooSoon) return {store: this.store, isNew: false, wasAbsent: this.hasWaited};
        const wasLive = this.isLive;
        this.drop();
        this.isLive = wasLive && whereabouts === 'copied';
        const text =
          whereabouts === 'copied'
            ? 'following a copy of the file: new spans appear after each new copy.'
            : 'the file was replaced; following the new one.';
        if (whereabouts === 'replaced' || !this.isCopyTold) yield {type: 'notice', text};
        this.isCopyTold ||= whereabouts === 'copied';
      }
      try {
        const startMs = performance.now();
        this.store = this.watched(await this.opened());
        this.openingMs = performance.now() - startMs;
        this.openedAtMs = this.clock.nowMs();
        return {store: this.store, isNew: true, wasAbsent: this.hasWaited};
      } catch (error) {
        if (this.signal.aborted) return null;
        const isAbsent = error instanceof NotThereYet;
        if (!(error instanceof UserError) || !(isAgain || isAbsent || this.hasWaited)) throw error;
        if (isAbsent && !isAgain) this.hasWaited = true;
        this.failure = error;
      }
    }
  }

  /** Reports that reading begins, or begins again. */
  *live(): Generator<FollowEvent, void> {
    if (this.isLive) return;
    this.isLive = true;
    yield {type: 'connection', connection: {state: 'live'}};
  }

  /** The last read failed: give up the connection; the next `connect` opens another one after a pause. */
  lost(error: Error): void {
    this.drop();
    this.failure = error;
  }

  /** A writer holds the SQLite file: the connection stays, and the read is tried again soon. Reported if it lasts. */
  async *busy(error: Error): AsyncGenerator<FollowEvent, void> {
    const nowMs = this.clock.nowMs();
    this.busySinceMs ??= nowMs;
    const isLong = nowMs - this.busySinceMs >= BUSY_TOLD_MS;
    if (this.isLive && isLong) {
      this.isLive = false;
      yield {type: 'connection', connection: {state: 'waiting', reason: error.message}};
    }
    await this.clock.sleep((isLong ? LONG_BUSY_RETRY_MS : BUSY_RETRY_MS) * (0.5 + Math.random()), this.signal);
  }

  /** A read succeeded: the next failure counts as the first one again. */
  answered(): void {
    this.failures = 0;
    this.busySinceMs = null;
  }

  close(): void {
    this.drop();
  }

  /** If a connection opens after nobody waits for it any more, it is closed again. */
  private opened(): Promise<Store> {
    const opening = this.open();
    return this.unlessStopped(() => opening, null).catch(error => {
      void opening.then(
        store => store.close(),
        () => undefined,
      );
      throw error;
    });
  }

  private drop(): void {
    this.isLive = false;
    // Not awaited: a dead connection does not answer its end either.
    void this.store?.close().catch(() => undefined);
    this.store = null;
  }

  private async *pause(error: Error, isAgain: boolean): AsyncGenerator<FollowEvent, void> {
    this.isLive = false;
    const reason = error.message;
    if (error instanceof NotThereYet && !isAgain) {
      yield {type: 'connection', connection: {state: 'waiting', reason}};
      return this.clock.sleep(WAIT_MS, this.signal);
    }
    const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 10);
    const retryInMs = Math.round(full * (0.5 + Math.random() / 2));
    yield {type: 'connection', connection: {state: 'reconnecting', reason, retryInMs}};
    await this.clock.sleep(retryInMs, this.signal);
  }

  /**
   * A half-open connection never answers, so each statement has a time limit, and none outlives the follower. SQLite
   * answers without leaving the event loop, so keys, signals and timers get a turn before each statement.
   */
  private watched(store: Store): Store {
    const isRemote = TRAITS[store.dialect].isServer;
    return replacing(store, {
      all: async <Row>(query: Sql) => {
        if (!isRemote) await new Promise(resolve => setImmediate(resolve));
        return this.unlessStopped(() => store.all<Row>(query), isRemote ? ANSWER_MS : null, store.label);
      },
    });
  }

  private unlessStopped<T>(work: () => Promise<T>, answerMs: number | null, label = ''): Promise<T> {
    const {signal} = this;
    if (signal.aborted) return Promise.reject(stopped());
    return new Promise((resolve, reject) => {
      const silent = () => new UserError(EXIT.unreachable, `"${label}" did not answer within ${ANSWER_MS / 1000} s.`);
      const timer = answerMs === null ? undefined : setTimeout(() => end(() => reject(silent())), answerMs);
      const onAbort = () => end(() => reject(stopped()));
      const end = (settle: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        settle();
      };
      signal.addEventListener('abort', onAbort, {once: true});
      work().then(
        result => end(() => resolve(result)),
        error => end(() => reject(error)),
      );
    });
  }
}

function stopped(): UserError {
  return new UserError(EXIT.stopped, 'stopped.');
}
