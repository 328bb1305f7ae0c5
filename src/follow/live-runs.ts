import {append} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {judgeTraces} from '../runs/load.ts';
import {withPromptForms} from '../runs/prompt-forms.ts';
import {type LoadedTrace, loadNewSpans, loadSpanIds} from '../runs/spans.ts';
import type {Store} from '../store/store.ts';
import type {RunFilter} from '../trace/filter.ts';
import {LikelyNames, withLikelyNames} from '../trace/likely-name.ts';
import type {Patience} from '../trace/runs.ts';
import {Turns} from '../turns.ts';
import type {Delivery} from './event.ts';
import {type HeldRun, LiveTrace, type RunChange, type SleepingTrace} from './live-trace.ts';

export type {RunChange} from './live-trace.ts';

export interface LiveRunsOptions {
  /**
   * Which runs are reported. A run may match only at its end, when its name or user is known; then everything that
   * came while it was followed is reported. A reported run is reported to its end, even if it no longer matches.
   */
  readonly filter: RunFilter;
  readonly patience: Patience;
  /** Absent if costs do not matter. */
  readonly prices?: Prices;
}

type NewSpans = Pick<Delivery, 'traces' | 'lateMs'> & Partial<Pick<Delivery, 'isMore' | 'isBacklog'>>;

/** A trace without open ends is judged once more after this silence; then its spans are released. */
const SETTLED_AFTER_MICROS = 10_000_000;
/**
 * Any other trace is released after this silence; the next span, or the time of its next state change, reads it
 * again.
 */
const QUIET_AFTER_MICROS = 60_000_000;
/** Spans in memory; above this, traces without recent news are released early. A narrow span takes about 2 KB. */
const MOST_SPANS = 50_000;
const NEWS_MICROS = 5_000_000;
/** How many sleeping traces are remembered; an older one is treated as unknown. */
const MOST_SLEEPING = 20_000;
/** How many finished traces are remembered, so that a late span is reported under the same run. */
const MOST_ENDED = 5000;
/** While more spans are available, they are gathered for this long before runs are judged. */
const GATHERED_MICROS = 1_000_000;
/** How many waiting runs, newest first, look for their continuation when a loose part arrives. */
const MOST_SEEKING = 20;
/** Traces read again at one time because their state changes by time. */
const MOST_WOKEN = 200;
/** Judging a trace takes at most this share of the time, as 1 in so many. */
const LOOK_SHARE = 10;
/** Smaller traces cost nothing worth waiting for. */
const LARGE_TRACE = 2000;

/**
 * The runs of growing traces, kept up to date as spans arrive. Each call takes a delivery of the follower, builds the
 * changed traces again and returns what is new about their runs. Calls take turns. If one fails (the database is
 * unreachable), nothing is lost: the next one catches up.
 */
export class LiveRuns {
  private readonly awake = new Map<string, LiveTrace>();
  /** By trace id, the longest asleep first. */
  private readonly sleeping = new Map<string, SleepingTrace>();
  private readonly ended = new Map<string, SleepingTrace>();
  /** The trace where a run waits for somebody, by run id: its continuation is another trace. */
  private readonly pausedIn = new Map<string, string>();
  private readonly names = new LikelyNames();
  private endedTraffic = 0;
  private lookedMicros = 0;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: LiveRunsOptions) {}

  /** Starts with existing traces: reports their runs, but not their spans. */
  begin(store: Store, loaded: readonly LoadedTrace[]): Promise<RunChange[]> {
    return this.inTurn(() => this.beginNow(store, loaded));
  }

  /** Takes new spans. */
  take(store: Store, delivery: NewSpans): Promise<RunChange[]> {
    return this.inTurn(() => this.takeNow(store, delivery));
  }

  /** Judges runs again if time alone changed something, and releases quiet traces. Call it about every second. */
  tick(store: Store): Promise<RunChange[]> {
    return this.inTurn(() => this.tickNow(store));
  }

  /** A run with its tree, while its trace is in memory; null: it is quiet, or unknown. */
  find(key: string): HeldRun | null {
    return this.runsIn([key.split(' ', 1)[0]!]).find(held => held.key === key) ?? null;
  }

  /** The runs of these traces, including those that do not match, while the traces are in memory. */
  runsIn(traceIds: readonly string[]): HeldRun[] {
    return traceIds.flatMap(traceId => this.awake.get(traceId)?.held ?? []);
  }

  /**
   * Number of traces seen so far without any of Agno's spans, mostly HTTP polls; without those that may still become
   * runs.
   */
  get trafficCount(): number {
    let count = this.endedTraffic;
    for (const trace of this.awake.values()) if (trace.isTraffic) count++;
    return count;
  }

  /** Some delivered spans are not judged yet. */
  get isBehind(): boolean {
    for (const trace of this.awake.values()) if (trace.isDirty) return true;
    return false;
  }

  /** Number of spans in memory. */
  get spanCount(): number {
    let count = 0;
    for (const trace of this.awake.values()) count += trace.spans.size;
    return count;
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async beginNow(store: Store, loaded: readonly LoadedTrace[]): Promise<RunChange[]> {
    const nowMicros = store.nowMicros();
    const traces: LiveTrace[] = [];
    for (const item of loaded) {
      const trace = this.wake(item.traceId, nowMicros);
      trace.complete(await this.priced(store, item, trace));
      traces.push(trace);
    }
    return this.look(store, traces);
  }

  private async takeNow(store: Store, {traces, lateMs, isMore, isBacklog}: NewSpans): Promise<RunChange[]> {
    const nowMicros = store.nowMicros();
    for (const item of traces) {
      const trace = this.wake(item.traceId, nowMicros);
      const {spans, row} = await this.priced(store, item, trace);
      trace.deliver(spans, row, lateMs, nowMicros);
    }
    // One judgement for several polls of a burst: the next spans mostly belong to the same traces.
    if (isMore && !isBacklog && nowMicros - this.lookedMicros < GATHERED_MICROS) return [];
    this.lookedMicros = nowMicros;
    return this.look(store, this.dirty(nowMicros));
  }

  private async tickNow(store: Store): Promise<RunChange[]> {
    const nowMicros = store.nowMicros();
    for (const trace of this.awake.values()) {
      const isDue = trace.dueMicros !== null && trace.dueMicros <= nowMicros;
      const quietMicros = nowMicros - trace.changedMicros;
      const isQuiet = quietMicros >= (trace.hasEnded ? SETTLED_AFTER_MICROS : QUIET_AFTER_MICROS);
      if (isDue) trace.isDirty = true;
      else if (isQuiet && trace.isSettled && !trace.isDirty) this.letGo(trace);
      else if (isQuiet && !trace.isSettled) {
        trace.isSettled = true;
        trace.isDirty = true;
      }
    }
    this.letGoUntilBounded(nowMicros);
    let woken = 0;
    for (const {traceId, dueMicros} of this.sleeping.values()) {
      if (dueMicros === null || dueMicros > nowMicros) continue;
      if (++woken > MOST_WOKEN) break;
      this.wake(traceId, nowMicros);
    }
    return this.look(store, this.dirty(nowMicros));
  }

  private dirty(nowMicros: number): LiveTrace[] {
    return [...this.awake.values()].filter(trace => trace.isDirty && trace.restUntilMicros <= nowMicros);
  }

  private async look(store: Store, traces: readonly LiveTrace[]): Promise<RunChange[]> {
    const changes = await this.lookOnce(store, traces);
    // A pause and its continuation are judged together: behind HTTP only the spans show that they are one run.
    const nowMicros = store.nowMicros();
    const again = new Set<LiveTrace>();
    // The continuation of a step or a tool may be a loose part, which names no run, so waiting runs look for it
    // themselves.
    if (changes.some(({judged}) => judged?.run.isPart)) {
      for (const traceId of [...this.pausedIn.values()].slice(-MOST_SEEKING)) again.add(this.wake(traceId, nowMicros));
    }
    for (const {judged} of changes) {
      if (!judged || judged.record.runId === null) continue;
      const {runId, traceId} = judged.record;
      const pausedIn = this.pausedIn.get(runId);
      if (pausedIn !== undefined && pausedIn !== traceId) {
        again.add(this.wake(pausedIn, nowMicros)).add(this.awake.get(traceId)!);
        this.pausedIn.delete(runId);
      }
      // Its spans say that it waits; Agno's own status may know of a continuation before it appears.
      if (judged.judge.node(judged.run.root)?.state === 'paused')
        this.remember(this.pausedIn, runId, traceId, MOST_SLEEPING);
    }
    return again.size === 0 ? changes : [...changes, ...(await this.lookOnce(store, [...again]))];
  }

  private async lookOnce(store: Store, traces: readonly LiveTrace[]): Promise<RunChange[]> {
    if (traces.length === 0) return [];
    const partial = traces.filter(trace => !trace.isWhole);
    if (partial.length > 0) {
      // Most traces are new: the follower has delivered all of their spans, and nothing needs to be read twice.
      const here = new Set(partial.flatMap(trace => [...trace.spans.keys()]));
      const ids = await loadSpanIds(
        store,
        partial.map(trace => trace.traceId),
      );
      const missing = ids.filter(id => !here.has(id));
      const loaded = new Map((await loadNewSpans(store, missing)).map(item => [item.traceId, item]));
      for (const trace of partial) {
        const item = loaded.get(trace.traceId);
        trace.complete(item && (await this.priced(store, item, trace)));
        // Deleted while it slept: nothing is left to report.
        if (trace.spans.size === 0) this.awake.delete(trace.traceId);
      }
    }
    const here = traces.filter(trace => trace.spans.size > 0);
    const total = here.reduce((sum, trace) => sum + trace.spans.size, 0);
    const before = process.cpuUsage();
    const {filter, patience} = this.options;
    const judged = await judgeTraces(
      store,
      here.map(trace => trace.loaded()),
      {patience},
    );
    const nowMicros = store.nowMicros();
    const changes: RunChange[] = [];
    const turns = new Turns();
    for (const [i, {trace, runs}] of judged.entries()) {
      const named = withLikelyNames(runs, this.names);
      append(changes, here[i]!.settle({trace, runs: named}, filter, patience, nowMicros));
      await turns.yieldIfLong();
    }
    // Processor time, not elapsed time: a slow database or a busy machine is no reason to judge less often.
    const {user, system} = process.cpuUsage(before);
    const perSpanMicros = (user + system) / total;
    for (const trace of here) {
      if (trace.spans.size < LARGE_TRACE) continue;
      trace.restUntilMicros = nowMicros + perSpanMicros * trace.spans.size * LOOK_SHARE;
    }
    return changes;
  }

  /** A cost is computed once, when a span arrives: the spans that show how its tokens are counted came before it. */
  private async priced(store: Store, item: LoadedTrace, trace: LiveTrace): Promise<LoadedTrace> {
    const {prices} = this.options;
    const spans = await withPromptForms(store, item.spans, trace.spans.values());
    return {...item, spans: prices ? await prices.priced(spans) : spans};
  }

  private wake(traceId: string, nowMicros: number): LiveTrace {
    const found = this.awake.get(traceId);
    if (found) return found;
    const before = this.sleeping.get(traceId) ?? this.ended.get(traceId);
    this.sleeping.delete(traceId);
    if (this.ended.delete(traceId) && before?.isTraffic) this.endedTraffic--;
    const trace = new LiveTrace(traceId, nowMicros, before);
    this.awake.set(traceId, trace);
    return trace;
  }

  private letGo(trace: LiveTrace): void {
    this.awake.delete(trace.traceId);
    const asleep = trace.asleep();
    if (trace.dueMicros !== null) this.remember(this.sleeping, trace.traceId, asleep, MOST_SLEEPING);
    else this.remember(this.ended, trace.traceId, asleep, MOST_ENDED);
    if (trace.dueMicros === null && asleep.isTraffic) this.endedTraffic++;
  }

  private letGoUntilBounded(nowMicros: number): void {
    let held = this.spanCount;
    if (held <= MOST_SPANS) return;
    const quiet = [...this.awake.values()]
      .filter(trace => !trace.isDirty && nowMicros - trace.changedMicros >= NEWS_MICROS)
      .sort((a, b) => a.changedMicros - b.changedMicros);
    for (const trace of quiet) {
      if (held <= MOST_SPANS) return;
      held -= trace.spans.size;
      this.letGo(trace);
    }
  }

  private remember<T>(map: Map<string, T>, key: string, value: T, most: number): void {
    map.delete(key);
    map.set(key, value);
    if (map.size > most) map.delete(map.keys().next().value!);
  }
}
