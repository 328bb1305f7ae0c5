import {append} from '../../lists.ts';

/** Indices in two lists; null: nothing corresponds. */
export type Pairing = readonly [number | null, number | null];

/**
 * Maximum cells of the table of one comparison; larger ones are divided at items that are unique in both, then paired
 * greedily.
 */
const MOST_CELLS = 4_000_000;
/** How far ahead to search for a pair if the lists are too long to weigh everything. */
const LOOK_AHEAD = 64;

/**
 * Matches the items of two lists in order, with the greatest total weight.
 * @param weigh 0: they do not match
 * @param keys equal keys have the greatest weight; they divide long lists into short ones
 * @returns every item of either list once, in an order that keeps both
 */
export function pairUp<T>(
  a: readonly T[],
  b: readonly T[],
  weigh: (x: T, y: T) => number,
  keys: (item: T) => string,
): Pairing[] {
  const pairs: Pairing[] = [];
  const keysA = a.map(keys);
  const keysB = b.map(keys);
  let from = 0;
  while (from < a.length && from < b.length && keysA[from] === keysB[from]) pairs.push([from, from++]);
  let endA = a.length;
  let endB = b.length;
  while (endA > from && endB > from && keysA[endA - 1] === keysB[endB - 1]) {
    endA--;
    endB--;
  }
  append(pairs, between({a, b, weigh, keysA, keysB}, [from, endA], [from, endB]));
  for (let i = 0; endA + i < a.length; i++) pairs.push([endA + i, endB + i]);
  return pairs;
}

interface Lists<T> {
  readonly a: readonly T[];
  readonly b: readonly T[];
  readonly weigh: (x: T, y: T) => number;
  readonly keysA: readonly string[];
  readonly keysB: readonly string[];
}

type Span = readonly [from: number, end: number];

function between<T>(lists: Lists<T>, [fromA, endA]: Span, [fromB, endB]: Span): Pairing[] {
  const sizeA = endA - fromA;
  const sizeB = endB - fromB;
  if (sizeA * sizeB <= MOST_CELLS) return weighed(lists, [fromA, endA], [fromB, endB]);
  const anchors = uniquePairs(lists, [fromA, endA], [fromB, endB]);
  if (anchors.length === 0) return greedy(lists, [fromA, endA], [fromB, endB]);
  const pairs: Pairing[] = [];
  let [i, j] = [fromA, fromB];
  for (const [x, y] of anchors) {
    append(pairs, between(lists, [i, x], [j, y]));
    pairs.push([x, y]);
    [i, j] = [x + 1, y + 1];
  }
  return [...pairs, ...between(lists, [i, endA], [j, endB])];
}

/** The matching with the greatest weight, using a table over all suffixes. */
function weighed<T>({a, b, weigh}: Lists<T>, [fromA, endA]: Span, [fromB, endB]: Span): Pairing[] {
  const [n, m] = [endA - fromA, endB - fromB];
  const steps = new Uint8Array((n + 1) * (m + 1));
  let before = new Float64Array(m + 1);
  let now = new Float64Array(m + 1);
  // From the end, so that among equal items the first ones match first.
  for (let i = n - 1; i >= 0; i--) {
    for (let j = m - 1; j >= 0; j--) {
      const weight = weigh(a[fromA + i]!, b[fromB + j]!);
      const paired = weight > 0 ? weight + before[j + 1]! : -1;
      const skipA = before[j]!;
      const skipB = now[j + 1]!;
      const best = Math.max(paired, skipA, skipB);
      now[j] = best;
      steps[i * (m + 1) + j] = paired === best ? 0 : skipA === best ? 1 : 2;
    }
    now[m] = 0;
    [before, now] = [now, before];
  }
  const pairs: Pairing[] = [];
  let [i, j] = [0, 0];
  while (i < n && j < m) {
    const step = steps[i * (m + 1) + j]!;
    pairs.push([step === 2 ? null : fromA + i, step === 1 ? null : fromB + j]);
    if (step !== 2) i++;
    if (step !== 1) j++;
  }
  for (; i < n; i++) pairs.push([fromA + i, null]);
  for (; j < m; j++) pairs.push([null, fromB + j]);
  return pairs;
}

/** Items whose key occurs once in each list, as many as keep their order. */
function uniquePairs<T>({keysA, keysB}: Lists<T>, [fromA, endA]: Span, [fromB, endB]: Span): [number, number][] {
  const once = (keys: readonly string[], from: number, end: number) => {
    const places = new Map<string, number>();
    for (let i = from; i < end; i++) places.set(keys[i]!, places.has(keys[i]!) ? -1 : i);
    return places;
  };
  const inB = once(keysB, fromB, endB);
  const pairs: [number, number][] = [];
  for (const [key, i] of once(keysA, fromA, endA)) {
    const j = inB.get(key) ?? -1;
    if (i >= 0 && j >= 0) pairs.push([i, j]);
  }
  pairs.sort(([x], [y]) => x - y);
  // The longest subsequence of them that increases in both.
  const ends: number[] = [];
  const previous: number[] = new Array(pairs.length).fill(-1);
  for (let k = 0; k < pairs.length; k++) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[ends[middle]!]![1] < pairs[k]![1]) low = middle + 1;
      else high = middle;
    }
    previous[k] = low > 0 ? ends[low - 1]! : -1;
    ends[low] = k;
  }
  const longest: [number, number][] = [];
  for (let k = ends.at(-1) ?? -1; k >= 0; k = previous[k]!) longest.push(pairs[k]!);
  return longest.reverse();
}

function greedy<T>({a, b, weigh}: Lists<T>, [fromA, endA]: Span, [fromB, endB]: Span): Pairing[] {
  const pairs: Pairing[] = [];
  let [i, j] = [fromA, fromB];
  while (i < endA && j < endB) {
    let ahead = 0;
    const belongs = (x: number, y: number) => x < endA && y < endB && weigh(a[x]!, b[y]!) > 0;
    while (ahead < LOOK_AHEAD && !belongs(i + ahead, j) && !belongs(i, j + ahead)) ahead++;
    if (belongs(i + ahead, j)) for (const end = i + ahead; i < end; i++) pairs.push([i, null]);
    else if (belongs(i, j + ahead)) for (const end = j + ahead; j < end; j++) pairs.push([null, j]);
    else {
      pairs.push([i++, null], [null, j++]);
      continue;
    }
    pairs.push([i++, j++]);
  }
  for (; i < endA; i++) pairs.push([i, null]);
  for (; j < endB; j++) pairs.push([null, j]);
  return pairs;
}
