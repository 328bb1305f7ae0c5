import {finish, type Work} from '../turns.ts';
import type {Kind} from './kind.ts';
import type {Peers} from './peers.ts';
import type {JudgedRun} from './record.ts';
import type {Run, Trace} from './runs.ts';
import {judgementOf, type SpanRecord, spanRecord, tokensIn} from './span-record.ts';
import type {State} from './states.ts';
import {criticalPath} from './timing.ts';
import {SubtreeTokens} from './tokens.ts';
import {type Node, walk} from './tree.ts';

/** One drawn row: the node and its computed values. */
export interface DrawnSpan {
  readonly node: Node;
  readonly depth: number;
  readonly record: SpanRecord;
  /** The record's state, without creating the record. */
  readonly state: State | null;
  /** Own time on the critical path, ms; null if it is not on it. */
  readonly criticalMs: number | null;
}

/** A run with its rows in drawn order. */
export interface ShownRun {
  readonly judged: JudgedRun;
  readonly rows: readonly DrawnSpan[];
  /** If only a member, a step or a span of a run is shown: the run that contains it. */
  readonly within: JudgedRun | null;
  /** A loose part that was tied to the run before it by its contents, not by an id. */
  readonly isTied: boolean;
  /** How it compares with other runs of its component; null: too few runs, or none are known. Absent: not requested. */
  readonly peers?: Peers | null;
}

/** Which of a run's rows to leave out. */
export interface RowSelection {
  readonly criticalOnly: boolean;
  /** Spans of these kinds and those above them; empty: all. */
  readonly kinds: readonly Kind[];
  /** Levels below the run; null: all. */
  readonly depth: number | null;
  /** Maximum number of rows; 0: all. */
  readonly limit: number;
}

/** The wanted rows in order, and how many rows `depth` and `limit` left out. */
export function selectRows({judged, rows}: ShownRun, selection: RowSelection): {rows: DrawnSpan[]; leftOut: number} {
  const {criticalOnly, kinds, depth, limit} = selection;
  const keep = criticalOnly || kinds.length > 0 ? new Set<Node>() : null;
  if (keep) {
    const drawn = new Set(rows.map(({node}) => node));
    for (const {node, criticalMs} of rows) {
      const kind = (node.span ?? node.told)?.kind;
      const isWanted =
        (!criticalOnly || criticalMs !== null || node === judged.run.root) &&
        (kinds.length === 0 || (kind !== undefined && kinds.includes(kind)));
      if (!isWanted) continue;
      for (let up: Node | null = node; up && drawn.has(up) && !keep.has(up); up = up.parent) keep.add(up);
    }
  }
  const base = rows.find(({node}) => node === judged.run.root)?.depth ?? 0;
  const wanted = keep ? rows.filter(({node}) => keep.has(node)) : [...rows];
  const shallow = depth === null ? wanted : wanted.filter(row => row.depth - base <= depth);
  const shown = limit === 0 ? shallow : shallow.slice(0, limit);
  return {rows: shown, leftOut: wanted.length - shown.length};
}

/**
 * Where drawing a run begins: the tops of its trace that contain it or contain no run at all; for a leaked run its
 * own span.
 */
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

/** Nodes by the runs they contain, and nodes without runs. Built once per trace, even if it has thousands of runs. */
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

/**
 * The rows of a run in drawn order: its surroundings from the top of the trace, the run, everything below it.
 * @param tops where to begin: `drawnTops`, or one node for a subtree
 */
export function drawnSpans(judged: JudgedRun, tops: readonly Node[]): DrawnSpan[] {
  return finish(drawingSpans(judged, tops));
}

export function* drawingSpans(judged: JudgedRun, tops: readonly Node[]): Work<DrawnSpan[]> {
  const {run} = judged;
  const path = run.isMissing ? new Map<Node, number>() : criticalPath(run);
  yield;
  const summed = run.isTraffic ? tops : run.tops;
  const drawing: Drawing = {judged, isTop: new Set(tops), path, tokens: new SubtreeTokens(summed)};
  const rows: DrawnSpan[] = [];
  // Depth and the enclosing run come from the parent's row, which is earlier.
  const depths = new Map<Node, number>();
  const runIds = new Map<Node, string | null>();
  for (const node of walkAround(tops, run.root.run)) {
    if (rows.length % AT_ONCE === AT_ONCE - 1) yield;
    const depth = drawing.isTop.has(node) ? 0 : depths.get(node.parent!)! + 1;
    depths.set(node, depth);
    const enclosing = node.span?.runId ?? (node.parent ? runIds.get(node.parent) : null) ?? node.run?.runId ?? null;
    runIds.set(node, enclosing);
    rows.push(new DrawnRow(drawing, node, depth, enclosing));
  }
  yield;
  // The record of the first row asks for all of these sums.
  for (const top of summed) yield* drawing.tokens.summing(top);
  return rows;
}

/** The nodes of a run and its surroundings, which belong to no run, in drawn order. */
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
/** Rows between two yields. */
const AT_ONCE = 1000;

/** Children of spans around runs: a request may hold thousands of runs, of which only one is drawn. */
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
  readonly isTop: ReadonlySet<Node>;
  readonly path: ReadonlyMap<Node, number>;
  readonly tokens: SubtreeTokens;
}

/**
 * Creates its record on first use: a screen shows thirty rows out of 20,000, and rebuilds all of them with every
 * span.
 */
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
