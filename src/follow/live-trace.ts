import {largest, smallest} from '../lists.ts';
import type {JudgedTrace} from '../runs/load.ts';
import type {LoadedTrace} from '../runs/spans.ts';
import {matchesRun, type RunFilter} from '../trace/filter.ts';
import {type JudgedRun, RUN_FIELDS, type RunRecord} from '../trace/record.ts';
import type {Patience, Trace} from '../trace/runs.ts';
import type {Span, TraceRow} from '../trace/span.ts';
import type {Node} from '../trace/tree.ts';

/** What happened to one run between two looks at its trace. */
export interface RunChange {
  /** Stays the same for the whole life of a run. */
  readonly key: string;
  /** The last reported state; null: this is the first report. */
  readonly before: RunRecord | null;
  /** Null: it is no longer a run of its own. Late spans showed that it is part of `into`. */
  readonly judged: JudgedRun | null;
  /** Key of the run that it turned out to be part of; null while it is a run of its own. */
  readonly into: string | null;
  readonly trace: Trace;
  /** Spans of the run and its surroundings that arrived since, by end. Each is reported once. */
  readonly newSpans: readonly Node[];
  /** How late some of them became visible, ms, by span id. */
  readonly lateMs: ReadonlyMap<string, number>;
}

/** A run with its tree. */
export interface HeldRun {
  readonly key: string;
  readonly judged: JudgedRun;
  readonly trace: Trace;
}

/** What is remembered of a run, to recognise it again. */
interface Known {
  readonly key: string;
  /** Ids that may identify it, best first: its root, the span it was listed by, the other tops of an unfinished run. */
  readonly marks: readonly string[];
  readonly record: RunRecord;
  readonly isTold: boolean;
}

/** What is kept of a quiet trace, without its spans. */
export interface SleepingTrace {
  readonly traceId: string;
  readonly known: readonly Known[];
  /** Delivered, but in no reported run. */
  readonly pending: ReadonlyMap<string, number | null>;
  /** When time alone changes the state of one of its runs; null: never. */
  readonly dueMicros: number | null;
  readonly isTraffic: boolean;
}

/** One growing trace: its narrow spans, and its runs as last reported. */
export class LiveTrace {
  readonly traceId: string;
  readonly spans = new Map<string, Span>();
  private row: TraceRow | null = null;
  private known: readonly Known[];
  private readonly pending: Map<string, number | null>;
  private readonly delivered = new Set<string>();
  private judged: JudgedTrace | null = null;
  /** All its spans are here, including those from before it was followed. */
  isWhole = false;
  /** Something arrived since it was last judged. */
  isDirty = true;
  /** It was judged once more after it had become quiet, because Agno writes some data after the spans. */
  isSettled = false;
  changedMicros: number;
  /** Judging a large trace is expensive: not before this time. */
  restUntilMicros = 0;
  dueMicros: number | null = null;

  constructor(traceId: string, nowMicros: number, before?: SleepingTrace) {
    this.traceId = traceId;
    this.changedMicros = nowMicros;
    this.known = before?.known ?? [];
    this.pending = new Map(before?.pending);
  }

  /** Spans that a follower delivered. */
  deliver(spans: readonly Span[], row: TraceRow | null, lateMs: ReadonlyMap<string, number>, nowMicros: number): void {
    for (const span of spans) {
      this.spans.set(span.spanId, span);
      if (this.delivered.has(span.spanId)) continue;
      this.delivered.add(span.spanId);
      this.pending.set(span.spanId, lateMs.get(span.spanId) ?? null);
    }
    this.row = row ?? this.row;
    this.changedMicros = nowMicros;
    this.isDirty = true;
    this.isSettled = false;
  }

  /** Adds the complete trace as read; spans that were delivered meanwhile stay, unless these have asked attributes. */
  complete(loaded: LoadedTrace | undefined): void {
    for (const span of loaded?.spans ?? [])
      if (span.asked || !this.spans.has(span.spanId)) this.spans.set(span.spanId, span);
    this.row = loaded?.row ?? this.row;
    this.isWhole = true;
  }

  loaded(): LoadedTrace {
    return {traceId: this.traceId, row: this.row, spans: [...this.spans.values()]};
  }

  /** Takes a new judgement and returns what is new about its runs. */
  settle(judged: JudgedTrace, filter: RunFilter, patience: Patience, nowMicros: number): RunChange[] {
    const {trace, runs} = judged;
    const {before, dissolved} = recognise(this.known, judged);
    const told = runs.filter(run => before.get(run)?.isTold || matchesRun(run, filter));
    const landed = this.takePending(trace, told);
    const taken = new Set([...before.values()].map(known => known.key));
    const changes: RunChange[] = [];
    const known: Known[] = [];
    for (const run of runs) {
      const old = before.get(run);
      const key = old?.key ?? newKey(run, taken);
      taken.add(key);
      const isTold = told.includes(run);
      known.push({key, marks: marksOf(run), record: run.record, isTold});
      if (!isTold) continue;
      const newSpans = landed.get(run) ?? [];
      const toldBefore = old?.isTold ? old.record : null;
      if (toldBefore && newSpans.length === 0 && !differs(toldBefore, run.record)) continue;
      changes.push({key, before: toldBefore, judged: run, into: null, trace, ...this.lateness(newSpans)});
    }
    for (const [old, run] of dissolved) {
      if (!old.isTold) continue;
      const into = known[run === null ? -1 : runs.indexOf(run)]?.key ?? null;
      const none = {newSpans: [], lateMs: new Map<string, number>()};
      changes.push({key: old.key, before: old.record, judged: null, into, trace, ...none});
    }
    for (const node of [...landed.values()].flat()) this.pending.delete(node.id);
    this.known = known;
    this.judged = judged;
    this.isDirty = false;
    this.dueMicros = dueOf(judged, patience, nowMicros);
    return changes;
  }

  /** Its runs as last judged. */
  get held(): readonly HeldRun[] {
    const {judged, known} = this;
    if (!judged) return [];
    return judged.runs.map((run, at) => ({key: known[at]!.key, judged: run, trace: judged.trace}));
  }

  /** It has no span of Agno's so far, and nothing is missing. */
  get isTraffic(): boolean {
    const traffic = this.judged?.trace.traffic;
    return traffic ? this.judged!.trace.tops.every(top => top.span !== null) : false;
  }

  /** All its runs have ended, and nothing around them is open. */
  get hasEnded(): boolean {
    const {judged} = this;
    if (!judged) return false;
    return judged.runs.every(({run}) => !run.isMissing && run.surroundings === 'complete');
  }

  asleep(): SleepingTrace {
    const {traceId, known, pending, dueMicros, isTraffic} = this;
    return {traceId, known, pending, dueMicros, isTraffic};
  }

  /** Finds the run of each span that was not reported yet. Spans around runs belong to the first run. */
  private takePending(trace: Trace, told: readonly JudgedRun[]): Map<JudgedRun, Node[]> {
    const landed = new Map<JudgedRun, Node[]>();
    const first = told[0];
    if (!first) return landed;
    const judgedOf = new Map(told.map(judged => [judged.run, judged]));
    for (const id of this.pending.keys()) {
      const node = trace.nodes.get(id);
      const judged = node && (node.run === null ? first : judgedOf.get(node.run));
      if (!node || !judged) continue;
      const nodes = landed.get(judged);
      if (nodes) nodes.push(node);
      else landed.set(judged, [node]);
    }
    for (const nodes of landed.values()) nodes.sort(byEnd);
    return landed;
  }

  private lateness(newSpans: readonly Node[]): Pick<RunChange, 'newSpans' | 'lateMs'> {
    const lateMs = new Map<string, number>();
    for (const {id} of newSpans) {
      const late = this.pending.get(id);
      if (late != null) lateMs.set(id, late);
    }
    return {newSpans, lateMs};
  }
}

interface Recognised {
  readonly before: ReadonlyMap<JudgedRun, Known>;
  /** Runs that are no longer runs of their own, and the runs that they are part of now. */
  readonly dissolved: readonly (readonly [Known, JudgedRun | null])[];
}

/**
 * Matches the runs of a trace with those of its previous judgement. The root is compared first. But the ghost of an
 * unfinished run changes as outer parts arrive, and a request turns into the run inside it; so the second criterion
 * is which run now contains the spans that identified it.
 */
function recognise(known: readonly Known[], {trace, runs}: JudgedTrace): Recognised {
  const before = new Map<JudgedRun, Known>();
  const dissolved: [Known, JudgedRun | null][] = [];
  const byRoot = new Map(runs.map(judged => [judged.run.root.id, judged]));
  const others: Known[] = [];
  for (const old of known) {
    const judged = byRoot.get(old.marks[0]!);
    if (judged) before.set(judged, old);
    else others.push(old);
  }
  const ofRun = new Map(runs.map(judged => [judged.run, judged]));
  for (const old of others) {
    const holders = old.marks.flatMap(mark => {
      const run = trace.nodes.get(mark)?.run;
      return (run && ofRun.get(run)) ?? [];
    });
    const heir =
      holders.find(judged => !before.has(judged)) ??
      (old.record.traffic ? runs.find(judged => !before.has(judged)) : undefined);
    if (heir) before.set(heir, old);
    else dissolved.push([old, holders[0] ?? null]);
  }
  return {before, dissolved};
}

/** By end, because Agno writes a span when it ends. */
function byEnd(a: Node, b: Node): number {
  const end = (node: Node) => node.span?.endMicros ?? node.span?.startMicros ?? 0;
  return end(a) - end(b) || (a.id < b.id ? -1 : 1);
}

function marksOf({run}: JudgedRun): string[] {
  return [...new Set([run.root.id, run.startSpan.spanId, ...run.tops.map(top => top.id)])];
}

/** The place where it was first seen; if another run was first seen there, with a number. */
function newKey({run}: JudgedRun, taken: ReadonlySet<string>): string {
  const place = `${run.traceId} ${run.root.id}`;
  let key = place;
  for (let n = 2; taken.has(key); n++) key = `${place} ${n}`;
  return key;
}

function differs(a: RunRecord, b: RunRecord): boolean {
  return RUN_FIELDS.some(field => {
    const [mine, other] = [a[field], b[field]];
    return mine !== other && (typeof mine !== 'object' || JSON.stringify(mine) !== JSON.stringify(other));
  });
}

/** The next time at which silence alone changes the state of a run. */
function dueOf({runs}: JudgedTrace, {stalledAfterMs, lostAfterMs}: Patience, nowMicros: number): number | null {
  // Inner run spans behind a gateway are complete once the whole trace is quiet, so its newest span counts too.
  const seen = runs.flatMap(({run}) => run.lastSeenMicros ?? []);
  const newest = seen.length === 0 ? null : largest(seen);
  const moments = runs
    .filter(({run}) => run.isMissing && run.lastSeenMicros !== null)
    .flatMap(({run}) => [
      run.lastSeenMicros! + stalledAfterMs * 1000,
      run.lastSeenMicros! + lostAfterMs * 1000,
      newest! + stalledAfterMs * 1000,
    ])
    .filter(moment => moment > nowMicros);
  return moments.length === 0 ? null : smallest(moments);
}
