/** Something that is tested beside others. */
export interface Tested {
  /** Logarithm of how likely chance makes it; 0 where it matters to nobody. */
  readonly logChance: number;
  /**
   * How likely chance has it named, where what is less likely than this limit is named. At most the limit; less where chance
   * hardly makes a difference that matters, and where counts are so small that few chances are possible.
   */
  readonly alarmsAt: (limit: number) => number;
}

/**
 * The logarithm of the largest limit at which chance names at most this share of what is named, and where nothing differs names
 * something no more often than that. Benjamini and Hochberg's limit, by what each test can add to false alarms (Heyse) instead of
 * by how many tests there are.
 */
export function logLimitOf(tested: readonly Tested[], share: number): number {
  const likely = Math.log(0.5);
  const chances = tested.map(({logChance}) => logChance).filter(chance => chance < likely);
  chances.sort((a, b) => a - b);
  const named = chances.findLastIndex((chance, i) => alarmsOf(tested, chance) <= share * (i + 1)) + 1;
  return logLimitFor(tested, share * Math.max(1, named));
}

/** The logarithm of the largest limit at which chance names so many on average. */
export function logLimitFor(tested: readonly Tested[], alarms: number): number {
  let [low, high] = [Math.log(alarms / Math.max(1, tested.length)), Math.log(0.5)];
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (alarmsOf(tested, middle) <= alarms) low = middle;
    else high = middle;
  }
  return low;
}

/** How many chance names on average at a limit. */
export function alarmsOf(tested: readonly Tested[], logLimit: number): number {
  const limit = Math.exp(logLimit);
  return tested.reduce((sum, {alarmsAt}) => sum + alarmsAt(limit), 0);
}
