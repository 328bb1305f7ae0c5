import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {type ModelCost, sumUsd} from '../trace/cost.ts';
import type {RunRecord} from '../trace/record.ts';
import {count, usd} from './values.ts';

type Origin = Pick<ModelCost, 'costSource' | 'costDate'>;

/** Where costs come from, each source once: `reported by provider`, `prices of 2026-09-23`; empty if there are none. */
export function costOrigins(parts: readonly Origin[]): Safe[] {
  const origins = parts.flatMap(({costSource, costDate}) => {
    const of = costDate === null ? trusted('') : line` of ${safe(costDate)}`;
    if (costSource === 'library') return [line`prices${of}`];
    if (costSource === 'file') return [line`your prices${of}`];
    if (costSource === 'provider') return [trusted('reported by provider')];
    return costSource === null ? [] : [trusted(costSource)];
  });
  return [...new Set(origins)];
}

/** `2 of 5 model calls have no price`; null if all have one, or there are none. */
export function unpricedCalls(costs: readonly ModelCost[]): Safe | null {
  const callsOf = (some: readonly ModelCost[]) => some.reduce((sum, {calls}) => sum + calls, 0);
  const unknown = callsOf(costs.filter(({costSource}) => costSource === null));
  if (unknown === 0) return null;
  return line`${count(unknown)} of ${count(callsOf(costs))} model calls have no price`;
}

/** What a run cost, and according to whom; if not all its prices are known, the known part. A list of short facts. */
export function runCost({costs}: RunRecord): Safe[] {
  const unpriced = unpricedCalls(costs);
  const known = costs.filter(cost => cost.costUsd !== null);
  if (known.length === 0) return unpriced === null ? [] : [trusted('no price known')];
  const sum = line`${trusted(unpriced === null ? '' : 'at least ')}${usd(sumUsd(known.map(cost => cost.costUsd!)))}`;
  const [origin, ...others] = costOrigins(known);
  return [
    line`${sum} (${others.length === 0 ? origin! : trusted('mixed')})`,
    ...(others.length === 0 ? [] : [origin!, ...others]),
    ...(unpriced === null ? [] : [unpriced]),
  ];
}

/** Models by first use; if there are several, with the cost of each. */
export function modelsWithCost({models, costs}: RunRecord): Safe {
  const costOf = (model: string): number | null =>
    costs.reduce<number | null>(
      (sum, cost) => (cost.model === model && cost.costUsd !== null ? (sum ?? 0) + cost.costUsd : sum),
      null,
    );
  return joined(
    models.map(model => {
      const cost = models.length > 1 ? costOf(model) : null;
      return cost === null ? safe(model) : line`${safe(model)} ${usd(cost)}`;
    }),
    ', ',
  );
}
