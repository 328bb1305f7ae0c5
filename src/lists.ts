/*
 * `push(...items)` and `Math.max(...items)` hand each item over on the engine's stack, which ends at some 120,000: a trace can
 * have more spans. These have no such end; a rule of the linter forbids the others.
 */

/** Adds all items to the end of a list. */
export function append<T>(list: T[], items: Iterable<T>): void {
  for (const item of items) list.push(item);
}

/** The largest number; of none −Infinity. */
export function largest(numbers: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const number of numbers) if (number > found) found = number;
  return found;
}

/** The smallest number; of none Infinity. */
export function smallest(numbers: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const number of numbers) if (number < found) found = number;
  return found;
}
