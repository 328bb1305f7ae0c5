import {smallest} from '../lists.ts';
import {finish, type Work} from '../turns.ts';
import type {Run} from './runs.ts';
import type {Span} from './span.ts';

/**
 * One place in the tree of a trace: a span, or a ghost, which is known only because others name it as their parent.
 * The tree is the drawn one; `span.parentSpanId` keeps the stored value.
 */
export interface Node {
  readonly id: string;
  readonly traceId: string;
  /** Null: a ghost. Its span is not written yet, was lost, or is in another database. */
  span: Span | null;
  /**
   * A tool call without a span, as the messages of model calls report it, in the form of a span; `span` is null then.
   */
  readonly told: Span | null;
  parent: Node | null;
  /** By start, then id, so that rows keep their places. */
  children: Node[];
  /** The run or loose part it belongs to; null for surroundings. */
  run: Run | null;
  /** A run that leaked into the trace of another: a run of its own. */
  isDetached: boolean;
  /** Several runs were at work, and nothing shows which of them made this call. */
  isOwnerUnknown: boolean;
  /** A span that a client library wrote for the call above it: not a call of its own. */
  isPlumbing: boolean;
  /** Its parents form a cycle, which is cut here. */
  isCycleCut: boolean;
}

export interface Forest {
  /** Tops by start: spans without a parent, ghosts, spans where a cycle was cut. */
  readonly tops: readonly Node[];
  readonly nodes: ReadonlyMap<string, Node>;
  /** By `graph.node.id`, which inner runs and steps name as their parent. */
  readonly byNodeId: ReadonlyMap<string, Node>;
}

/**
 * Builds the forest of one trace. Pure.
 * @param spans any order, one trace; if an id occurs twice, the last span wins
 * @throws never; a cycle of parents is cut at its earliest span, a missing parent becomes a ghost
 */
export function buildForest(traceId: string, spans: readonly Span[]): Forest {
  return finish(buildingForest(traceId, spans));
}

export function* buildingForest(traceId: string, spans: readonly Span[]): Work<Forest> {
  const nodes = new Map<string, Node>();
  for (const span of spans) nodes.set(span.spanId, emptyNode(span.spanId, traceId, span));
  yield;
  for (const node of [...nodes.values()]) {
    const parentId = node.span!.parentSpanId;
    if (parentId === null || parentId === node.id) {
      node.isCycleCut = parentId !== null;
      continue;
    }
    let parent = nodes.get(parentId);
    if (!parent) {
      parent = emptyNode(parentId, traceId, null);
      nodes.set(parentId, parent);
    }
    node.parent = parent;
  }
  yield;
  for (const node of nodes.values()) node.parent?.children.push(node);
  // Nodes that no top leads to are in a cycle, or below one.
  const all = [...nodes.values()];
  const isRound = walk(all.filter(isTop)).length < all.length;
  if (isRound) {
    cutCycles(nodes);
    for (const node of all) node.children = [];
    for (const node of all) node.parent?.children.push(node);
  }
  yield;
  const byNodeId = new Map<string, Node>();
  for (const node of all) {
    if (node.children.length > 1) node.children.sort(byStart);
    const nodeId = node.span?.nodeId ?? null;
    if (nodeId !== null && !byNodeId.has(nodeId)) byNodeId.set(nodeId, node);
  }
  return {tops: all.filter(isTop).sort(byStart), nodes, byNodeId};
}

function isTop(node: Node): boolean {
  return node.parent === null;
}

function emptyNode(id: string, traceId: string, span: Span | null): Node {
  return {
    id,
    traceId,
    span,
    told: null,
    parent: null,
    children: [],
    run: null,
    isDetached: false,
    isOwnerUnknown: false,
    isPlumbing: false,
    isCycleCut: false,
  };
}

/** Start of a node: its span's, or for a ghost that of its earliest child. Unknown times sort last. */
export function startOf(node: Node): number {
  const span = node.span ?? node.told;
  if (span) return span.startMicros ?? Number.POSITIVE_INFINITY;
  let start = GHOST_STARTS.get(node);
  if (start === undefined) {
    start = smallest(node.children.map(({span}) => span?.startMicros ?? Number.POSITIVE_INFINITY));
    GHOST_STARTS.set(node, start);
  }
  return start;
}
/**
 * Cached, because a ghost of thousands of runs is drawn with each. Nodes that move below it start no earlier than
 * those that stay.
 */
const GHOST_STARTS = new WeakMap<Node, number>();

export function endOf(node: Node): number | null {
  return node.span?.endMicros ?? null;
}

export function byStart(a: Node, b: Node): number {
  const [startA, startB] = [startOf(a), startOf(b)];
  if (startA !== startB) return startA < startB ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function cutCycles(nodes: ReadonlyMap<string, Node>): void {
  const safe = new Set<Node>();
  for (const first of nodes.values()) {
    const path: Node[] = [];
    const onPath = new Set<Node>();
    let node: Node | null = first;
    while (node && !safe.has(node)) {
      if (onPath.has(node)) {
        const circle = path.slice(path.indexOf(node));
        const earliest = circle.reduce((a, b) => (byOwnStart(a, b) <= 0 ? a : b));
        earliest.parent = null;
        earliest.isCycleCut = true;
        break;
      }
      path.push(node);
      onPath.add(node);
      node = node.parent;
    }
    for (const visited of path) safe.add(visited);
  }
}

function byOwnStart(a: Node, b: Node): number {
  const [startA, startB] = [a.span?.startMicros ?? 0, b.span?.startMicros ?? 0];
  return startA !== startB ? startA - startB : a.id < b.id ? -1 : 1;
}

/**
 * Nodes of the subtrees in drawn order, parents first. Iterative: chains of 10,000 exist. Returns an array: a
 * generator costs several times as much, and a large trace is walked a dozen times.
 */
export function walk(tops: readonly Node[], skip?: (node: Node) => boolean): Node[] {
  const nodes: Node[] = [];
  const stack = [...tops].reverse();
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (skip?.(node)) continue;
    nodes.push(node);
    for (let i = node.children.length - 1; i >= 0; i--) stack.push(node.children[i]!);
  }
  return nodes;
}

/**
 * The tools with which a team leader delegates work; the member's run is written as their sibling (docs/agno.md,
 * Topology).
 */
const DELEGATION_TOOLS: ReadonlySet<string> = new Set([
  'delegate_task_to_member',
  'delegate_task_to_members',
  'execute_task',
  'execute_tasks_parallel',
]);

export function isDelegation(span: Span): boolean {
  return span.openInferenceKind === 'TOOL' && DELEGATION_TOOLS.has(span.toolName ?? span.name);
}

export function isRun({span}: Node): boolean {
  return span !== null && isRunSpan(span);
}

export function isDelegationCall({span}: Node): boolean {
  return span !== null && isDelegation(span);
}

export function isTool({span}: Node): boolean {
  return span?.openInferenceKind === 'TOOL';
}

export function isCall(node: Node): boolean {
  return node.span?.kind === 'llm' || isTool(node);
}

/** Names of the spans from the run down to this one. */
export function namesDownTo(node: Node): string[] {
  const names: string[] = [];
  // Not into its surroundings: the path begins with the run.
  for (let up: Node | null = node; up && up.run === node.run; up = up.parent)
    if (up.span) names.unshift(displayName(up.span));
  return names;
}

/** What a person calls the span: the component, the model or the tool; otherwise the stored name. */
export function displayName(span: Span): string {
  switch (span.kind) {
    case 'agent':
    case 'team':
    case 'workflow':
    case 'step':
    case 'parallel':
      return span.componentName ?? withoutMethod(span.name);
    case 'llm':
      return span.model ?? span.name;
    case 'tool':
    case 'retrieval':
    case 'memory':
      return span.toolName ?? span.name;
    default:
      return span.name;
  }
}

/** Agno names run and step spans `<component>.<method>`. */
const METHOD = /\.(a?run|_aexecute(_stream)?|a?continue_run|acontinue_run|a?execute(_stream)?)$/;

function withoutMethod(name: string): string {
  return name.replace(METHOD, '');
}

/** A continuation after a pause, a fork or a regeneration (instrumentor >= 1.0.8). */
export function isContinuation({name}: Pick<Span, 'name'>): boolean {
  return /\.a?continue_run$/.test(name);
}

export function isStreamed(span: Span): boolean {
  return span.name.endsWith('_stream');
}

/** A run span: an AGENT span, or the CHAIN span of a workflow, the only one with a number of steps. */
export function isRunSpan(span: Span): boolean {
  return span.kind === 'agent' || span.kind === 'team' || span.kind === 'workflow';
}
