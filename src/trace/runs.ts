import {append, largest} from '../lists.ts';
import {finish, type Work} from '../turns.ts';
import {isBegunBeside} from './begun-beside.ts';
import {asText} from './cell.ts';
import type {Details} from './details.ts';
import type {Kind} from './kind.ts';
import {isAfter, placingWork} from './placement.ts';
import {markPlumbing} from './plumbing.ts';
import type {Span, TraceRow} from './span.ts';
import {tellCalls} from './told-calls.ts';
import {buildingForest, byStart, displayName, type Forest, isRunSpan, type Node, startOf, walk} from './tree.ts';

/** How long a run without its run span counts as running, then as stalled; after that it is lost. */
export interface Patience {
  readonly stalledAfterMs: number;
  readonly lostAfterMs: number;
}
export const PATIENCE: Patience = {stalledAfterMs: 5 * 60_000, lostAfterMs: 60 * 60_000};

/**
 * `complete`: all spans around the run exist, or there are none. `request-open`: the HTTP request around the run is
 * not written yet. `elsewhere`: the parent is not in this database and cannot be Agno's, as behind a traced gateway.
 */
export type Surroundings = 'complete' | 'request-open' | 'elsewhere';

/** One run, or one loose part, within one trace. */
export interface Run {
  readonly traceId: string;
  /** The run span, the top of a loose part, or the ghost above an unfinished run's earliest part. */
  readonly root: Node;
  /** `root`, and the other ghosts of an unfinished run. */
  readonly tops: readonly Node[];
  /** The span that determines its place in lists: the run span, or the earliest part of an unfinished run. */
  readonly startSpan: Span;
  /** Unfinished: its run span is missing. */
  readonly isMissing: boolean;
  /** A loose part: finished work of Agno's outside any run. */
  readonly isPart: boolean;
  /** Not a run: an HTTP request, or other spans without any of Agno's. */
  readonly isTraffic: boolean;
  /** Leaked context: it is below a run that it does not belong to. */
  readonly isDetached: boolean;
  /** Where the spans above it are. */
  readonly surroundings: Surroundings;
  readonly runId: string | null;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly agentId: string | null;
  readonly teamId: string | null;
  readonly workflowId: string | null;
  readonly name: string | null;
  /** Null while the run span is missing. */
  readonly kind: Kind | null;
  readonly startMicros: number | null;
  readonly endMicros: number | null;
  /** Newest `created_at` of its spans: its last activity. */
  readonly lastSeenMicros: number | null;
  readonly storedStatus: string | null;
}

export interface Trace {
  readonly traceId: string;
  readonly tops: readonly Node[];
  readonly nodes: ReadonlyMap<string, Node>;
  /** Runs and loose parts by start. */
  readonly runs: readonly Run[];
  /** The trace as one row if it has no OpenInference span at all: plain HTTP requests and the like. */
  readonly traffic: Run | null;
  readonly storedStatus: string | null;
  readonly row: TraceRow | null;
  /** Ids of spans whose complete rows would say more: with their details the trace is built again. */
  readonly unclear: ReadonlySet<string>;
}

/** The current time, and how long a run may be silent. */
export interface JudgingClock {
  readonly nowMicros: number;
  readonly patience: Patience;
}

/**
 * Builds one trace and finds its runs (docs/design.md, Runs). Pure.
 * @param spans any order, all of one trace
 * @param row the trace row, or null if there is none (the older table shape)
 * @param details of the spans that a first pass called unclear
 */
export function buildTrace(
  traceId: string,
  spans: readonly Span[],
  row: TraceRow | null,
  clock: JudgingClock,
  details: ReadonlyMap<string, Details> = NO_DETAILS,
): Trace {
  return finish(buildingTrace(traceId, spans, row, clock, details));
}

export function* buildingTrace(
  traceId: string,
  spans: readonly Span[],
  row: TraceRow | null,
  clock: JudgingClock,
  details: ReadonlyMap<string, Details> = NO_DETAILS,
): Work<Trace> {
  const forest = yield* buildingForest(traceId, spans);
  yield;
  const isTraffic = spans.every(isTrafficSpan);
  // In many tables most traces are plain requests, which need none of this.
  const unclear = isTraffic ? NOTHING_UNCLEAR : yield* placingWork(forest, details);
  const {tops, nodes} = forest;
  const finder = new RunFinder(traceId, row, clock, spans, forest);
  if (!isTraffic) {
    yield;
    for (const node of nodes.values()) endWithSteps(node);
    yield;
    yield* finder.find(tops);
    yield;
    yield* tellCalls(forest, details, unclear);
    yield;
    markPlumbing(tops);
  }
  return {
    traceId,
    tops,
    nodes,
    runs: finder.runs.sort((a, b) => byStart(a.root, b.root)),
    traffic: isTraffic && spans.length > 0 ? finder.asTraffic(tops) : null,
    storedStatus: asText(row?.status ?? null),
    row,
    unclear,
  };
}

/**
 * With instrumentors below 1.0.0, the span of a background workflow covers only its launch; its steps come later and
 * name it. Such a workflow ends when the last of them ends (docs/agno.md, Topology).
 */
function endWithSteps(node: Node): void {
  const {span} = node;
  if (span?.kind !== 'workflow' || span.endMicros === null || span.startMicros === null) return;
  const steps = node.children.filter(child => child.span?.kind === 'step' || child.span?.kind === 'parallel');
  const isBegun = steps.some(
    step => startOf(step) >= span.endMicros! && step.span!.parentNodeId === span.nodeId && span.nodeId !== null,
  );
  const endMicros = isBegun ? largest(steps.map(step => step.span!.endMicros ?? Number.NEGATIVE_INFINITY)) : 0;
  if (!(endMicros > span.endMicros)) return;
  const problems = [...span.problems, 'its span ended right after the start; the end is that of the last step'];
  node.span = {...span, endMicros, durationMs: (endMicros - span.startMicros) / 1000, problems};
}

const NO_DETAILS: ReadonlyMap<string, Details> = new Map();
const NOTHING_UNCLEAR: Set<string> = new Set();

interface Draft {
  root: Node;
  tops: Node[];
  isMissing?: boolean;
  isPart?: boolean;
  isTraffic?: boolean;
  isDetached?: boolean;
}

class RunFinder {
  readonly runs: Run[] = [];
  private readonly holdsRun = new Set<Node>();
  private readonly surroundings = new Map<Node, Surroundings>();

  constructor(
    private readonly traceId: string,
    private readonly row: TraceRow | null,
    private readonly clock: JudgingClock,
    private readonly spans: readonly Span[],
    private readonly forest: Forest,
  ) {}

  *find(tops: readonly Node[]): Work<void> {
    this.markHolders(tops);
    yield;
    const unfinished: Node[] = [];
    for (const top of tops) {
      if (top.span) yield* this.enter(top);
      else append(unfinished, yield* this.enterGhost(top));
    }
    yield* this.settle(unfinished);
  }

  asTraffic(tops: readonly Node[]): Run {
    const root = tops.find(top => top.span) ?? earliestChild(tops[0]!);
    return this.toRun({root, tops: [...tops], isTraffic: true}, walk(tops));
  }

  /** Marks nodes with a run span below them; from the leaves up, so that each node is visited once. */
  private markHolders(tops: readonly Node[]): void {
    for (const node of walk(tops)) {
      if (!node.span || !isRunSpan(node.span)) continue;
      for (let up = node.parent; up && !this.holdsRun.has(up); up = up.parent) this.holdsRun.add(up);
    }
  }

  /** Sorts the spans below a top whose parents all exist: surroundings and their contents, runs, loose parts. */
  private *enter(top: Node): Work<void> {
    const stack = [top];
    while (stack.length > 0) {
      const node = stack.pop()!;
      const span = node.span!;
      if (isRunSpan(span)) yield* this.add({root: node, tops: [node]});
      else if (isSurroundings(span, this.holdsRun.has(node))) for (const child of node.children) stack.push(child);
      else yield* this.add({root: node, tops: [node], isPart: true});
    }
  }

  /**
   * Handles the children of a missing parent. Children of an open HTTP request are complete: FastAPI's own spans
   * beside them identify the parent. Returns the others, which are unfinished unless `settle` finds otherwise.
   */
  private *enterGhost(ghost: Node): Work<readonly Node[]> {
    const isRequest = ghost.children.some(child => isFastApi(child.span!));
    if (isRequest) {
      for (const child of ghost.children) yield* this.enter(child);
      return [];
    }
    const hasAgnoChild = ghost.children.some(child => child.span!.openInferenceKind !== null);
    if (hasAgnoChild) return ghost.children;
    for (const child of ghost.children) yield* this.enter(child);
    return [];
  }

  /**
   * All parts under missing parents are one unfinished run. There is one exception: finished run spans whose parent
   * cannot be Agno's own, with nothing unfinished beside them, are complete runs behind a gateway. That is certain
   * only once the trace is quiet: the inner run of a reasoning agent looks the same while its parent is still
   * running.
   */
  private *settle(parts: readonly Node[]): Work<void> {
    const agno = parts.filter(part => part.span!.openInferenceKind !== null);
    if (agno.length === 0) return;
    const isForeign = agno.every(part => isRunSpan(part.span!) && part.span!.parentNodeId === null);
    if (isForeign && this.isQuiet()) {
      for (const part of parts) yield* this.enter(part);
      return;
    }
    const tops = [...new Set(parts.map(part => part.parent!))].sort(byStart);
    const root = earliestPart(tops).parent!;
    yield* this.add({root, tops: [root, ...tops.filter(top => top !== root)], isMissing: true});
  }

  private isQuiet(): boolean {
    const newest = newestCreated(this.spans);
    return newest !== null && this.clock.nowMicros - newest >= this.clock.patience.stalledAfterMs * 1000;
  }

  private *add(draft: Draft): Work<void> {
    const drafts = [draft];
    // A loop, not recursion: runs that leaked into one another form chains of any length.
    for (let next = drafts.pop(); next; next = drafts.pop())
      for (const root of yield* this.addOne(next)) drafts.push({root, tops: [root], isDetached: true});
  }

  /** @returns the runs that leaked into it */
  private *addOne(draft: Draft): Work<Node[]> {
    const detached: Node[] = [];
    const members: Node[] = [];
    const stack = [...draft.tops];
    while (stack.length > 0) {
      const node = stack.pop()!;
      if (node !== draft.root && this.isLeaked(node)) {
        node.isDetached = true;
        detached.push(node);
        continue;
      }
      members.push(node);
      for (const child of node.children) stack.push(child);
    }
    yield;
    const run = this.toRun(draft, members);
    for (const member of members) member.run = run;
    this.runs.push(run);
    return detached;
  }

  /** Determined once for each node on the way up, because thousands of runs may share them. */
  private surroundingsOf(node: Node): Surroundings {
    const path: Node[] = [];
    let found: Surroundings | undefined;
    for (let up: Node | null = node; up && found === undefined; up = up.parent) {
      path.push(up);
      found = this.surroundings.get(up);
      if (found !== undefined || up.parent) continue;
      if (up.span) found = 'complete';
      else found = up.children.some(child => isFastApi(child.span!)) ? 'request-open' : 'elsewhere';
    }
    for (const passed of path) this.surroundings.set(passed, found!);
    return found!;
  }

  /**
   * A run that does not belong to the span above it: it began after that span ended, or during a model's answer, or
   * one thread read both in turn. A run that belongs inside another one names that run's node as its parent, whenever
   * it begins; a run that a tool started is inside the tool.
   */
  private isLeaked(node: Node): boolean {
    const {span, parent} = node;
    if (!span || !parent?.span || !isRunSpan(span)) return false;
    if (isBegunBeside(node)) return true;
    if (span.parentNodeId !== null && this.forest.byNodeId.has(span.parentNodeId)) return false;
    if (parent.span.kind === 'llm') return true;
    return parent.span.openInferenceKind !== 'TOOL' && isAfter(node, parent);
  }

  private toRun(draft: Draft, members: readonly Node[]): Run {
    const {root, tops} = draft;
    const spans = members.flatMap(node => node.span ?? []);
    const own = root.span;
    const inner = draft.isMissing || draft.isPart ? firstRunSpan(spans) : null;
    const identity = own && !draft.isPart ? own : null;
    // Agno fills the row only from the trace's true root (2.6.7+), so the row describes that run and no other.
    const row = own?.parentSpanId === null && !draft.isPart ? this.row : null;
    const start = draft.isMissing
      ? tops.reduce((min, top) => Math.min(min, startOf(top)), Number.POSITIVE_INFINITY)
      : startOf(root);
    return {
      traceId: this.traceId,
      root,
      tops,
      isMissing: draft.isMissing ?? false,
      startSpan: root.span ?? earliestPart(tops).span!,
      isPart: draft.isPart ?? false,
      isTraffic: draft.isTraffic ?? false,
      isDetached: draft.isDetached ?? false,
      surroundings: draft.isMissing ? 'complete' : this.surroundingsOf(root),
      runId: isOfMember(own, spans) ? null : (identity?.runId ?? asText(row?.run_id ?? null)),
      sessionId: identity?.sessionId ?? inner?.sessionId ?? asText(row?.session_id ?? null),
      userId: identity?.userId ?? inner?.userId ?? asText(row?.user_id ?? null),
      agentId: identity ? (identity.agentId ?? asText(row?.agent_id ?? null)) : null,
      teamId: identity ? (identity.teamId ?? asText(row?.team_id ?? null)) : null,
      workflowId: identity ? (identity.workflowId ?? asText(row?.workflow_id ?? null)) : null,
      name: own ? displayName(own) : null,
      kind: own?.kind ?? null,
      startMicros: Number.isFinite(start) ? start : null,
      endMicros: own?.endMicros ?? null,
      lastSeenMicros: newestCreated(spans),
      storedStatus: asText(this.row?.status ?? null),
    };
  }
}

/**
 * If a team's stream was closed early, its span has the id of the member that was at work, and its own id is unknown.
 */
function isOfMember(own: Span | null, spans: readonly Span[]): boolean {
  if (own?.kind !== 'team' || own.runId === null) return false;
  return spans.some(span => span !== own && isRunSpan(span) && span.runId === own.runId);
}

/** The earliest of Agno's spans under ghosts: the first sign of an unfinished run. */
function earliestPart(ghosts: readonly Node[]): Node {
  const parts = ghosts.flatMap(ghost => ghost.children).filter(part => part.span!.openInferenceKind !== null);
  return parts.reduce((first, part) => (byStart(first, part) <= 0 ? first : part));
}

function earliestChild(ghost: Node): Node {
  return ghost.children[0]!;
}

function firstRunSpan(spans: readonly Span[]): Span | null {
  const runs = spans.filter(span => isRunSpan(span) && span.sessionId !== null);
  return runs.reduce<Span | null>(
    (first, span) => (first && (first.startMicros ?? 0) <= (span.startMicros ?? 0) ? first : span),
    null,
  );
}

function newestCreated(spans: readonly Span[]): number | null {
  let newest: number | null = null;
  for (const {createdMicros} of spans) {
    if (createdMicros !== null && (newest === null || createdMicros > newest)) newest = createdMicros;
  }
  return newest;
}

/**
 * A span that belongs to no agent and no call: neither from Agno's instrumentor or a similar one, nor from another
 * instrumentor (`gen_ai.*`), nor from MCP.
 */
function isTrafficSpan({openInferenceKind, kind}: Span): boolean {
  return openInferenceKind === null && (kind === 'http' || kind === 'other');
}

function isFastApi(span: Span): boolean {
  return span.openInferenceKind === null && span.name.startsWith('fastapi.');
}

/**
 * Spans above a run that are not part of it: spans of other libraries, and chains that users wrap around their own
 * runs. Agno's own steps and tools are never surroundings, even with a run inside: a continued workflow leaves them.
 */
function isSurroundings(span: Span, holdsRun: boolean): boolean {
  if (span.openInferenceKind === null) return isTrafficSpan(span) || (holdsRun && span.kind === 'mcp');
  return holdsRun && !['step', 'parallel', 'tool', 'retrieval', 'memory', 'llm'].includes(span.kind);
}
