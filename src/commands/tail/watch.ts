import {type Delivery, type FollowEvent, lagMsOf} from '../../follow/event.ts';
import type {LiveRuns, RunChange} from '../../follow/live-runs.ts';
import {type EventWriter, endsNow, isWholeRun, type Pulse, turnsNow} from './event-writer.ts';

interface WatchOptions {
  readonly writer: EventWriter;
  readonly live: LiveRuns;
  /** Called when the awaited event has happened. */
  readonly end: () => void;
  /** Ends after this many runs have ended; null: never. */
  readonly maxRuns: number | null;
  /** Ends once a run fails. */
  readonly exitOnError: boolean;
}

/** Passes each event to the writer, counts, and knows when to end. */
export class Watch {
  /** A run failed, and that was the condition to end. */
  hasFailed = false;
  /** Everything that existed when following began has been written. */
  hasCaughtUp = false;
  /**
   * The last reported runs, once it is time to end. A trace is read completely when it is first met, possibly ahead
   * of what the follower has delivered, so some of its spans may still arrive with the next look.
   */
  private last: ReadonlySet<string> | null = null;
  private isOver = false;
  private connection: Pulse['connection'] = 'connecting';
  private lagMs: number | null = null;
  private readonly open = new Set<string>();
  private ended = 0;
  private spans = 0;

  constructor(private readonly options: WatchOptions) {}

  take(event: FollowEvent): void {
    const {writer} = this.options;
    if (this.isOver) return;
    if (event.type === 'notice') writer.notice(event.text);
    else if (event.type === 'connection') this.connected(event);
    else this.changed(event);
  }

  private changed(event: Delivery): void {
    const {writer} = this.options;
    this.hasCaughtUp ||= !event.isBacklog;
    const lagMs = lagMsOf(event);
    if (lagMs !== null) this.lagMs = Math.max(this.lagMs ?? 0, lagMs);
    const nowMicros = event.store.nowMicros();
    const told = new Set<string>();
    for (const change of event.changes) {
      if (this.last && !this.last.has(change.key)) continue;
      writer.change(change, event.isBacklog, nowMicros);
      told.add(change.key);
      this.count(change);
      if (this.last || event.isBacklog || !this.isEnough(change)) continue;
      this.last = told;
      return;
    }
    if (this.last) this.end();
  }

  private end(): void {
    this.isOver = true;
    this.options.end();
  }

  beat(): void {
    const {writer, live} = this.options;
    const {connection, lagMs, ended, spans} = this;
    writer.heartbeat({
      connection,
      lagMs,
      runsOpen: this.open.size,
      runsEnded: ended,
      spans,
      hiddenTraffic: live.trafficCount,
    });
    this.lagMs = null;
  }

  private connected({connection}: Extract<FollowEvent, {type: 'connection'}>): void {
    const before = this.connection;
    this.connection = connection.state;
    if (this.last && connection.state !== 'live') {
      this.end();
      return;
    }
    const {writer} = this.options;
    if (connection.state === 'reconnecting') {
      const seconds = (connection.retryInMs / 1000).toFixed(1);
      writer.notice(`${connection.reason} Trying again in ${seconds} s.`, connection.state);
    } else if (connection.state === 'waiting') {
      if (before !== 'waiting') writer.notice(`waiting: ${connection.reason}`, connection.state);
    } else if (before !== 'connecting') writer.notice('connected again.', connection.state);
  }

  private count(change: RunChange): void {
    const {key, judged, newSpans} = change;
    this.spans += newSpans.length;
    const isOpen = judged !== null && ['running', 'stalled'].includes(judged.record.state);
    if (isOpen) this.open.add(key);
    else this.open.delete(key);
  }

  private isEnough(change: RunChange): boolean {
    const {judged} = change;
    if (!judged || !isWholeRun(judged.record)) return false;
    const {state} = judged.record;
    if (endsNow(change)) this.ended++;
    const {maxRuns, exitOnError} = this.options;
    if (exitOnError && (state === 'error' || state === 'lost') && (endsNow(change) || turnsNow(change)))
      this.hasFailed = true;
    return this.hasFailed || (maxRuns !== null && this.ended >= maxRuns);
  }
}
