import type {Run} from './runs.ts';
import {displayName, type Node, startOf, walk} from './tree.ts';

/** A period of a run in which no recorded span was running. */
export interface Gap {
  readonly startMicros: number;
  readonly durationMs: number;
  /** What ended just before it; null at the start of the run. */
  readonly after: string | null;
}

interface Interval {
  from: number;
  to: number;
}

/**
 * Self time of every span: its duration minus the union of its children, each clipped to it. So it is never negative
 * and never above the span's own duration, even if children overlap or end late.
 */
export function selfMs(node: Node): number | null {
  const own = intervalOf(node);
  if (!own) return null;
  let coveredMicros = COVERED.get(node);
  if (coveredMicros === undefined) {
    coveredMicros = covered(own, node.children.filter(takesTime).map(intervalOf));
    COVERED.set(node, coveredMicros);
  }
  return (own.to - own.from - coveredMicros) / 1000;
}
/** Cached, because a request around thousands of runs is drawn with each of them. */
const COVERED = new WeakMap<Node, number>();

/**
 * Whether it uses its parent's time: a leaked run has nothing to do with the span above it, and plumbing is part of
 * its call.
 */
function takesTime({isDetached, isPlumbing}: Node): boolean {
  return !isDetached && !isPlumbing;
}

function intervalOf(node: Node): Interval | null {
  const {startMicros, endMicros} = node.span ?? {};
  if (startMicros == null || endMicros == null) return null;
  return {from: startMicros, to: Math.max(startMicros, endMicros)};
}

function covered(own: Interval, children: readonly (Interval | null)[]): number {
  let sum = 0;
  let until = own.from;
  for (const child of children.filter(item => item !== null).sort((a, b) => a.from - b.from)) {
    const from = Math.max(child.from, until);
    const to = Math.min(child.to, own.to);
    if (to > from) sum += to - from;
    until = Math.max(until, Math.min(child.to, own.to));
  }
  return sum;
}

/** Time in which at least one of them was running, ms. */
export function coveredMs(nodes: readonly Node[]): number {
  return covered({from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY}, nodes.map(intervalOf)) / 1000;
}

/**
 * The critical path of a run: from its end backwards, always the child that ended last before that moment, then what
 * ended last before that child began. Shortening any other span would not have made the run shorter. O(n log n).
 */
export function criticalPath(run: Run): ReadonlyMap<Node, number> {
  const path = new Map<Node, number>();
  const root = intervalOf(run.root);
  if (!root) return path;
  const stack = [{node: run.root, from: root.from, to: root.to}];
  while (stack.length > 0) {
    const {node, from, to} = stack.pop()!;
    let own = 0;
    let at = to;
    const children = node.children
      .filter(takesTime)
      .map(child => ({child, interval: intervalOf(child)}))
      .filter(item => item.interval !== null && item.interval.from < to)
      .sort((a, b) => b.interval!.to - a.interval!.to || b.interval!.from - a.interval!.from);
    for (const {child, interval} of children) {
      if (at <= from) break;
      const end = Math.min(interval!.to, at);
      const start = Math.max(interval!.from, from);
      // It began after the moment that is left to explain, or lies outside its parent, so it decided nothing.
      if (interval!.from >= at || end < from) continue;
      own += at - end;
      at = start;
      stack.push({node: child, from: start, to: end});
    }
    own += Math.max(0, at - from);
    path.set(node, own / 1000);
  }
  return path;
}

/** How long an unfinished run has been observed: from its first part's start to the latest end, ms. */
export function seenMs(run: Run): number | null {
  let end: number | null = null;
  for (const {span} of walk(run.tops)) {
    if (span?.endMicros != null && (end === null || span.endMicros > end)) end = span.endMicros;
  }
  return end === null || run.startMicros === null ? null : (end - run.startMicros) / 1000;
}

/** Share of the critical path by kind of work, largest first. */
export function criticalShares(path: ReadonlyMap<Node, number>): {what: string; durationMs: number}[] {
  const shares = new Map<string, number>();
  for (const [node, ms] of path) {
    const kind = node.span!.kind;
    const what = kind === 'llm' ? 'model' : kind;
    shares.set(what, (shares.get(what) ?? 0) + ms);
  }
  return [...shares].map(([what, durationMs]) => ({what, durationMs})).sort((a, b) => b.durationMs - a.durationMs);
}

/** Periods in which no leaf span was running, longest first: waiting that no span explains. */
export function gapsOf(run: Run, atLeastMs: number): Gap[] {
  const own = intervalOf(run.root);
  if (!own) return [];
  const leaves = walk([run.root], node => node !== run.root && !takesTime(node))
    .filter(node => node !== run.root && !node.children.some(takesTime) && intervalOf(node) !== null)
    .sort((a, b) => startOf(a) - startOf(b));
  if (leaves.length === 0) return [];
  const gaps: Gap[] = [];
  let until = own.from;
  let after: string | null = null;
  const add = (to: number) => {
    if (to - until >= atLeastMs * 1000) gaps.push({startMicros: until, durationMs: (to - until) / 1000, after});
  };
  for (const leaf of leaves) {
    const interval = intervalOf(leaf)!;
    add(Math.min(interval.from, own.to));
    if (interval.to > until) {
      until = Math.min(interval.to, own.to);
      after = displayName(leaf.span!);
    }
  }
  add(own.to);
  return gaps.sort((a, b) => b.durationMs - a.durationMs);
}
