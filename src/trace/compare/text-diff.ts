import {pairUp} from './sequence.ts';

/** A pair of lines to show side by side; null: this text has none. */
export interface DiffLine {
  readonly a: string | null;
  readonly b: string | null;
  readonly isSame: boolean;
}

/** Ranges of a line that the other one does not have, in JavaScript's units. */
export type Changed = readonly (readonly [number, number])[];

/** Lines of two texts in order; differing lines are paired while both texts have some. */
export function diffLines(a: string, b: string): DiffLine[] {
  const [linesA, linesB] = [a.split('\n'), b.split('\n')];
  const rows: DiffLine[] = [];
  let [removed, added]: [string[], string[]] = [[], []];
  const flush = () => {
    for (let i = 0; i < Math.max(removed.length, added.length); i++)
      rows.push({a: removed[i] ?? null, b: added[i] ?? null, isSame: false});
    [removed, added] = [[], []];
  };
  const isSame = (x: string, y: string) => (x === y ? 1 : 0);
  for (const [i, j] of pairUp(linesA, linesB, isSame, line => line)) {
    if (i !== null && j !== null) {
      flush();
      rows.push({a: linesA[i]!, b: linesB[j]!, isSame: true});
    } else if (i !== null) removed.push(linesA[i]!);
    else added.push(linesB[j!]!);
  }
  flush();
  return rows;
}

/** Longer lines are compared only by their common beginning and end. */
const MOST_WORDS = 1500;

/** The words of two lines that the other does not have; all of both if they have little in common. */
export function diffWords(a: string, b: string): {a: Changed; b: Changed} {
  const [wordsA, wordsB] = [wordsOf(a), wordsOf(b)];
  if (wordsA.length > MOST_WORDS || wordsB.length > MOST_WORDS) return betweenEnds(a, b);
  const weigh = (x: string, y: string) => (x !== y ? 0 : /\w/.test(x) ? 3 : 1);
  const pairs = pairUp(wordsA, wordsB, weigh, word => word);
  const changed = (words: readonly string[], side: 0 | 1): Changed => {
    const ranges: [number, number][] = [];
    let at = 0;
    const places = words.map(word => {
      const start = at;
      at += word.length;
      return [start, at] as const;
    });
    for (const pair of pairs) {
      const own = pair[side];
      if (own === null || pair[1 - side] !== null) continue;
      const [start, end] = places[own]!;
      const last = ranges.at(-1);
      if (last?.[1] === start) last[1] = end;
      else ranges.push([start, end]);
    }
    return ranges;
  };
  return {a: changed(wordsA, 0), b: changed(wordsB, 1)};
}

function wordsOf(line: string): string[] {
  return line.match(/[\p{L}\p{N}_]+|\s+|[^\p{L}\p{N}_\s]/gu) ?? [];
}

function betweenEnds(a: string, b: string): {a: Changed; b: Changed} {
  const most = Math.min(a.length, b.length);
  let start = 0;
  while (start < most && a[start] === b[start]) start++;
  let end = 0;
  while (end < most - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  return {a: [[start, a.length - end]], b: [[start, b.length - end]]};
}
