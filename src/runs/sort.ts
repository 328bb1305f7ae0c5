import type {Prices} from '../prices/prices.ts';
import type {Store} from '../store/store.ts';
import {type RunFilter, withQueryFlags} from '../trace/filter.ts';
import type {JudgedRun} from '../trace/record.ts';
import type {Patience} from '../trace/runs.ts';
import {RUN_FIGURES, type SortKey} from './sort-keys.ts';
import {walkRuns} from './walk.ts';

export interface SortedOptions {
  readonly filter: RunFilter;
  readonly key: SortKey;
  readonly descending: boolean;
  /** Runs wanted; 0: all. */
  readonly limit: number;
  readonly patience: Patience;
  readonly prices?: Prices;
  /** One row per run, not one per part. */
  readonly folds?: boolean;
  readonly onProgress?: (spans: number) => void;
}

export interface SortedRuns {
  readonly runs: readonly JudgedRun[];
  /** How many runs match; `runs` are the first of them. */
  readonly matched: number;
}

/** The first runs in an order other than by time: reads every matching run, and keeps only those that may be shown. */
export async function loadSortedRuns(store: Store, options: SortedOptions): Promise<SortedRuns> {
  const {key, descending, limit, patience, prices, folds, onProgress} = options;
  const figure = RUN_FIGURES[key];
  const compare = (a: JudgedRun, b: JudgedRun): number => {
    const [left, right] = [figure(a), figure(b)];
    if (left === null || right === null) return left === right ? 0 : left === null ? 1 : -1;
    return descending ? right - left : left - right;
  };
  const kept: JudgedRun[] = [];
  // Sorting is stable, so runs with the same figure stay newest first.
  const cut = () => {
    kept.sort(compare);
    if (limit !== 0) kept.splice(limit);
  };
  let matched = 0;
  const walk = {
    filter: withQueryFlags(options.filter),
    patience,
    prices,
    folds,
    from: null,
    firstStretch: Number.POSITIVE_INFINITY,
  };
  for await (const judged of walkRuns(store, {...walk, onProgress})) {
    matched++;
    kept.push(judged);
    if (limit !== 0 && kept.length >= 2 * limit) cut();
  }
  cut();
  return {runs: kept, matched};
}
