import type {Kind} from './kind.ts';
import {type JudgedRun, nodesOf, type RunRecord} from './record.ts';
import {SubtreeTokens} from './tokens.ts';
import {displayName} from './tree.ts';

/** How a run compares with the finished runs of its component. */
export interface Peers {
  /** How many runs it is compared with. */
  readonly runs: number;
  /** `kept`: from the facts as they were; `read`: after bringing the facts up to date. */
  readonly source: 'kept' | 'read';
  /** Start of the oldest of them, microseconds. */
  readonly sinceMicros: number;
  readonly durationMs: Standing | null;
  readonly totalTokens: Standing | null;
  readonly costUsd: Standing | null;
  /** The parts that differ most from their usual value: at most one each by time, calls and tokens. */
  readonly differing: readonly Differing[];
}

/** Null if fewer than `FEWEST_PEERS` have the figure, or the run itself does not. */
export interface Standing {
  readonly value: number;
  readonly median: number;
  /** Share of the runs with a smaller value; equal ones count half. */
  readonly rank: number;
}

export interface Differing {
  readonly figure: ChildFigure;
  readonly kind: Kind;
  readonly name: string;
  readonly value: number;
  readonly median: number;
  /** Number of runs with such a part, over which the median is computed. */
  readonly runs: number;
}

export type ChildFigure = 'durationMs' | 'calls' | 'totalTokens';

/** The totals of all calls, steps or members with one name in one run. */
export interface ChildSums {
  readonly kind: Kind;
  readonly name: string;
  readonly durationMs: number | null;
  readonly calls: number;
  readonly totalTokens: number | null;
}

/** With fewer runs no comparison is shown. */
export const FEWEST_PEERS = 20;
const LEAST_FACTOR = 1.5;
/** A smaller difference does not matter to anybody. */
const LEAST: Readonly<Record<ChildFigure, number>> = {durationMs: 50, calls: 1, totalTokens: 50};
export const CHILD_KINDS = ['agent', 'team', 'workflow', 'step', 'llm', 'tool', 'retrieval', 'memory'] as const;

/** Whether a run can be compared: it has ended, and has only one part. */
export function hasPeers({run, record, parts}: JudgedRun): boolean {
  const isWhole = (parts ?? []).length <= 1 && record.parts === 1;
  return isWhole && !record.missing && !record.part && !record.traffic && run.name !== null;
}

export function standingOf(value: number | null, peers: readonly (number | null)[]): Standing | null {
  const known = peers.filter(peer => peer !== null).sort((a, b) => a - b);
  if (value === null || known.length < FEWEST_PEERS) return null;
  const below = known.filter(peer => peer < value).length;
  const equal = known.filter(peer => peer === value).length;
  return {value, median: medianOf(known), rank: (below + equal / 2) / known.length};
}

/** @param sorted not empty */
function medianOf(sorted: readonly number[]): number {
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

/** By time, calls and tokens, the part that differs most from its median over the runs that have it. */
export function differingOf(own: readonly ChildSums[], peers: readonly ChildSums[]): Differing[] {
  const usual = new Map<string, ChildSums[]>();
  for (const child of peers) {
    const all = usual.get(keyOf(child));
    if (all) all.push(child);
    else usual.set(keyOf(child), [child]);
  }
  return (['durationMs', 'calls', 'totalTokens'] as const).flatMap(figure => {
    let most: Differing | null = null;
    for (const child of own) {
      const standing = standingOf(
        child[figure],
        (usual.get(keyOf(child)) ?? []).map(of => of[figure]),
      );
      if (standing === null) continue;
      const {value, median} = standing;
      const difference = Math.abs(value - median);
      const isClear = value >= LEAST_FACTOR * median || median >= LEAST_FACTOR * value;
      if (!isClear || difference < LEAST[figure] || (most && difference <= Math.abs(most.value - most.median)))
        continue;
      const {kind, name} = child;
      most = {figure, kind, name, value, median, runs: usual.get(keyOf(child))!.length};
    }
    return most ?? [];
  });
}

const keyOf = ({kind, name}: Pick<ChildSums, 'kind' | 'name'>) => `${kind} ${name}`;

/** The contents of a run by kind and name, with the same sums as in the facts. */
export function childrenOf({run}: JudgedRun): ChildSums[] {
  const tokens = new SubtreeTokens(run.tops);
  const sums = new Map<
    string,
    {kind: Kind; name: string; durationMs: number | null; calls: number; totalTokens: number | null}
  >();
  for (const node of nodesOf(run)) {
    const {span} = node;
    if (span === null || node === run.root || !(CHILD_KINDS as readonly Kind[]).includes(span.kind)) continue;
    const child = {kind: span.kind, name: displayName(span)};
    const sum = sums.get(keyOf(child)) ?? {...child, durationMs: null, calls: 0, totalTokens: null};
    sums.set(keyOf(child), sum);
    const {totalTokens} = tokens.of(node);
    sum.calls++;
    if (span.durationMs !== null) sum.durationMs = (sum.durationMs ?? 0) + span.durationMs;
    if (totalTokens !== null) sum.totalTokens = (sum.totalTokens ?? 0) + totalTokens;
  }
  return [...sums.values()];
}

/** The compared figures of another run. */
export type PeerRun = Pick<RunRecord, 'durationMs' | 'totalTokens' | 'costUsd'> & {readonly startMicros: number};

/** Null: there are too few. */
export function peersOf(
  judged: JudgedRun,
  {runs, children, source}: {runs: readonly PeerRun[]; children: readonly ChildSums[]; source: Peers['source']},
): Peers | null {
  if (runs.length < FEWEST_PEERS) return null;
  const {durationMs, totalTokens, costUsd} = judged.record;
  return {
    runs: runs.length,
    source,
    sinceMicros: runs.reduce((first, {startMicros}) => Math.min(first, startMicros), Number.POSITIVE_INFINITY),
    durationMs: standingOf(
      durationMs,
      runs.map(run => run.durationMs),
    ),
    totalTokens: standingOf(
      totalTokens,
      runs.map(run => run.totalTokens),
    ),
    costUsd: standingOf(
      costUsd,
      runs.map(run => run.costUsd),
    ),
    differing: differingOf(childrenOf(judged), children),
  };
}
