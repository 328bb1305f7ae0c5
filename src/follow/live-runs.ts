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
   * Which runs are reported. A run may match only at its end, when its name or user is known: then everything is reported that
   * came while it was followed. Once a run was reported, it is reported to its end, even if it no longer matches.
   */
  readonly filter: RunFilter;
  readonly patience: Patience;
  /** Absent where costs are not looked at. */
  readonly prices?: Prices;
}

type NewSpans = Pick<Delivery, 'traces' | 'lateMs'> & Partial<Pick<Delivery, 'isMore' | 'isBacklog'>>;

/** A trace without open ends is looked at once more after this silence, then its spans are let go. */
const SETTLED_AFTER_MICROS = 10_000_000;
/** Any other after this one; the next span, or the moment its state changes, reads it again. */
const QUIET_AFTER_MICROS = 60_000_000;
/** Spans held in memory; beyond, traces without news for a moment are let go early. A narrow span takes some 2 KB. */
const MOST_SPANS = 50_000;
const NEWS_MICROS = 5_000_000;
/** Sleeping traces that are remembered; an older one is met like an unknown one. */
const MOST_SLEEPING = 20_000;
/** Finished traces that are remembered, so that a late span is reported under the same run. */
const MOST_ENDED = 5000;
/** While more waits, spans are gathered for so long before they are looked at. */
const GATHERED_MICROS = 1_000_000;
/** Runs that wait, the latest, that look for their continuation when a loose part came. */
const MOST_SEEKING = 20;
/** Traces read again at one moment, because their state changes by time. */
const MOST_WOKEN = 200;
/** A look at a trace takes at most this share of the time, as 1 in so many. */
const LOOK_SHARE = 10;
/** Smaller traces cost nothing worth waiting for. */
const LARGE_TRACE = 2000;

/**
 * The runs of the traces that grow, kept as spans arrive: each look takes what a follower delivered, builds the traces that
 * changed anew and says what is new about their runs. Calls take turns. One that fails (the database is gone) loses
 * nothing: the next one makes up for it.
 */
export class LiveRuns {
  private readonly awake = new Map<string, LiveTrace>();
  /** By trace id, the longest asleep first. */
  private readonly sleeping = new Map<string, SleepingTrace>();
  private readonly ended = new Map<string, SleepingTrace>();
  /** Where a run waits for somebody, by run id: its continuation is another trace. */
  private readonly pausedIn = new Map<string, string>();
  private readonly names = new LikelyNames();
  private endedTraffic = 0;
  private lookedMicros = 0;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: LiveRunsOptions) {}

  /** Traces to begin with: reports their runs, but not their spans. */
  begin(store: Store, loaded: readonly LoadedTrace[]): Promise<RunChange[]> {
    return this.inTurn(() => this.beginNow(store, loaded));
  }

  /** Takes new spans. */
  take(store: Store, delivery: NewSpans): Promise<RunChange[]> {
    return this.inTurn(() => this.takeNow(store, delivery));
  }

  /** Looks again where time alone changed something, and lets go of what is quiet. To be called every second or so. */
  tick(store: Store): Promise<RunChange[]> {
    return this.inTurn(() => this.tickNow(store));
  }

  /** A run with its tree, while its trace is held; null: it is quiet, or not known. */
  find(key: string): HeldRun | null {
    return this.runsIn([key.split(' ', 1)[0]!]).find(held => held.key === key) ?? null;
  }

  /** The runs of these traces, those that do not match too, while the traces are held. */
  runsIn(traceIds: readonly string[]): HeldRun[] {
    return traceIds.flatMap(traceId => this.awake.get(traceId)?.held ?? []);
  }

  /** Traces seen so far that hold none of Agno's spans, HTTP polls mostly; those that may yet become runs left out. */
  get trafficCount(): number {
    let count = this.endedTraffic;
    for (const trace of this.awake.values()) if (trace.isTraffic) count++;
    return count;
  }

  /** Some of what was delivered is still to be looked at. */
  get isBehind(): boolean {
    for (const trace of this.awake.values()) if (trace.isDirty) return true;
    return false;
  }

  /** Spans that are held in memory. */
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
    // One look for several polls of a rush: what comes next mostly belongs to the same traces.
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
    // A pause and what continues it are judged together: behind HTTP only the spans tell that they are one run.
    const nowMicros = store.nowMicros();
    const again = new Set<LiveTrace>();
    // What continues a step or a tool may be a loose part, which names no run: those that wait look for it themselves.
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
      // By its spans it waits; that it went on Agno's own status may know before there is a continuation.
      if (judged.judge.node(judged.run.root)?.state === 'paused')
        this.remember(this.pausedIn, runId, traceId, MOST_SLEEPING);
    }
    return again.size === 0 ? changes : [...changes, ...(await this.lookOnce(store, [...again]))];
  }

  private async lookOnce(store: Store, traces: readonly LiveTrace[]): Promise<RunChange[]> {
    if (traces.length === 0) return [];
    const partial = traces.filter(trace => !trace.isWhole);
    if (partial.length > 0) {
      // Most traces are new: the follower has delivered all of them, and nothing needs to be read twice.
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
        // Deleted while it slept: there is nothing left to report.
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
    // The time of the processor, not of a clock: a database that is slow or a busy machine is no reason to look less.
    const {user, system} = process.cpuUsage(before);
    const perSpanMicros = (user + system) / total;
    for (const trace of here) {
      if (trace.spans.size < LARGE_TRACE) continue;
      trace.restUntilMicros = nowMicros + perSpanMicros * trace.spans.size * LOOK_SHARE;
    }
    return changes;
  }

  /** Costs are found once, as a span arrives: what tells how its tokens are counted is there before it. */
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
