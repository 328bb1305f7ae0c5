import {expect, it} from 'vitest';
import {ShownIds} from '../../src/follow/shown.ts';

/** As many as are kept before the oldest go, twice over. */
const GENERATION = 1 << 19;
const id = (n: number) => (n + 1).toString(16).padStart(16, '0');

it('what was shown stays known for a generation more, and is forgotten then, so that memory stays bounded', () => {
  const shown = new ShownIds();
  const forgets: number[] = [];
  for (let n = 0; n <= 2 * GENERATION; n++) {
    if (shown.add(id(n))) forgets.push(n);
    // The first one of all, as the generation after it begins and as it ends.
    if (n === GENERATION || n === 2 * GENERATION - 1) expect([n, shown.has(id(0))]).toEqual([n, true]);
  }
  expect(forgets).toEqual([GENERATION, 2 * GENERATION]);
  expect([0, GENERATION - 1, GENERATION, 2 * GENERATION].map(n => shown.has(id(n)))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect(shown.has(id(2 * GENERATION + 1))).toBe(false);
});
