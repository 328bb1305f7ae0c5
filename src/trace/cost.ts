import type {Span} from './span.ts';

/** Who reported what a call costs: its provider, the user's price file, or the bundled price library. */
export type CostSource = 'provider' | 'file' | 'library';

/** The cost of one model call. */
export interface Cost {
  readonly usd: number;
  readonly source: CostSource;
  /** Date of the prices (`2026-09-23`); null for a provider's own figure and for a file that names none. */
  readonly date: string | null;
}

/** Where a sum of costs comes from. */
export interface CostOrigin {
  /** Null while the sum is unknown. */
  readonly costSource: CostSource | 'mixed' | null;
  /** Null if there is none, or more than one. */
  readonly costDate: string | null;
}

/** Calls of one model at one provider whose cost has the same source. */
export interface ModelCost extends CostOrigin {
  readonly model: string | null;
  readonly provider: string | null;
  readonly calls: number;
  /** Null: these calls have no price. */
  readonly costUsd: number | null;
}

/**
 * Calls that used tokens, have a known cost, or answered or were cut off without reporting their usage. A call that
 * failed before any of this does not count.
 */
export function isCounted({totalTokens, costUsd, spanStatus, hasOutput, toolCalls}: Span): boolean {
  if (totalTokens !== null || costUsd !== null) return true;
  return spanStatus !== 'ERROR' && (spanStatus === 'UNSET' || hasOutput || toolCalls.length > 0);
}

/** A sum without the noise of binary fractions: 12 digits are far finer than a cent of any bill. */
export function sumUsd(values: readonly number[]): number {
  return tidyUsd(values.reduce((total, value) => total + value, 0));
}

export function tidyUsd(value: number): number {
  return Number(value.toPrecision(12));
}

export function originOf(parts: readonly CostOrigin[]): CostOrigin {
  let source: CostOrigin['costSource'] = null;
  let date: string | null = null;
  let hasSeveralDates = false;
  for (const {costSource, costDate} of parts) {
    if (costSource !== null) source = source === null || source === costSource ? costSource : 'mixed';
    if (costDate === null) continue;
    if (date !== null && date !== costDate) hasSeveralDates = true;
    date = costDate;
  }
  return {costSource: source, costDate: hasSeveralDates ? null : date};
}

const GROUPED_BY = ['model', 'provider', 'costSource', 'costDate'] as const;

/** The cost of each model, most expensive first; calls without a price are rows of their own, at the end. */
export function costsByModel(calls: readonly Span[]): ModelCost[] {
  const groups = new Map<string, Span[]>();
  for (const call of calls.filter(isCounted)) {
    const key = JSON.stringify(GROUPED_BY.map(name => call[name]));
    const group = groups.get(key);
    if (group) group.push(call);
    else groups.set(key, [call]);
  }
  return [...groups.values()]
    .map(group => {
      const {model, provider, costSource, costDate} = group[0]!;
      const isKnown = costSource !== null;
      const costUsd = isKnown ? sumUsd(group.map(call => call.costUsd!)) : null;
      return {model, provider, calls: group.length, costUsd, costSource, costDate};
    })
    .sort((a, b) => (b.costUsd ?? -1) - (a.costUsd ?? -1));
}
