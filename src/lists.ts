/*
 * `push(...items)` and `Math.max(...items)` pass each item on the engine's stack, which is limited to about 120,000:
 * a trace can have more spans. These functions have no such limit; a rule of the linter forbids the others.
 */

/** Adds all items to the end of a list. */
export function append<T>(list: T[], items: Iterable<T>): void {
  for (const item of items) list.push(item);
}

/** The largest number; −Infinity if there are none. */
export function largest(numbers: Iterable<number>): number {
  let found = Number.NEGATIVE_INFINITY;
  for (const number of numbers) if (number > found) found = number;
  return found;
}

/** The smallest number; Infinity if there are none. */
export function smallest(numbers: Iterable<number>): number {
  let found = Number.POSITIVE_INFINITY;
  for (const number of numbers) if (number < found) found = number;
  return found;
}
