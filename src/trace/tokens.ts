import {finish, type Work} from '../turns.ts';
import {type CostOrigin, isCounted, originOf, sumUsd} from './cost.ts';
import type {Span} from './span.ts';
import {type Node, walk} from './tree.ts';

/** Sums over model calls; null if none of the calls reports the figure. */
export interface Tokens extends CostOrigin {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly cachedTokens: number | null;
  /** Including cached tokens, whatever the provider's own prompt count leaves out. */
  readonly totalTokens: number | null;
  readonly cacheWriteTokens: number | null;
  /** The prompts including tokens read from and written to the cache (`prompt-tokens.ts`). */
  readonly grossPromptTokens: number | null;
  /** For some call it is unknown whether its count includes cached tokens. */
  readonly grossPromptEstimated: boolean;
  /** Null unless every counted call has a cost: half a sum is no sum. */
  readonly costUsd: number | null;
  /** Calls that used tokens, or may have, and have no cost. */
  readonly costUnknownCalls: number;
}

export const NO_TOKENS: Tokens = {
  promptTokens: null,
  completionTokens: null,
  cachedTokens: null,
  totalTokens: null,
  cacheWriteTokens: null,
  grossPromptTokens: null,
  grossPromptEstimated: false,
  costUsd: null,
  costSource: null,
  costDate: null,
  costUnknownCalls: 0,
};

const COUNTS = [
  'promptTokens',
  'completionTokens',
  'cachedTokens',
  'totalTokens',
  'cacheWriteTokens',
  'grossPromptTokens',
] as const satisfies readonly (keyof Tokens)[];
type Count = (typeof COUNTS)[number];

/**
 * Model calls of a subtree, each once. A model class that calls another one inside itself writes two spans for one
 * call, so nothing is counted below a call that has counts (docs/agno.md, Topology).
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

/** Nodes with a model call below them; each node is visited once, however long a chain of calls is. */
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
  const counted = calls.filter(isCounted);
  const costs = counted.map(call => call.costUsd).filter(cost => cost !== null);
  return {...counts(calls), ...costOf(costs, counted.length - costs.length, counted)};
}

/** Share of the prompts that was read from the provider's cache, 0 to 1; null also if the counts contradict each other. */
export function cacheHitRate({cachedTokens: cached, grossPromptTokens: prompt}: Tokens): number | null {
  return cached === null || prompt === null || prompt === 0 || cached > prompt ? null : cached / prompt;
}

type Counts = Pick<Tokens, Count | 'grossPromptEstimated'>;

function counts(parts: readonly Counts[]): Counts {
  const sums: Record<Count, number | null> & {grossPromptEstimated: boolean} = {
    promptTokens: null,
    completionTokens: null,
    cachedTokens: null,
    totalTokens: null,
    cacheWriteTokens: null,
    grossPromptTokens: null,
    grossPromptEstimated: false,
  };
  for (const part of parts) {
    for (const key of COUNTS) if (part[key] !== null) sums[key] = (sums[key] ?? 0) + part[key];
    if (part.grossPromptEstimated) sums.grossPromptEstimated = true;
  }
  return sums;
}

function costOf(costs: readonly number[], costUnknownCalls: number, parts: readonly CostOrigin[]) {
  const isKnown = costs.length > 0 && costUnknownCalls === 0;
  return {
    costUsd: isKnown ? sumUsd(costs) : null,
    ...(isKnown ? originOf(parts) : {costSource: null, costDate: null}),
    costUnknownCalls,
  };
}

/** Nodes between two yields. */
const AT_ONCE = 500;

/** Tokens of the subtrees of a run; each is summed from the leaves up on first use. */
export class SubtreeTokens {
  private readonly sums = new Map<Node, Tokens>();
  private readonly calls: ReadonlySet<Span>;

  constructor(tops: readonly Node[]) {
    this.calls = new Set(modelCalls(tops));
  }

  of(node: Node): Tokens {
    return finish(this.summing(node));
  }

  *summing(node: Node): Work<Tokens> {
    const {sums} = this;
    const isDone = (inner: Node) => sums.has(inner) || (inner.isDetached && inner !== node);
    for (const [i, inner] of walk([node], isDone).reverse().entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) yield;
      sums.set(inner, this.sum(inner));
    }
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
  const costs = parts.map(part => part.costUsd).filter(cost => cost !== null);
  const unknown = parts.reduce((total, part) => total + part.costUnknownCalls, 0);
  return {...counts(parts), ...costOf(costs, unknown, parts)};
}

/** The model and provider of most calls, and all models by first use. */
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
