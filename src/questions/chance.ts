/*
 * How much difference chance alone would cause. Everything random has a fixed seed, and samples are sorted before
 * drawing, so that the same rows give the same answer in any order.
 */

/** Repeatable numbers in [0, 1). */
function seeded(): () => number {
  let state = 0x9e3779b9;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 0x100000000;
  };
}

const DRAWS = 400;
/** Larger samples are reduced to this many values; the spread is computed for the full size. */
const MOST_DRAWN = 300;

/** The value at a fraction of a sorted list, interpolated like Postgres' percentile_cont. */
export function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const low = sorted[Math.floor(place)]!;
  return low + (sorted[Math.ceil(place)]! - low) * (place - Math.floor(place));
}

/**
 * Logarithms of a quantile as other samples would have it: the position of a quantile in another sample of that size
 * is nearly normally distributed.
 * @param independent how many of the values are independent: those of one run are alike
 */
export function drawQuantiles(sorted: Float64Array, part: number, independent: number): Float64Array {
  const random = seeded();
  const spread = Math.sqrt((part * (1 - part)) / (independent + 1));
  return Float64Array.from({length: DRAWS}, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.log(Math.max(1e-9, quantile(sorted, Math.min(1, Math.max(0, part + spread * normal)))));
  });
}

/** One run's contribution to an average. */
export interface Share {
  readonly sum: number;
  readonly count: number;
}

/** Logarithms of an average over runs, as other samples of runs would have it. */
export function drawAverages(shares: readonly Share[]): Float64Array {
  const random = seeded();
  const sorted = [...shares].sort((a, b) => a.sum - b.sum || a.count - b.count);
  const size = Math.min(sorted.length, MOST_DRAWN);
  const whole = Math.log(Math.max(1e-9, averageOf(sorted)));
  const scale = Math.sqrt(size / sorted.length);
  return Float64Array.from({length: DRAWS}, () => {
    let [sum, count] = [0, 0];
    for (let i = 0; i < size; i++) {
      const share = sorted[Math.floor(random() * sorted.length)]!;
      sum += share.sum;
      count += share.count;
    }
    return whole + scale * (Math.log(Math.max(1e-9, sum / Math.max(1, count))) - whole);
  });
}

export function averageOf(shares: readonly Share[]): number {
  let [sum, count] = [0, 0];
  for (const share of shares) {
    sum += share.sum;
    count += share.count;
  }
  return sum / Math.max(1, count);
}

/** The standard error of the logarithm of an average over runs, computed without resampling. */
export function errorOfAverage(shares: readonly Share[]): number {
  const average = averageOf(shares);
  let [squares, count] = [0, 0];
  for (const share of shares) {
    squares += (share.sum - average * share.count) ** 2;
    count += share.count;
  }
  return Math.sqrt(squares) / Math.max(1e-9, average * count);
}

/** The standard error of the difference of two resampled figures. */
export function errorOf(before: Float64Array, after: Float64Array): number {
  return Math.sqrt(varianceOf(before) + varianceOf(after));
}

function varianceOf(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** The distance from the mean, in standard errors, that a normal value exceeds on one side with this probability. */
export function standardErrors(beyond: number): number {
  let [low, high] = [0, 40];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (normalTail(middle) > beyond) low = middle;
    else high = middle;
  }
  return low;
}

/** The upper tail of the normal distribution; a continued fraction far out, where a series would lose every digit. */
export function normalTail(z: number): number {
  if (z > 3) return Math.exp(logNormalTail(z));
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  let [term, sum] = [z, z];
  for (let k = 1; k < 200; k++) {
    term *= (z * z) / (2 * k + 1);
    sum += term;
  }
  return 0.5 - density * sum;
}

function logNormalTail(z: number): number {
  if (z <= 3) return Math.log(normalTail(z));
  let fraction = 0;
  for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
  return (-z * z) / 2 - Math.log(2 * Math.PI) / 2 - Math.log(z + fraction);
}

/** Of `all` runs, `marked` have a mark; `drawn` of them are examined. */
export interface Draw {
  readonly drawn: number;
  readonly marked: number;
  readonly all: number;
}

/**
 * Fisher's exact test: the probability that `found` or more of the drawn runs have the mark if it is unrelated to
 * being drawn. As a logarithm, because it may be far too small for a number.
 */
export function logChanceOf({found, ...draw}: Draw & {readonly found: number}): number {
  const most = Math.min(draw.drawn, draw.marked);
  const of = logDrawn(draw);
  const largest = of(Math.max(found, Math.round((draw.drawn * draw.marked) / Math.max(1, draw.all))));
  let sum = 0;
  for (let k = found; k <= most; k++) {
    const term = Math.exp(of(k) - largest);
    sum += term;
    if (term < sum * 1e-15 && k > found) break;
  }
  return Math.min(0, largest + Math.log(sum));
}

/** The logarithm of the probability that exactly this many have it. */
function logDrawn({drawn, marked, all}: Draw): (k: number) => number {
  const whole = logChoose(all, drawn);
  return k => logChoose(marked, k) + logChoose(all - marked, drawn - k) - whole;
}

/** Above this variance, a sum of draws is close enough to normal. */
const NORMAL_FROM = 200;

/**
 * Fisher's exact test of several groups together, each with its own share of marks (Cochran, Mantel and Haenszel):
 * the logarithm of the probability that this many or more have the mark in total.
 */
export function logChancesOfSum(draws: readonly Draw[]): (found: number) => number {
  if (draws.length === 1) return found => logChanceOf({found, ...draws[0]!});
  let [mean, variance] = [0, 0];
  for (const {drawn, marked, all} of draws) {
    mean += (drawn * marked) / all;
    variance += all < 2 ? 0 : (drawn * marked * (all - drawn) * (all - marked)) / (all * all * (all - 1));
  }
  if (variance > NORMAL_FROM) return found => logNormalTail((found - 0.5 - mean) / Math.sqrt(variance));
  let sums = Float64Array.of(1);
  for (const draw of draws) {
    const of = logDrawn(draw);
    const length = Math.min(draw.drawn, draw.marked) + 1;
    const next = new Float64Array(sums.length + length - 1);
    for (let k = 0; k < length; k++) {
      const chance = Math.exp(of(k));
      if (chance > 0) for (let i = 0; i < sums.length; i++) next[i + k]! += chance * sums[i]!;
    }
    sums = next;
  }
  // Small values first.
  for (let k = sums.length - 2; k >= 0; k--) sums[k]! += sums[k + 1]!;
  return found => Math.min(0, Math.log(Math.max(Number.MIN_VALUE, sums[found] ?? 0)));
}

const logChoose = (n: number, k: number): number =>
  k < 0 || k > n ? Number.NEGATIVE_INFINITY : logFactorial(n) - logFactorial(k) - logFactorial(n - k);

const LOG_FACTORIALS: number[] = [0, 0];
function logFactorial(n: number): number {
  if (n < 1000) {
    for (let i = LOG_FACTORIALS.length; i <= n; i++) LOG_FACTORIALS.push(LOG_FACTORIALS[i - 1]! + Math.log(i));
    return LOG_FACTORIALS[n]!;
  }
  // Stirling's series; the next term is below 1e-12.
  return (n + 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * n) - 1 / (360 * n ** 3);
}
