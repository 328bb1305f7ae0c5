import {isCounted} from '../trace/cost.ts';
import type {Loop} from '../trace/loops.ts';
import type {Span} from '../trace/span.ts';
import {isRunSpan, type Node} from '../trace/tree.ts';

/** The totals of the counted model calls inside a node, including itself. */
export interface Sums {
  tokens: number | null;
  pusd: number | null;
  unpriced: number;
  /** The most used model; `own`: among the calls directly below a run. */
  most: string | null;
  own: ModelCounts | null;
  /** Calls by model, until the node above has merged them. */
  models: ModelCounts | null;
}

export const NO_SUMS: ReadonlyMap<Node, Sums> = new Map();

/** For every node with a model call inside. Each node is visited once, children first. */
export function sumsOf(nodes: readonly Node[], counted: ReadonlySet<Span>): ReadonlyMap<Node, Sums> {
  const sums = new Map<Node, Sums>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    const {span, parent} = node;
    if (span && counted.has(span)) {
      const cost = costOf(span);
      const own: Sums = {
        tokens: span.totalTokens,
        pusd: cost,
        unpriced: Number(isCounted(span) && cost === null),
        models: span.model === null ? null : new ModelCounts().add(span.model, 1),
        most: null,
        own: null,
      };
      sums.set(node, own);
    }
    const below = sums.get(node);
    if (!below) continue;
    below.most = below.models?.most ?? null;
    if (!parent) continue;
    const above = sums.get(parent) ?? {tokens: null, pusd: null, unpriced: 0, models: null, most: null, own: null};
    sums.set(parent, above);
    above.tokens = plus(above.tokens, below.tokens);
    above.pusd = plus(above.pusd, below.pusd);
    above.unpriced += below.unpriced;
    if (below.models === null) continue;
    if (span?.kind === 'llm' && parent.span && isRunSpan(parent.span))
      above.own = (above.own ?? new ModelCounts()).addAll(below.models);
    // The smaller map is merged into the larger one: otherwise a chain of runs would copy all of its models at every
    // step.
    if (above.models === null) above.models = below.models;
    else if (above.models.size >= below.models.size) above.models.addAll(below.models);
    else above.models = below.models.addAll(above.models);
    below.models = null;
  }
  return sums;
}

function plus(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}

/** Number of calls of each model. */
class ModelCounts {
  private readonly counts = new Map<string, number>();
  /** The most frequent; of equals, the first by name. */
  most = '';
  private mostCalls = 0;

  get size(): number {
    return this.counts.size;
  }

  add(name: string, calls: number): this {
    const all = (this.counts.get(name) ?? 0) + calls;
    this.counts.set(name, all);
    if (all > this.mostCalls || (all === this.mostCalls && name < this.most)) {
      this.most = name;
      this.mostCalls = all;
    }
    return this;
  }

  addAll(others: ModelCounts): this {
    for (const [name, calls] of others.counts) this.add(name, calls);
    return this;
  }
}

/** The cost of the repeats and of the model calls for them, including everything inside them. */
export function wasteOf(
  {repeats, asks}: Loop,
  sums: ReadonlyMap<Node, Sums>,
): Pick<Sums, 'tokens' | 'pusd' | 'unpriced'> {
  const waste = {tokens: null as number | null, pusd: null as number | null, unpriced: 0};
  for (const node of [...repeats, ...asks]) {
    const sum = sums.get(node);
    if (!sum) continue;
    waste.tokens = plus(waste.tokens, sum.tokens);
    waste.pusd = plus(waste.pusd, sum.pusd);
    waste.unpriced += sum.unpriced;
  }
  return waste;
}

export function costOf({costUsd}: Span): number | null {
  return costUsd === null ? null : pusd(costUsd);
}

/** US dollars times 10^12, so that sums are exact. */
export function pusd(usd: number): number {
  return wholeNumber(usd * 1e12)!;
}

export function wholeNumber(value: number | null): number | null {
  return value !== null && Number.isFinite(value) && Math.abs(value) < 2 ** 53 ? Math.round(value) : null;
}
