import {finish, type Work} from '../turns.ts';
import {isBegunBeside} from './begun-beside.ts';
import type {Details} from './details.ts';
import {Moves} from './moves.ts';
import {Sweep} from './sweep.ts';
import {byStart, type Forest, isCall, isDelegationCall, isRun, isTool, type Node} from './tree.ts';

/**
 * Puts work under the component that did it, wherever it was stored (docs/agno.md, Streams move work away from its
 * component). This happens once, so that every statement about a trace comes from one tree. A span's `parentSpanId`
 * keeps the stored value.
 * Streams and sync teams leave the wrong span current. A team's work after its sub-team ended is stored below the
 * sub-team. Calls of a streamed step, and its members too, are stored at the step. Members are stored beside the call
 * that asked for them.
 * @param details from complete rows, of spans for which a first pass found that they decide
 * @returns ids of spans whose complete rows would decide what times and names leave open
 */
export function placeWork(forest: Forest, details: ReadonlyMap<string, Details>): Set<string> {
  return finish(placingWork(forest, details));
}

export function* placingWork({nodes, byNodeId}: Forest, details: ReadonlyMap<string, Details>): Work<Set<string>> {
  const moves = new Moves();
  const unclear = new Set<string>();
  returnLate(nodes, byNodeId, moves);
  moves.settle();
  yield;
  const swept = new Set<Node>();
  for (const outer of outersOf(nodes.values(), moves))
    yield* new Sweep(outer, details, moves, unclear).run([outer, ...inStep(outer, swept)]);
  moves.settle();
  yield;
  for (const node of nodes.values())
    if (isStepWithWork(node)) yield* new Sweep(node, details, moves, unclear).run(inStep(node, swept));
  moves.settle();
  yield;
  for (const node of nodes.values()) {
    if (swept.has(node) || node.children.length < 2 || !node.children.some(isDelegationCall)) continue;
    const items = node.children.filter(child => isDelegationCall(child) || isRun(child));
    yield* new Sweep(node, details, moves, unclear).run(items);
  }
  moves.settle();
  return unclear;
}

function isContainer({span}: Node): boolean {
  return span?.kind === 'step' || span?.kind === 'parallel';
}

/** Whether it began after the other ended. A span whose clock went backwards proves nothing. */
export function isAfter(node: Node, {span}: Node): boolean {
  const start = node.span?.startMicros ?? null;
  if (start === null || span === null || span.endMicros === null) return false;
  return start > span.endMicros && span.endMicros >= (span.startMicros ?? 0);
}

/**
 * A span that began after its stored parent had ended belongs further up: a run or a step to the node that it names,
 * a call to the nearest of Agno's spans that was still running. A run that names no node leaked, unless it is in a
 * tool.
 */
function returnLate(nodes: Forest['nodes'], byNodeId: Forest['byNodeId'], moves: Moves): void {
  const late = [...nodes.values()].filter(node => node.parent && isAfter(node, node.parent));
  if (late.length === 0) return;
  late.sort(byStart);
  // The next search jumps over ended spans on the way up: a chain of leaks must cost its length once.
  const jumps = new Map<Node, Node | null>();
  const stillGoingOn = (node: Node): Node | null => {
    const passed: Node[] = [];
    let up = node.parent;
    while (up && isAfter(node, up)) {
      passed.push(up);
      const jump: Node | null | undefined = jumps.get(up);
      up = jump === undefined ? up.parent : jump;
    }
    for (const ended of passed) jumps.set(ended, up);
    return up;
  };
  for (const node of late) {
    const {parentNodeId} = node.span!;
    const isNamed = isRun(node) || isContainer(node);
    if (!isNamed && !isRun(node.parent!)) continue;
    const around = stillGoingOn(node);
    if (around === null) continue;
    const named = isNamed && parentNodeId !== null ? byNodeId.get(parentNodeId) : undefined;
    const inTool = isTool(around) ? around : null;
    const to = named ? upTo(around, up => up === named) : isNamed ? inTool : upTo(around, mayOwnCalls);
    if (to) moves.move(node, to);
  }
}

/**
 * The outer runs of streams that were read in turn. All calls of both are stored in the inner run; moves the outer
 * run's calls to it.
 */
function outersOf(nodes: Iterable<Node>, moves: Moves): Set<Node> {
  const outers = new Set<Node>();
  for (const node of nodes) {
    if (!isBegunBeside(node)) continue;
    const outer = node.parent!;
    outers.add(outer);
    for (const child of node.children) {
      if (isCall(child) || (isRun(child) && child.span!.parentNodeId === outer.span!.nodeId)) moves.move(child, outer);
      if (child.span?.kind !== 'llm') continue;
      // A model class that calls its base class writes a call inside a call, with the same model.
      for (const inner of child.children)
        if (isTool(inner) || (isCall(inner) && inner.span!.model !== child.span.model)) moves.move(inner, outer);
    }
  }
  moves.settle();
  return outers;
}

/** If a span is missing, its children show that it is one of Agno's. */
function mayOwnCalls(node: Node): boolean {
  if (node.span) return isRun(node) || isContainer(node) || isTool(node);
  return node.children.some(({span}) => span !== null && span.parentNodeId !== null);
}

/** How many levels up a place is searched for; chains of 10,000 exist. */
const MOST_LEVELS = 100;

function upTo(from: Node, isPlace: (node: Node) => boolean): Node | null {
  let node: Node | null = from;
  for (let level = 0; node && level < MOST_LEVELS; level++, node = node.parent) if (isPlace(node)) return node;
  return null;
}

/** A step, or the ghost of a span that may turn out to be one, with a run and something beside it. */
function isStepWithWork(node: Node): boolean {
  if ((node.span !== null && node.span.kind !== 'step') || node.children.length < 2) return false;
  const runs = node.children.filter(isRun).length;
  return runs > 1 || (runs === 1 && node.children.some(isCall));
}

/** Runs and calls below a step; an inner step keeps its own. */
function inStep(step: Node, swept: Set<Node>): Node[] {
  const items: Node[] = [];
  const stack = [step];
  while (stack.length > 0) {
    const node = stack.pop()!;
    swept.add(node);
    for (const child of node.children) {
      if (isContainer(child) || child.span?.kind === 'workflow') continue;
      if (isRun(child) || isCall(child)) items.push(child);
      stack.push(child);
    }
  }
  return items;
}
