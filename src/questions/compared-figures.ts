import type {Facts} from '../facts/facts.ts';
import {smallest} from '../lists.ts';
import type {Sql} from '../sql/sql.ts';
import {
  averageOf,
  drawAverages,
  drawQuantiles,
  errorOf,
  errorOfAverage,
  logChanceOf,
  quantile,
  type Share,
} from './chance.ts';
import type {Item, Items, Side} from './compared-items.ts';

/** Minimum number of runs on each side for a comparison. */
export const FEWEST_RUNS = 20;
/** With this many, five are beyond the 95th percentile. */
export const FEWEST_FOR_P95 = 100;
export const LEAST_FACTOR = 1.25;

interface FigureOf {
  readonly noun: string;
  /** Its name if it rose, and if it fell. */
  readonly words: readonly [string, string];
  readonly unit: 'ms' | 'count' | 'rate' | 'usd' | 'ratio';
  /** A smaller difference does not matter to anybody. */
  readonly least: number;
}

export const FIGURES = {
  p50: {noun: 'time', words: ['slower', 'faster'], unit: 'ms', least: 50},
  p95: {
    noun: 'time of the slowest twentieth',
    words: ['slower in the slowest twentieth', 'faster in the slowest twentieth'],
    unit: 'ms',
    least: 200,
  },
  failures: {noun: 'failures', words: ['fails more often', 'fails less often'], unit: 'ratio', least: 0.03},
  tokens: {noun: 'tokens', words: ['more tokens', 'fewer tokens'], unit: 'count', least: 50},
  cost: {noun: 'cost', words: ['dearer', 'cheaper'], unit: 'usd', least: 0.0005},
  calls: {noun: 'calls per run', words: ['more calls per run', 'fewer calls per run'], unit: 'rate', least: 0.2},
  repeats: {
    noun: 'calls per run with any',
    words: ['more calls per run with any', 'fewer calls per run with any'],
    unit: 'rate',
    least: 0.2,
  },
  chars: {noun: 'length of results', words: ['longer results', 'shorter results'], unit: 'count', least: 200},
} as const satisfies Readonly<Record<string, FigureOf>>;
type FigureName = keyof typeof FIGURES;

/** The logarithm of a factor; for shares, the difference. */
interface Difference {
  readonly difference: number;
  /** Its standard error; null: the difference is too small to matter. */
  readonly error: number | null;
  /** The standard error if nothing differs, and the rise and the fall that would then matter. */
  readonly usual: {readonly error: number; readonly rise: number; readonly fall: number};
  readonly isShare: boolean;
}

/** A figure on both sides, before the others to compare are known. */
export interface Compared {
  readonly of: string;
  readonly name: string;
  readonly within: string | null;
  readonly figure: FigureName | 'error' | 'seen';
  readonly unit: FigureOf['unit'];
  readonly before: number | null;
  readonly after: number | null;
  readonly runs: readonly [number, number];
  /** False: too few on a side. */
  readonly isEnough: boolean;
  readonly tested: Difference | null;
  /**
   * For something on one side only: the probability of that by chance, and the probability that it is only on the
   * other side.
   */
  readonly oneSided: {readonly logChance: number; readonly otherLogChance: number} | null;
  /** Number of the run to look at. */
  readonly sample: number | null;
}

/** Figures of a component, step, tool or model; of one that is called within another, only how often. */
export function figuresOf(items: Items, item: Item): Compared[] {
  const {of, name, within, sides} = item;
  const isCall = of === 'tool' || of === 'model';
  const base = {of, name, within, oneSided: null};
  const sample = sides[1].slowest?.run ?? null;
  const shares = [items.callsPerRun(item, 0), items.callsPerRun(item, 1)] as const;
  const most = mostOf(sides[1].calls);
  const calls = averages({...base, figure: 'calls', sample: most}, shares);
  if (within !== null) {
    // Runs without a call hide how often the others make it: they cause most of the random variation of the average.
    const some = [shares[0].filter(({sum}) => sum > 0), shares[1].filter(({sum}) => sum > 0)] as const;
    const isOther = some[0].length < shares[0].length || some[1].length < shares[1].length;
    return isOther ? [calls, averages({...base, figure: 'repeats', sample: most}, some)] : [calls];
  }
  const sharesOf = (pick: 'tokens' | 'cost'): [Share[], Share[]] => [
    [...sides[0][pick].values()],
    [...sides[1][pick].values()],
  ];
  const runs = [sides[0].runs.size, sides[1].runs.size] as const;
  const ms = [Float64Array.from(sides[0].ms).sort(), Float64Array.from(sides[1].ms).sort()] as const;
  const p50 = quantiles({...base, figure: 'p50', sample}, ms, 0.5, runs);
  const p95 = quantiles({...base, figure: 'p95', sample}, ms, 0.95, runs);
  const chars = [Float64Array.from(sides[0].chars).sort(), Float64Array.from(sides[1].chars).sort()] as const;
  return [
    p50,
    p95,
    failuresOf({...base, figure: 'failures', sample: sides[1].failed}, [failedIn(item, 0), failedIn(item, 1)]),
    ...(of === 'tool' ? [quantiles({...base, figure: 'chars', sample}, chars, 0.5, runs)] : []),
    ...(of === 'tool'
      ? []
      : [averages({...base, figure: 'tokens', sample: dearest(sides[1].tokens)}, sharesOf('tokens'))]),
    ...(of === 'tool' ? [] : [averages({...base, figure: 'cost', sample: dearest(sides[1].cost)}, sharesOf('cost'))]),
    ...(isCall ? [] : [calls]),
  ].filter(({before, after}) => before !== null || after !== null);
}

const mostOf = (calls: ReadonlyMap<number, number>) => keyOfMost([...calls]);
const dearest = (sums: ReadonlyMap<number, Share>) => keyOfMost([...sums].map(([run, {sum}]) => [run, sum] as const));
function keyOfMost(entries: readonly (readonly [number, number])[]): number | null {
  let most: readonly [number, number] | null = null;
  for (const entry of entries) {
    if (!most || entry[1] > most[1] || (entry[1] === most[1] && entry[0] > most[0])) most = entry;
  }
  return most?.[0] ?? null;
}

type Begun = Pick<Compared, 'of' | 'name' | 'within' | 'oneSided' | 'sample'> & {readonly figure: FigureName};

function quantiles(
  begun: Begun,
  [before, after]: readonly [Float64Array, Float64Array],
  part: number,
  runs: readonly [number, number],
): Compared {
  const fewest = part === 0.5 ? FEWEST_RUNS : FEWEST_FOR_P95;
  const independent = [Math.min(runs[0], before.length), Math.min(runs[1], after.length)] as const;
  const isEnough = smallest(independent) >= fewest;
  const values = [before, after].map(of => (of.length === 0 ? null : quantile(of, part)));
  const error = () => errorOf(drawQuantiles(before, part, independent[0]), drawQuantiles(after, part, independent[1]));
  return compared(begun, values, independent, {isEnough, error, usualError: error});
}

function averages(begun: Begun, [before, after]: readonly [readonly Share[], readonly Share[]]): Compared {
  const runs = [before.length, after.length] as const;
  const isEnough = smallest(runs) >= FEWEST_RUNS;
  // Costs are added as whole numbers, so their order does not matter.
  const scale = begun.figure === 'cost' ? 1e12 : 1;
  const values = [before, after].map(of => (of.length === 0 ? null : averageOf(of) / scale));
  return compared(begun, values, runs, {
    isEnough,
    error: () => errorOf(drawAverages(before), drawAverages(after)),
    usualError: () => Math.hypot(errorOfAverage(before), errorOfAverage(after)),
  });
}

/** A figure that differs by a factor. */
function compared(
  begun: Begun,
  values: readonly (number | null)[],
  runs: readonly [number, number],
  {isEnough, error, usualError}: {isEnough: boolean; error: () => number; usualError: () => number},
): Compared {
  const [before = null, after = null] = values;
  const {unit, least} = FIGURES[begun.figure];
  const difference = before !== null && after !== null && before > 0 && after > 0 ? Math.log(after / before) : null;
  if (!isEnough || difference === null) return {...begun, unit, before, after, runs, isEnough, tested: null};
  const factor = Math.log(LEAST_FACTOR);
  const matters = Math.abs(difference) >= factor && Math.abs(after! - before!) >= least;
  const usual = {
    error: usualError(),
    rise: Math.max(factor, Math.log1p(least / before!)),
    fall: least < before! ? Math.max(factor, -Math.log1p(-least / before!)) : Number.POSITIVE_INFINITY,
  };
  // Resamples runs only for a difference that would matter.
  const tested = {difference, error: matters ? error() : null, usual, isShare: false};
  return {...begun, unit, before, after, runs, isEnough, tested};
}

interface Failures {
  readonly runs: number;
  readonly failed: number;
}

/** Runs with it, and those in which it failed: two failures in one run have one reason. */
function failedIn({sides}: Item, side: Side): Failures {
  let failed = 0;
  for (const hasFailed of sides[side].runs.values()) failed += hasFailed;
  return {runs: sides[side].runs.size, failed};
}

/**
 * A figure that differs in its share of runs. Agresti and Caffo's two additional runs on each side keep it reliable
 * if nothing failed.
 */
function failuresOf(begun: Begun, [before, after]: readonly [Failures, Failures]): Compared {
  const isEnough = Math.min(before.runs, after.runs) >= FEWEST_RUNS;
  const share = ({runs, failed}: Failures) => (runs === 0 ? null : failed / runs);
  const guarded = ({runs, failed}: Failures) => (failed + 1) / (runs + 2);
  const variance = (of: Failures) => (guarded(of) * (1 - guarded(of))) / (of.runs + 2);
  const [from, to] = [share(before), share(after)];
  const matters =
    from !== null &&
    to !== null &&
    Math.abs(to - from) >= FIGURES.failures.least &&
    Math.max(from, to) >= LEAST_FACTOR * Math.min(from, to);
  const error = Math.sqrt(variance(before) + variance(after));
  const usual = {
    error,
    rise: Math.max(FIGURES.failures.least, (LEAST_FACTOR - 1) * (from ?? 0)),
    fall: Math.max(FIGURES.failures.least, (1 - 1 / LEAST_FACTOR) * (from ?? 0)),
  };
  return {
    ...begun,
    unit: 'ratio',
    before: from,
    after: to,
    runs: [before.runs, after.runs],
    isEnough,
    tested: isEnough
      ? {difference: guarded(after) - guarded(before), error: matters ? error : null, usual, isShare: true}
      : null,
  };
}

/** A tool or model that is on one side only: overall, or among those that one component calls. */
export function seenOf(items: Items, {of, name, within, sides}: Item, all: readonly [number, number]): Compared[] {
  if (of !== 'tool' && of !== 'model') return [];
  const runs = [sides[0].calls.size || sides[0].runs.size, sides[1].calls.size || sides[1].runs.size] as const;
  if (smallest(runs) > 0) return [];
  const callers = within === null ? all : items.runsOf(within);
  const sample = sides[1].slowest?.run ?? mostOf(sides[1].calls);
  return [onOneSide({of, name, within, sample, figure: 'seen'}, runs, callers)];
}

/** For each cause of errors, the number of runs that have it. */
export function errorsOf(facts: Facts, causes: Sql, all: readonly [number, number]): Compared[] {
  interface Cause {
    readonly runs: [number, number];
    newest: number | null;
    readonly kind: string;
    readonly name: string | null;
    readonly shape: string | null;
  }
  const found = new Map<string, Cause>();
  for (const row of facts.all<{
    side: Side;
    kind: string;
    name: string | null;
    errorKind: string | null;
    shape: string | null;
    runs: number;
    newest: number;
  }>(causes)) {
    const key = JSON.stringify([row.kind, row.name, row.errorKind, row.shape]);
    const cause = found.get(key) ?? {runs: [0, 0], newest: null, kind: row.kind, name: row.name, shape: row.shape};
    found.set(key, cause);
    cause.runs[row.side] = row.runs;
    if (row.side === 1) cause.newest = row.newest;
  }
  return [...found.values()].map(({runs, newest, kind, name, shape}) => {
    const base = {of: 'error', name: `${name ?? kind}: ${shape ?? 'no message'}`, within: null, sample: newest};
    if (smallest(runs) === 0) return onOneSide({...base, figure: 'error'}, runs, all);
    const sides = [
      {runs: all[0], failed: runs[0]},
      {runs: all[1], failed: runs[1]},
    ] as const;
    return failuresOf({...base, figure: 'failures', oneSided: null}, sides);
  });
}

function onOneSide(
  base: Pick<Compared, 'of' | 'name' | 'within' | 'sample' | 'figure'>,
  runs: readonly [number, number],
  all: readonly [number, number],
): Compared {
  const isNew = runs[0] === 0;
  const share = (side: Side) => (all[side] === 0 ? null : runs[side] / all[side]);
  const found = runs[0] + runs[1];
  const aloneOn = (side: Side) => logChanceOf({found, drawn: all[side], marked: found, all: all[0] + all[1]});
  return {
    ...base,
    unit: 'ratio',
    before: isNew ? null : share(0),
    after: isNew ? share(1) : null,
    runs,
    isEnough: smallest(all) >= FEWEST_RUNS,
    tested: null,
    oneSided: {logChance: aloneOn(isNew ? 1 : 0), otherLogChance: aloneOn(isNew ? 0 : 1)},
  };
}
