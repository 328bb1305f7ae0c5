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
 * so below a call that has counts nothing is counted again (docs/agno.md, Topology).
 */
export function modelCalls(tops: readonly Node[]): Span[] {
  const calls: Span[] = [];
  const stack = [...tops].reverse();
  const isTop = new Set(tops);
  const holders = new Holders();
  while (stack.length > 0) {
    const node = stack.pop()!;
    const {span, children} = node;
    if (node.isDetached && !isTop.has(node)) continue;
    if (span?.kind === 'llm' && (span.totalTokens !== null || !holders.has(node))) calls.push(span);
    else for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]!);
  }
  return calls;
}

/** Nodes with a model call below them; each is looked at once, however often a chain of calls is asked about. */
class Holders {
  private readonly known = new Map<Node, boolean>();

  has(top: Node): boolean {
    if (top.children.length === 0) return false;
    const nodes = walk([top], node => this.known.has(node));
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]!;
      this.known.set(
        node,
        node.children.some(child => child.span?.kind === 'llm' || this.known.get(child)),
      );
    }
    return this.known.get(top)!;
  }
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

/** Tokens of the subtrees of a run, each summed from the leaves up when it is asked for first. */
export class SubtreeTokens {
  private readonly sums = new Map<Node, Tokens>();
  private readonly calls: ReadonlySet<Span>;

  constructor(tops: readonly Node[]) {
    this.calls = new Set(modelCalls(tops));
  }

  of(node: Node): Tokens {
    const {sums} = this;
    for (const inner of walk([node], child => sums.has(child)).reverse()) sums.set(inner, this.sum(inner));
    return sums.get(node)!;
  }

  private sum({span, children}: Node): Tokens {
    const parts: Tokens[] = span && this.calls.has(span) ? [sumTokens([span])] : [];
    for (const child of children) {
      const sum = child.isDetached ? NO_TOKENS : this.sums.get(child)!;
      if (sum !== NO_TOKENS) parts.push(sum);
    }
    return parts.length === 0 ? NO_TOKENS : parts.length === 1 ? parts[0]! : addUp(parts);
  }
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
