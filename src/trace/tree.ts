import {parseJson} from './json.ts';
import type {Run} from './runs.ts';
import type {Span} from './span.ts';

/**
 * One place in the tree of a trace: a span, or a ghost where a span is known only because others name it as parent.
 * The tree is the drawn one; `span.parentSpanId` stays what the row says.
 */
export interface Node {
  readonly id: string;
  readonly traceId: string;
  /** Null: a ghost. Its span is not written yet, was lost, or lives in another database. */
  readonly span: Span | null;
  parent: Node | null;
  /** By start, then id, so that rows do not jump. */
  children: Node[];
  /** The run or loose part it belongs to; null for surroundings. */
  run: Run | null;
  /** An inner run that began after the run it hangs under had ended. */
  isDetached: boolean;
  /** Its parents form a circle, which is cut here. */
  isCycleCut: boolean;
}

export interface Forest {
  /** Tops by start: spans without a parent, ghosts, spans where a circle was cut. */
  readonly tops: readonly Node[];
  readonly nodes: ReadonlyMap<string, Node>;
}

/**
 * Builds the forest of one trace. Pure.
 * @param spans any order, one trace; of duplicates by id the last one wins
 * @throws never; a parent circle is cut at its earliest span, a missing parent becomes a ghost
 */
export function buildForest(traceId: string, spans: readonly Span[]): Forest {
  const nodes = new Map<string, Node>();
  for (const span of spans) nodes.set(span.spanId, emptyNode(span.spanId, traceId, span));
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
  for (const node of nodes.values()) node.parent?.children.push(node);
  // What no top leads to is a circle, or hangs on one.
  const all = [...nodes.values()];
  const isRound = walk(all.filter(isTop)).length < all.length;
  if (isRound) {
    cutCycles(nodes);
    for (const node of all) node.children = [];
    for (const node of all) node.parent?.children.push(node);
  }
  for (const node of all) {
    if (node.children.length < 2) continue;
    node.children.sort(byStart);
    regroupDelegations(node);
  }
  return {tops: all.filter(isTop).sort(byStart), nodes};
}

function isTop(node: Node): boolean {
  return node.parent === null;
}

function emptyNode(id: string, traceId: string, span: Span | null): Node {
  return {id, traceId, span, parent: null, children: [], run: null, isDetached: false, isCycleCut: false};
}

/** Start of a node: its span's, or for a ghost that of its earliest child. Unknown times sort last. */
export function startOf(node: Node): number {
  if (node.span) return node.span.startMicros ?? Number.POSITIVE_INFINITY;
  return node.children.reduce((min, child) => Math.min(min, startOf(child)), Number.POSITIVE_INFINITY);
}

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
 * Nodes of the subtrees in drawn order, parents first. Iterative: chains of 10,000 exist. An array: a generator costs
 * several times as much, and a look at a large trace walks it a dozen times.
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

/** The tools with which a team leader hands work on; the member's run is written as their sibling (docs/agno.md, Topology). */
const DELEGATION_TOOLS: ReadonlySet<string> = new Set([
  'delegate_task_to_member',
  'delegate_task_to_members',
  'execute_task',
  'execute_tasks_parallel',
]);

export function isDelegation(span: Span): boolean {
  return span.openInferenceKind === 'TOOL' && DELEGATION_TOOLS.has(span.toolName ?? span.name);
}

/**
 * Hangs members under the tool call that asked for them: same parent, started while the call ran, and named by it if
 * it names anybody. Of several calls the one that started last before the member did. One sweep over the children, which
 * stand by start: a team may have thousands of both.
 */
function regroupDelegations(parent: Node): void {
  if (!parent.children.some(node => node.span && isDelegation(node.span))) return;
  const calls = new RunningCalls();
  const moved = new Set<Node>();
  const ready = parent.children.filter(node => node.span?.startMicros != null);
  for (const member of ready) {
    const span = member.span!;
    if (span.openInferenceKind !== 'AGENT') continue;
    calls.begin(ready, span.startMicros!);
    const call = calls.of(span);
    if (!call) continue;
    member.parent = call;
    call.children.push(member);
    moved.add(member);
  }
  if (moved.size === 0) return;
  parent.children = parent.children.filter(node => !moved.has(node));
  for (const call of parent.children) if (call.span && isDelegation(call.span)) call.children.sort(byStart);
}

/** The delegations that run at a moment, which only goes forwards. */
class RunningCalls {
  /** Those that have begun, by whom they name, the last one on top. */
  private readonly begun = new Map<string, {at: number; node: Node}[]>();
  private next = 0;
  private nowMicros = 0;

  /** Lets those begin that start no later. */
  begin(siblings: readonly Node[], nowMicros: number): void {
    this.nowMicros = nowMicros;
    for (; this.next < siblings.length; this.next++) {
      const node = siblings[this.next]!;
      if (node.span!.startMicros! > nowMicros) return;
      if (!isDelegation(node.span!)) continue;
      const wanted = memberNamedBy(node.span!);
      const name = wanted === null ? UNNAMED : slug(wanted);
      const calls = this.begun.get(name);
      if (calls) calls.push({at: this.next, node});
      else this.begun.set(name, [{at: this.next, node}]);
    }
  }

  /** The last of those that name the member, else of those that name nobody. */
  of(member: Span): Node | null {
    let last: {at: number; node: Node} | undefined;
    for (const id of [member.agentId, member.teamId, member.componentName]) {
      const call = id === null ? undefined : this.lastRunning(slug(id));
      if (call && (!last || call.at > last.at)) last = call;
    }
    return (last ?? this.lastRunning(UNNAMED))?.node ?? null;
  }

  private lastRunning(name: string): {at: number; node: Node} | undefined {
    const calls = this.begun.get(name);
    // What has ended, or has no end, covers no later moment either.
    while (calls?.length && (calls.at(-1)!.node.span!.endMicros ?? Number.NEGATIVE_INFINITY) < this.nowMicros)
      calls.pop();
    return calls?.at(-1);
  }
}
/** In place of a name; no id of Agno's. */
const UNNAMED = '\0';

function memberNamedBy(call: Span): string | null {
  const value = call.toolArguments === null ? null : parseJson(call.toolArguments)?.value;
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  return typeof value?.member_id === 'string' ? value.member_id : null;
}

/** Agno derives a member's id from its name when it has none. */
function slug(id: string): string {
  return id.toLowerCase().replace(/[\s_]+/g, '-');
}

/** What a person calls the span: the component, the model or the tool; the stored name where there is nothing better. */
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
export function isContinuation(span: Span): boolean {
  return /\.a?continue_run$/.test(span.name);
}

export function isStreamed(span: Span): boolean {
  return span.name.endsWith('_stream');
}

/** A run span: an AGENT span, or the CHAIN span of a workflow, which alone knows its number of steps. */
export function isRunSpan(span: Span): boolean {
  return span.kind === 'agent' || span.kind === 'team' || span.kind === 'workflow';
}
