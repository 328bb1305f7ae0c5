/*
 * How much of a difference chance alone would make. Everything random has a fixed seed, and samples are sorted before anything is drawn
 * of them, so that the same rows give the same answer in whatever order they came.
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
/** Of a larger sample so many are drawn, and the spread is reckoned for all of it. */
const MOST_DRAWN = 300;

/** The value at a part of a sorted list, interpolated as Postgres' percentile_cont. */
export function quantile(sorted: Float64Array, part: number): number {
  const place = part * (sorted.length - 1);
  const low = sorted[Math.floor(place)]!;
  return low + (sorted[Math.ceil(place)]! - low) * (place - Math.floor(place));
}

/**
 * Logarithms of a quantile as other samples would have it: the place of a quantile in another sample of that size is all but
 * normally distributed.
 * @param independent how many of the values tell something of their own: those of one run are alike
 */
export function drawQuantiles(sorted: Float64Array, part: number, independent: number): Float64Array {
  const random = seeded();
  const spread = Math.sqrt((part * (1 - part)) / (independent + 1));
  return Float64Array.from({length: DRAWS}, () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.log(Math.max(1e-9, quantile(sorted, Math.min(1, Math.max(0, part + spread * normal)))));
  });
}

/** What one run adds to an average. */
export interface Share {
  readonly sum: number;
  readonly count: number;
}

/** Logarithms of an average over runs as other samples of runs would have it. */
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

/** The standard error of a difference of two figures that were drawn. */
export function errorOf(before: Float64Array, after: Float64Array): number {
  return Math.sqrt(varianceOf(before) + varianceOf(after));
}

function varianceOf(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

/** So many standard errors lie on either side of a normal figure with this probability that it is beyond. */
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
function normalTail(z: number): number {
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z > 3) {
    let fraction = 0;
    for (let k = 60; k > 0; k--) fraction = k / (z + fraction);
    return density / (z + fraction);
  }
  let [term, sum] = [z, z];
  for (let k = 1; k < 200; k++) {
    term *= (z * z) / (2 * k + 1);
    sum += term;
  }
  return 0.5 - density * sum;
}

/**
 * Fisher's exact test: of `all` runs `marked` bear a mark, and `drawn` of them are looked at; how likely it is that `found` or more
 * of these bear it when the mark has nothing to do with it. As a logarithm, as it may be far too small for a number.
 */
export function logChanceOf({
  found,
  drawn,
  marked,
  all,
}: {
  found: number;
  drawn: number;
  marked: number;
  all: number;
}): number {
  const most = Math.min(drawn, marked);
  const of = (k: number) => logChoose(marked, k) + logChoose(all - marked, drawn - k);
  const whole = logChoose(all, drawn);
  const largest = of(Math.max(found, Math.round((drawn * marked) / Math.max(1, all))));
  let sum = 0;
  for (let k = found; k <= most; k++) {
    const term = Math.exp(of(k) - largest);
    sum += term;
    if (term < sum * 1e-15 && k > found) break;
  }
  return Math.min(0, largest + Math.log(sum) - whole);
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
