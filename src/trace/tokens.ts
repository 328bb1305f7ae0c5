import {type CostOrigin, isCounted, originOf, sumUsd} from './cost.ts';
import type {Span} from './span.ts';
import {type Node, walk} from './tree.ts';

/** Sums over model calls; null when no call in question reports the figure. */
export interface Tokens extends CostOrigin {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly cachedTokens: number | null;
  readonly totalTokens: number | null;
  /** Null unless every call that counted tokens has a cost: half a sum is no sum. */
  readonly costUsd: number | null;
  /** Calls that counted tokens and have no cost. */
  readonly costUnknownCalls: number;
}

export const NO_TOKENS: Tokens = {
  promptTokens: null,
  completionTokens: null,
  cachedTokens: null,
  totalTokens: null,
  costUsd: null,
  costSource: null,
  costDate: null,
  costUnknownCalls: 0,
};

type Count = 'promptTokens' | 'completionTokens' | 'cachedTokens' | 'totalTokens';
const COUNTS: readonly Count[] = ['promptTokens', 'completionTokens', 'cachedTokens', 'totalTokens'];

/**
 * Model calls of a subtree, each once: a model class that calls another inside itself writes two spans for one call,
 * so below a call that has counts nothing is counted again (agno.md 3.4).
 */
export function modelCalls(tops: readonly Node[]): Span[] {
  const calls: Span[] = [];
  const counted = new Set<Node>();
  for (const node of walk(tops, child => counted.has(child.parent!) || (child.isDetached && !tops.includes(child)))) {
    const span = node.span;
    if (span?.kind !== 'llm') continue;
    if (span.totalTokens === null && hasInnerCall(node)) continue;
    calls.push(span);
    counted.add(node);
  }
  return calls;
}

function hasInnerCall(node: Node): boolean {
  for (const inner of walk(node.children)) if (inner.span?.kind === 'llm') return true;
  return false;
}

export function sumTokens(calls: readonly Span[]): Tokens {
  const sum = (key: Count): number | null => {
    const known = calls.map(call => call[key]).filter(value => value !== null);
    return known.length === 0 ? null : known.reduce((a, b) => a + b, 0);
  };
  const counted = calls.filter(isCounted);
  const costs = counted.map(call => call.costUsd).filter(cost => cost !== null);
  const [promptTokens, completionTokens, cachedTokens, totalTokens] = COUNTS.map(sum);
  return {
    promptTokens: promptTokens!,
    completionTokens: completionTokens!,
    cachedTokens: cachedTokens!,
    totalTokens: totalTokens!,
    ...costOf(costs, counted.length - costs.length, counted),
  };
}

function costOf(costs: readonly number[], costUnknownCalls: number, parts: readonly CostOrigin[]) {
  const isKnown = costs.length > 0 && costUnknownCalls === 0;
  return {
    costUsd: isKnown ? sumUsd(costs) : null,
    ...(isKnown ? originOf(parts) : {costSource: null, costDate: null}),
    costUnknownCalls,
  };
}

/** Tokens of every subtree of a run, computed from the leaves up. */
export function subtreeTokens(tops: readonly Node[]): ReadonlyMap<Node, Tokens> {
  const sums = new Map<Node, Tokens>();
  const calls = new Set(modelCalls(tops));
  for (const node of [...walk(tops)].reverse()) {
    const parts: Tokens[] = node.span && calls.has(node.span) ? [sumTokens([node.span])] : [];
    for (const child of node.children) {
      const sum = child.isDetached ? NO_TOKENS : sums.get(child)!;
      if (sum !== NO_TOKENS) parts.push(sum);
    }
    sums.set(node, parts.length === 0 ? NO_TOKENS : parts.length === 1 ? parts[0]! : addUp(parts));
  }
  return sums;
}

function addUp(parts: readonly Tokens[]): Tokens {
  const sum = (key: Count): number | null =>
    parts.reduce<number | null>((total, part) => (part[key] === null ? total : (total ?? 0) + part[key]), null);
  const costs = parts.map(part => part.costUsd).filter(cost => cost !== null);
  const unknown = parts.reduce((total, part) => total + part.costUnknownCalls, 0);
  return {
    promptTokens: sum('promptTokens'),
    completionTokens: sum('completionTokens'),
    cachedTokens: sum('cachedTokens'),
    totalTokens: sum('totalTokens'),
    ...costOf(costs, unknown, parts),
  };
}

/** Model and provider that did most of the work, and all models by first use. */
export function modelsOf(calls: readonly Span[]): {model: string | null; provider: string | null; models: string[]} {
  const counts = new Map<string, {calls: number; provider: string | null}>();
  for (const {model, provider} of calls) {
    if (model === null) continue;
    const known = counts.get(model) ?? {calls: 0, provider};
    counts.set(model, {calls: known.calls + 1, provider: known.provider});
  }
  let best: [string, {calls: number; provider: string | null}] | null = null;
  for (const entry of counts) if (!best || entry[1].calls > best[1].calls) best = entry;
  return {model: best?.[0] ?? null, provider: best?.[1].provider ?? null, models: [...counts.keys()]};
}
