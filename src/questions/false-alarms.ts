/** One of several tests. */
export interface Tested {
  /** Logarithm of the probability of this result by chance; 0 if the difference does not matter. */
  readonly logChance: number;
  /**
   * The probability that chance alone gets this reported, if results below this limit are reported. At most the
   * limit; lower if chance rarely causes a difference that matters, or if counts are so small that only few results
   * are possible.
   */
  readonly alarmsAt: (limit: number) => number;
}

/**
 * The logarithm of the largest limit at which at most this share of all reported results is due to chance and, if
 * nothing differs, something is reported no more often than that. This is Benjamini and Hochberg's limit, with the
 * false alarms that each test can cause (Heyse) instead of the number of tests.
 */
export function logLimitOf(tested: readonly Tested[], share: number): number {
  const likely = Math.log(0.5);
  const chances = tested.map(({logChance}) => logChance).filter(chance => chance < likely);
  chances.sort((a, b) => a - b);
  const named = chances.findLastIndex((chance, i) => alarmsOf(tested, chance) <= share * (i + 1)) + 1;
  return logLimitFor(tested, share * Math.max(1, named));
}

/** The logarithm of the largest limit at which chance causes this many reports on average. */
export function logLimitFor(tested: readonly Tested[], alarms: number): number {
  let [low, high] = [Math.log(alarms / Math.max(1, tested.length)), Math.log(0.5)];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (alarmsOf(tested, middle) <= alarms) low = middle;
    else high = middle;
  }
  return low;
}

/** How many reports chance causes on average at a limit. */
export function alarmsOf(tested: readonly Tested[], logLimit: number): number {
  const limit = Math.exp(logLimit);
  return tested.reduce((sum, {alarmsAt}) => sum + alarmsAt(limit), 0);
}
