import {largest} from '../lists.ts';
import {costsByModel, type ModelCost} from './cost.ts';
import type {Judge} from './judge.ts';
import type {Kind} from './kind.ts';
import type {Run, Trace} from './runs.ts';
import type {Span} from './span.ts';
import {judgementOf, type SpanRecord, spanRecord, tokensIn} from './span-record.ts';
import {type Evidence, isFailedCall, isStoppedCall, type Judgement, NO_EVIDENCE} from './state.ts';
import type {State} from './states.ts';
import {isoTime} from './time.ts';
import {criticalPath} from './timing.ts';
import {modelCalls, modelsOf, SubtreeTokens, sumTokens, type Tokens} from './tokens.ts';
import {isFailedTool} from './tool-failure.ts';
import {displayName, isRunSpan, type Node, walk} from './tree.ts';

/** A run, a loose part or (with `traffic`) a plain request, as the JSON contract has it. Unknown is null. */
export interface RunRecord extends Tokens {
  readonly runId: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string | null;
  readonly kind: Kind | null;
  readonly state: State;
  readonly stateReason: string;
  readonly storedStatus: string | null;
  readonly spanStatus: string | null;
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly durationMs: number | null;
  readonly agentId: string | null;
  readonly teamId: string | null;
  readonly workflowId: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly models: readonly string[];
  readonly costs: readonly ModelCost[];
  readonly spanCount: number;
  readonly errorCount: number;
  readonly missing: boolean;
  readonly part: boolean;
  readonly traffic: boolean;
  readonly detached: boolean;
  /** Parts that pauses cut it into and that this record speaks of; 1 where each part has a record of its own. */
  readonly parts: number;
}

/** Keys of a run as JSON and the formats with a header have them, in order. */
export const RUN_FIELDS = [
  ...['runId', 'traceId', 'spanId', 'name', 'kind', 'state', 'stateReason', 'storedStatus', 'spanStatus'],
  ...['startTime', 'endTime', 'durationMs', 'agentId', 'teamId', 'workflowId', 'userId', 'sessionId'],
  ...['model', 'provider', 'models', 'costs', 'spanCount', 'errorCount'],
  ...['promptTokens', 'completionTokens', 'cachedTokens', 'totalTokens'],
  ...['costUsd', 'costSource', 'costDate', 'costUnknownCalls'],
  ...['cacheWriteTokens', 'grossPromptTokens', 'grossPromptEstimated'],
  ...['missing', 'part', 'traffic', 'detached', 'parts'],
] as const satisfies readonly (keyof RunRecord)[];

/** A run with everything that was found out about it. */
export interface JudgedRun {
  readonly run: Run;
  readonly judge: Judge;
  readonly judgement: Judgement;
  readonly evidence: Evidence;
  readonly record: RunRecord;
  /** Of a run that was folded: the run and those that continued it, which have no rows of their own, by start. */
  readonly parts?: readonly JudgedRun[];
  /** Of an unfinished run: the name that others have who did the same (`likely-name.ts`). A guess, always shown as one. */
  readonly likelyName?: string;
}

export function judgedRun(run: Run, judge: Judge, judgement: Judgement, evidence: Evidence): JudgedRun {
  return {run, judge, judgement, evidence, record: runRecord(run, judgement)};
}

function runRecord(run: Run, {state, reason}: Judgement): RunRecord {
  const nodes = nodesOf(run);
  const calls = modelCalls(run.tops);
  const ownCalls = modelsOf(ownModelCalls(run));
  const all = modelsOf(calls);
  return {
    runId: run.runId,
    traceId: run.traceId,
    spanId: run.root.id,
    name: run.name,
    kind: run.kind,
    state,
    stateReason: reason,
    storedStatus: run.storedStatus,
    spanStatus: run.root.span?.spanStatus ?? null,
    startTime: isoTime(run.startMicros),
    endTime: isoTime(run.endMicros),
    durationMs: run.root.span?.durationMs ?? null,
    agentId: run.agentId,
    teamId: run.teamId,
    workflowId: run.workflowId,
    userId: run.userId,
    sessionId: run.sessionId,
    model: ownCalls.model ?? all.model,
    provider: ownCalls.model ? ownCalls.provider : all.provider,
    models: all.models,
    spanCount: nodes.filter(({span}) => span !== null).length,
    errorCount: nodes.filter(({span, told, isPlumbing}) => !isPlumbing && isFailedSpan(span ?? told)).length,
    ...sumTokens(calls),
    costs: costsByModel(calls),
    missing: run.isMissing,
    part: run.isPart,
    traffic: run.isTraffic,
    detached: run.isDetached,
    parts: 1,
  };
}

/**
 * A run and all that continued it as one: it ends as its last part did; spans, tokens, costs and the time it worked are
 * those of all parts.
 * @param parts by start, `first` among them
 * @param tied those of them that carry no id of the run
 */
export function foldedRun(first: JudgedRun, parts: readonly JudgedRun[], tied: ReadonlySet<JudgedRun>): JudgedRun {
  const {runId} = first.record;
  const own = parts.filter(part => part.record.runId === runId && !tied.has(part));
  const last = own.at(-1) ?? first;
  const judgement = lastState(first, last, parts, tied);
  const calls = parts.flatMap(part => modelCalls(part.run.tops));
  const sum = (figure: (record: RunRecord) => number | null) =>
    parts.reduce<number | null>((total, {record}) => {
      const value = figure(record);
      return value === null ? total : (total ?? 0) + value;
    }, null);
  const ends = parts.flatMap(part => part.run.endMicros ?? []);
  return {
    ...first,
    judgement,
    parts: parts.filter(part => !tied.has(part)),
    record: {
      ...first.record,
      state: judgement.state,
      stateReason: judgement.reason,
      endTime: isoTime(ends.length === 0 ? null : largest(ends)),
      durationMs: sum(({durationMs}) => durationMs),
      models: modelsOf(calls).models,
      spanCount: sum(({spanCount}) => spanCount) ?? 0,
      errorCount: sum(({errorCount}) => errorCount) ?? 0,
      ...sumTokens(calls),
      costs: costsByModel(calls),
      parts: parts.length,
    },
  };
}

function lastState(
  {record}: JudgedRun,
  last: JudgedRun,
  parts: readonly JudgedRun[],
  tied: ReadonlySet<JudgedRun>,
): Judgement {
  const {state, stateReason} = last.record;
  if (last.record !== record) {
    const isWorse = record.state === 'degraded' && state === 'ok';
    return {state: isWorse ? 'degraded' : state, reason: `${record.stateReason}; ${stateReason}`};
  }
  const failed = parts.find(part => tied.has(part) && part.record.state === 'error');
  if (!failed || (state !== 'ok' && state !== 'degraded')) return {state, reason: stateReason};
  const isLast = parts.at(-1) === failed;
  return {
    state: isLast ? 'error' : 'degraded',
    reason: `${stateReason}; ${failed.record.name} failed: ${failed.record.stateReason}`,
  };
}

/** The spans of a run and of those that were folded into it. */
export function spansOfParts(judged: JudgedRun): Span[] {
  return (judged.parts ?? [judged]).flatMap(({run}) => spansOf(run));
}

/** The spans that belong to the run: not its surroundings, not the runs that leaked into it. */
export function spansOf(run: Run): Span[] {
  return nodesOf(run).flatMap(node => node.span ?? []);
}

export function nodesOf(run: Run): Node[] {
  return walk(run.tops, node => node.isDetached && node !== run.root);
}

/**
 * A span that failed by its status, a model call that brought nothing, or a tool of which Agno says so; one that was stopped
 * did not fail.
 */
export function isFailedSpan(span: Span | null): boolean {
  if (!span) return false;
  return (
    span.spanStatus === 'ERROR' ||
    (span.kind === 'llm' && isFailedCall(span) && !isStoppedCall(span)) ||
    isFailedTool(span)
  );
}

function ownModelCalls(run: Run): Span[] {
  return run.root.children.flatMap(child => (child.span?.kind === 'llm' ? [child.span] : []));
}

export type {SpanRecord} from './span-record.ts';

/** One drawn row: the node, and what was computed for it. */
export interface DrawnSpan {
  readonly node: Node;
  readonly depth: number;
  readonly record: SpanRecord;
  /** That of the record, without making it. */
  readonly state: State | null;
  /** Own time on the critical path, ms; null when it is not on it. */
  readonly criticalMs: number | null;
}

/** A run with its rows in drawn order. */
export interface ShownRun {
  readonly judged: JudgedRun;
  readonly rows: readonly DrawnSpan[];
  /** The run it is part of, where only a member, a step or a span of a run is shown. */
  readonly within: JudgedRun | null;
  /** A loose part that was tied to the run before it by what it holds, not by an id. */
  readonly isTied: boolean;
}

/** What to leave out of a run's rows. */
export interface RowSelection {
  readonly criticalOnly: boolean;
  /** Spans of these kinds and those above them; empty: all. */
  readonly kinds: readonly Kind[];
  /** Levels below the run; null: all. */
  readonly depth: number | null;
  /** Rows at most; 0: all. */
  readonly limit: number;
}

/** The rows that are wanted, in order, and how many were left out by `depth` and `limit`. */
export function selectRows({judged, rows}: ShownRun, selection: RowSelection): {rows: DrawnSpan[]; leftOut: number} {
  const {criticalOnly, kinds, depth, limit} = selection;
  const drawn = new Set(rows.map(({node}) => node));
  const keep = new Set<Node>();
  for (const {node, record} of rows) {
    const isWanted =
      (!criticalOnly || record.critical || node === judged.run.root) &&
      (kinds.length === 0 || (record.kind !== null && kinds.includes(record.kind)));
    if (!isWanted) continue;
    for (let up: Node | null = node; up && drawn.has(up) && !keep.has(up); up = up.parent) keep.add(up);
  }
  const base = rows.find(({node}) => node === judged.run.root)?.depth ?? 0;
  const wanted = rows.filter(({node}) => keep.has(node));
  const shallow = depth === null ? wanted : wanted.filter(row => row.depth - base <= depth);
  const shown = limit === 0 ? shallow : shallow.slice(0, limit);
  return {rows: shown, leftOut: wanted.length - shown.length};
}

/** Where drawing a run begins: the tops of its trace that hold it or hold no run at all; for a leaked run its own span. */
export function drawnTops(trace: Trace, run: Run): readonly Node[] {
  if (run.isDetached) return [run.root];
  let holders = HOLDERS.get(trace);
  if (!holders) {
    holders = holdersOf(trace);
    HOLDERS.set(trace, holders);
  }
  return [...holders.bare, ...(holders.byRun.get(run) ?? [])].sort((a, b) => a.at - b.at).map(({node}) => node);
}

/** One of several nodes, and its place among them. */
interface Placed {
  readonly at: number;
  readonly node: Node;
}

/** Nodes by the runs they hold, and those that hold none. Of a trace of thousands of runs it is made once, not for each. */
interface Holders {
  readonly byRun: ReadonlyMap<Run, readonly Placed[]>;
  readonly bare: readonly Placed[];
}
const HOLDERS = new WeakMap<Trace, Holders>();

function holdersOf(trace: Trace): Holders {
  const byRun = new Map<Run, Placed[]>();
  const bare: Placed[] = [];
  for (const [at, node] of trace.tops.entries()) {
    const runs = new Set(walk([node]).map(({run}) => run));
    if (runs.size === 1 && runs.has(null)) bare.push({at, node});
    for (const run of runs) if (run !== null) addTo(byRun, run, {at, node});
  }
  return {byRun, bare};
}

function addTo(byRun: Map<Run, Placed[]>, run: Run, placed: Placed): void {
  const known = byRun.get(run);
  if (known) known.push(placed);
  else byRun.set(run, [placed]);
}

/** One span of a run as a run of its own, for showing a member, a step or a single call. */
export function subRun(judged: JudgedRun, node: Node): JudgedRun {
  const span = node.span!;
  const isRun = isRunSpan(span);
  const run: Run = {
    ...judged.run,
    root: node,
    tops: [node],
    startSpan: span,
    isMissing: false,
    isPart: !isRun,
    isDetached: false,
    runId: isRun ? span.runId : judged.run.runId,
    sessionId: span.sessionId ?? judged.run.sessionId,
    userId: span.userId ?? judged.run.userId,
    agentId: span.agentId,
    teamId: span.teamId,
    workflowId: span.workflowId,
    name: displayName(span),
    kind: span.kind,
    startMicros: span.startMicros,
    endMicros: span.endMicros,
  };
  return judgedRun(run, judged.judge, judged.judge.node(node)!, NO_EVIDENCE);
}

/**
 * The rows of a run in drawn order: its surroundings from the top of the trace, the run, what is below it.
 * @param tops where to begin: `drawnTops`, or one node for a subtree
 */
export function drawnSpans(judged: JudgedRun, tops: readonly Node[]): DrawnSpan[] {
  const {run} = judged;
  const path = run.isMissing ? new Map<Node, number>() : criticalPath(run);
  const drawing: Drawing = {judged, tops, isTop: new Set(tops), path, tokens: null};
  const rows: DrawnSpan[] = [];
  // Depth and the enclosing run are known from the parent's row, which came before.
  const depths = new Map<Node, number>();
  const runIds = new Map<Node, string | null>();
  for (const node of walkAround(tops, run.root.run)) {
    const depth = drawing.isTop.has(node) ? 0 : depths.get(node.parent!)! + 1;
    depths.set(node, depth);
    const enclosing = node.span?.runId ?? (node.parent ? runIds.get(node.parent) : null) ?? node.run?.runId ?? null;
    runIds.set(node, enclosing);
    rows.push(new DrawnRow(drawing, node, depth, enclosing));
  }
  return rows;
}

/** The nodes of a run and those around it that are no run's, in drawn order. */
function walkAround(tops: readonly Node[], run: Run | null): Node[] {
  const nodes: Node[] = [];
  const stack = [...tops].reverse();
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (node.run !== null && node.run !== run) continue;
    nodes.push(node);
    const children = node.run === null && node.children.length > FEW ? besidesOtherRuns(node, run) : node.children;
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]!);
  }
  return nodes;
}
const FEW = 16;

/** Children of what stands around runs: a request may hold thousands of runs, of which one is drawn. */
function besidesOtherRuns(node: Node, run: Run | null): readonly Node[] {
  let children = CHILDREN.get(node);
  if (!children) {
    const byRun = new Map<Run, Placed[]>();
    const bare: Placed[] = [];
    for (const [at, child] of node.children.entries()) {
      if (child.run === null) bare.push({at, node: child});
      else addTo(byRun, child.run, {at, node: child});
    }
    children = {byRun, bare};
    CHILDREN.set(node, children);
  }
  const own = run === null ? [] : (children.byRun.get(run) ?? []);
  return [...children.bare, ...own].sort((a, b) => a.at - b.at).map(placed => placed.node);
}
const CHILDREN = new WeakMap<Node, Holders>();

interface Drawing {
  readonly judged: JudgedRun;
  readonly tops: readonly Node[];
  readonly isTop: ReadonlySet<Node>;
  readonly path: ReadonlyMap<Node, number>;
  /** Made for the first record. */
  tokens: SubtreeTokens | null;
}

/** Its record is made when it is looked at: a screen draws thirty rows out of 20,000, and all anew with every span. */
class DrawnRow implements DrawnSpan {
  private made: SpanRecord | null = null;

  constructor(
    private readonly drawing: Drawing,
    readonly node: Node,
    readonly depth: number,
    private readonly runId: string | null,
  ) {}

  get state(): State | null {
    return judgementOf(this.drawing.judged, this.node)?.state ?? null;
  }

  get criticalMs(): number | null {
    return this.drawing.path.get(this.node) ?? null;
  }

  get record(): SpanRecord {
    if (this.made) return this.made;
    const {node, depth, runId, drawing} = this;
    const {run} = drawing.judged;
    drawing.tokens ??= new SubtreeTokens(run.isTraffic ? drawing.tops : run.tops);
    this.made = spanRecord(drawing.judged, node, {
      depth,
      runId,
      isTop: drawing.isTop.has(node),
      isCritical: drawing.path.has(node),
      tokens: tokensIn(drawing.judged, node, drawing.tokens),
    });
    return this.made;
  }
}
