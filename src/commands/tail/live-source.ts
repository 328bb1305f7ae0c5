import {type FollowEvent, lagMsOf} from '../../follow/event.ts';
import {follow} from '../../follow/follow.ts';
import {LiveRuns, type RunChange} from '../../follow/live-runs.ts';
import type {HeldRun} from '../../follow/live-trace.ts';
import type {Start} from '../../follow/start.ts';
import {loadRunPage, type PageOptions} from '../../runs/page.ts';
import {loadSpans, loadTraces} from '../../runs/spans.ts';
import {loadShownRun, showingRun} from '../../show/shown.ts';
import {replacing, type Store} from '../../store/store.ts';
import type {Safe} from '../../text/safe.ts';
import {attributesIn, matchesRun, NO_FILTER, type RunFilter} from '../../trace/filter.ts';
import type {JudgedRun} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import type {Span} from '../../trace/span.ts';
import {isContinuation} from '../../trace/tree.ts';
import type {ListedRun, OpenedRun, RunSource, WantedPage} from '../../tui/source.ts';
import {Turns} from '../../turns.ts';
import {failureOf, type PeersOf, SnapshotSource} from '../ui/snapshot-source.ts';
import {isWholeRun} from './event-writer.ts';

interface LiveOptions {
  readonly name: string;
  readonly open: () => Promise<Store>;
  readonly start: Start;
  readonly pollMs: number | undefined;
  /** The filter of the flags with this query. @throws UserError with the place */
  readonly filter: (query: string) => RunFilter;
  readonly query: string;
  readonly patience: Patience;
  readonly prices: PageOptions['prices'];
  /** Number of newest runs at the beginning, and after the filter was changed. */
  readonly newestRuns: number;
  readonly nowMicros: () => number;
  readonly page: (store: Store, wanted: WantedPage) => Promise<readonly Safe[]>;
  readonly withPeers: PeersOf;
}

/** Number of newest runs that are kept with their trees; a person cannot look through more. */
const KEPT_RUNS = 1000;
/** Maximum spans of these together; the newest runs are kept whatever they contain. */
const KEPT_SPANS = 60_000;
const KEPT_NOTICES = 50;
const RATE_MINUTES = 5;
const MINUTE_MICROS = 60_000_000;
/** A lag is outdated after this time. */
const LAG_MICROS = 10_000_000;

/** The runs of a followed database, for the screens. */
export class LiveSource extends SnapshotSource implements RunSource {
  readonly mode = 'live';
  readonly name: string;
  /** Rejects if following cannot begin, or a defect ended it. */
  readonly followed: Promise<void>;
  private readonly live: LiveRuns;
  private readonly stop = new AbortController();
  private readonly entries = new Map<string, ListedRun>();
  /** Whether a run matches the current filter; a changed run is another object. */
  private matching = new WeakMap<JudgedRun, boolean>();
  private filter: RunFilter;
  private store: Store | null = null;
  /** What spans are read with: also what a filter on the screens asks for later. */
  private readonly asks: string[];
  /** When complete runs appeared recently. */
  private appeared: number[] = [];
  private lag: {ms: number; atMicros: number} | null = null;
  private beganMicros = 0;
  private opening = 0;
  /** Counts the trees that were requested: an older one comes too late. */
  private drawing = 0;

  constructor(private readonly options: LiveOptions) {
    const {filter, query, patience, prices} = options;
    super({older: 'none', connection: {state: 'waiting', reason: 'connecting'}, filter: query, notices: []});
    this.name = options.name;
    this.filter = filter(query);
    this.asks = attributesIn(this.filter);
    this.live = new LiveRuns({filter: {...NO_FILTER, traffic: true}, patience, prices});
    this.followed = this.follow();
    // The caller that shows the screens awaits it too; an earlier failure must not count as unhandled.
    this.followed.catch(() => undefined);
  }

  nowMicros(): number {
    return this.store?.nowMicros() ?? this.options.nowMicros();
  }

  open(key: string): void {
    const {opened} = this.current;
    if (key === opened?.key && !opened.failure) return;
    this.opening++;
    this.publish({opened: {key, parts: null, failure: null}});
    this.show(key);
  }

  async loadSpans(spanIds: readonly string[]): Promise<readonly Span[]> {
    return this.store ? loadSpans(this.store, spanIds) : [];
  }

  async page(wanted: WantedPage): Promise<readonly Safe[]> {
    return this.store ? this.options.page(this.store, wanted) : [];
  }

  /** `ui` shows earlier runs. */
  loadOlder(): void {}

  setFilter(query: string): void {
    this.filter = this.options.filter(query);
    for (const path of attributesIn(this.filter)) if (!this.asks.includes(path)) this.asks.push(path);
    this.matching = new WeakMap();
    this.publish({filter: query, runs: this.listed()});
    if (this.store) void this.loadNewest(this.store);
  }

  async close(): Promise<void> {
    this.stop.abort();
    this.end();
    await this.followed.catch(() => undefined);
  }

  private async follow(): Promise<void> {
    const {start, pollMs, newestRuns, patience} = this.options;
    const events = follow({
      open: async () => replacing(this.watched(await this.options.open()), {asks: this.asks}),
      start,
      signal: this.stop.signal,
      live: this.live,
      newest: newestRuns === 0 ? null : {runs: newestRuns, filter: this.filter, patience},
      ...(pollMs === undefined ? {} : {pollMs}),
    });
    for await (const event of events) {
      this.take(event);
      this.forgetStatements();
    }
  }

  private take(event: FollowEvent): void {
    if (event.type === 'notice') {
      this.publish({notices: [...this.current.notices, event.text].slice(-KEPT_NOTICES)});
      return;
    }
    if (event.type === 'connection') {
      const {connection} = event;
      const retryAtMicros = 'retryInMs' in connection ? this.nowMicros() + connection.retryInMs * 1000 : 0;
      this.publish({connection: connection.state === 'reconnecting' ? {...connection, retryAtMicros} : connection});
      return;
    }
    const {store, changes, isBacklog} = event;
    const lagMs = lagMsOf(event);
    this.store = store;
    const nowMicros = store.nowMicros();
    this.beganMicros ||= nowMicros;
    if (lagMs !== null) this.lag = {ms: lagMs, atMicros: nowMicros};
    this.apply(changes, isBacklog, nowMicros);
  }

  private apply(changes: readonly RunChange[], isBacklog: boolean, nowMicros: number): void {
    for (const change of changes) {
      const {key, before, judged} = change;
      // Polls of a dashboard would displace the runs that people look at.
      if (judged && (!judged.run.isTraffic || this.filter.traffic)) this.entries.set(key, {key, judged});
      else this.entries.delete(key);
      if (judged && before === null && !isBacklog && isWholeRun(judged.record)) this.appeared.push(nowMicros);
    }
    if (changes.length > 0) this.forgetOldest();
    const {opened} = this.current;
    this.publish({
      ...(changes.length > 0 ? {runs: this.listed()} : {}),
      runsPerMinute: this.rate(nowMicros),
      lagMs: this.lag && nowMicros - this.lag.atMicros < LAG_MICROS ? this.lag.ms : null,
      hiddenTraffic: this.filter.traffic ? 0 : this.live.trafficCount,
    });
    const change = opened && changes.findLast(({key}) => key === opened.key);
    if (change) this.show(change.key);
  }

  /** The newest matching runs, if the list was started with others. */
  private async loadNewest(store: Store): Promise<void> {
    const {newestRuns, patience} = this.options;
    if (newestRuns === 0) return;
    try {
      const page = await loadRunPage(store, {filter: this.filter, limit: newestRuns, cursor: null, patience});
      const traceIds = [...new Set(page.runs.map(({record}) => record.traceId))];
      this.apply(await this.live.begin(store, await loadTraces(store, traceIds)), true, store.nowMicros());
      // Runs without news are held with the attributes that the filter asks for, which they had not before.
      for (const {key, judged} of this.live.runsIn(traceIds))
        if (this.entries.has(key)) this.entries.set(key, {key, judged});
      this.publish({failure: null, runs: this.listed()});
    } catch (error) {
      this.publish({failure: failureOf(error)});
    }
  }

  /** Shows the rows of a run: at once while its trace is in memory; its continuations follow if there are any. */
  private show(key: string): void {
    const held = this.live.find(key);
    const {opened} = this.current;
    // The parts shown stay until they are read again.
    const isShown = opened?.key === key && (opened.parts?.length ?? 0) > 1;
    if (held && !isShown) void this.showHeld(held);
    const judged = held?.judged ?? this.entries.get(key)?.judged;
    if (judged && (!held || isOneOfSeveral(judged))) void this.loadParts(key, judged, ++this.opening);
  }

  private async showHeld({key, judged, trace}: HeldRun): Promise<void> {
    const at = ++this.drawing;
    const parts = await this.readied([await new Turns().finish(showingRun(judged, trace))]);
    const {opened} = this.current;
    // The other parts of the run may have been read meanwhile.
    if (at !== this.drawing || opened?.key !== key || (opened.parts?.length ?? 0) > 1) return;
    this.publish({opened: {key, parts, failure: null}});
  }

  private async loadParts(key: string, {record}: JudgedRun, at: number): Promise<void> {
    const {store} = this;
    if (!store) return;
    const {patience, prices} = this.options;
    let opened: OpenedRun;
    try {
      const {runs} = await loadShownRun(store, record, {patience, prices, sessionLimit: 0});
      const compared = await this.options.withPeers(store, runs);
      opened = {key, parts: await this.readied(compared), failure: null};
    } catch (error) {
      opened = {key, parts: this.current.opened?.parts ?? null, failure: failureOf(error)};
    }
    if (at === this.opening) this.publish({opened});
  }

  private listed(): ListedRun[] {
    return [...this.entries.values()].filter(({judged}) => this.matches(judged)).sort(newestFirst);
  }

  private matches(judged: JudgedRun): boolean {
    const known = this.matching.get(judged);
    if (known !== undefined) return known;
    const matches = matchesRun(judged, this.filter);
    this.matching.set(judged, matches);
    return matches;
  }

  /** Running runs stay, because they still change. */
  private forgetOldest(): void {
    let spans = 0;
    for (const {judged} of this.entries.values()) spans += judged.record.spanCount;
    if (this.entries.size <= KEPT_RUNS && spans <= KEPT_SPANS) return;
    const oldest = [...this.entries.values()].filter(({judged}) => !judged.run.isMissing).sort(newestFirst);
    while ((this.entries.size > KEPT_RUNS || spans > KEPT_SPANS) && oldest.length > 1) {
      const {key, judged} = oldest.pop()!;
      this.entries.delete(key);
      spans -= judged.record.spanCount;
    }
  }

  private rate(nowMicros: number): number | null {
    const from = nowMicros - RATE_MINUTES * MINUTE_MICROS;
    this.appeared = this.appeared.filter(micros => micros >= from);
    const minutes = Math.min(RATE_MINUTES, (nowMicros - this.beganMicros) / MINUTE_MICROS);
    return minutes < 0.1 ? null : this.appeared.length / minutes;
  }
}

function newestFirst(a: ListedRun, b: ListedRun): number {
  return (b.judged.run.startMicros ?? 0) - (a.judged.run.startMicros ?? 0) || (a.key < b.key ? -1 : 1);
}

/** It paused, or continues a paused run: the other parts are in other traces. */
function isOneOfSeveral({run, judge}: JudgedRun): boolean {
  const {span} = run.root;
  return span !== null && (isContinuation(span) || judge.node(run.root)?.state === 'paused');
}
