import type {Document} from './document.ts';
import {occurrences, plainText, type RowShape, rowStarts} from './layout.ts';
import type {Position} from './state.ts';

/** The place of a hit: a line of the document, and the offset in it. */
export interface Hit {
  readonly line: number;
  readonly offset: number;
}

/** Nobody steps through more; above this, their number is unknown. */
export const MOST_HITS = 10_000;

interface Known {
  readonly search: string;
  readonly hits: readonly Hit[];
}
const KNOWN = new WeakMap<Document, Known>();

export function hitsIn(document: Document, search: string): readonly Hit[] {
  if (search === '') return [];
  const known = KNOWN.get(document);
  if (known?.search === search) return known.hits;
  const hits: Hit[] = [];
  for (const [line, documentLine] of document.lines.entries()) {
    for (const offset of occurrences(plainText(documentLine), search)) hits.push({line, offset});
    if (hits.length >= MOST_HITS) break;
  }
  KNOWN.set(document, {search, hits});
  return hits;
}

/** The row of a hit. Without wrapping, it may be beyond the right edge of the only row. */
export function positionOf({lines}: Document, {line, offset}: Hit, shape: RowShape): Position {
  const starts = rowStarts(lines[line]!, shape);
  return {
    line,
    row: Math.max(
      0,
      starts.findLastIndex(start => start <= offset),
    ),
  };
}

/** The next hit on a row after `from`, or before it; if there is none, from the other end on. */
export function nextHit(
  document: Document,
  hits: readonly Hit[],
  from: Position,
  shape: RowShape,
  step: 1 | -1,
  {inclusive = false} = {},
): Position | null {
  if (hits.length === 0) return null;
  const isPast = (hit: Hit) => {
    if (hit.line !== from.line) return (hit.line - from.line) * step > 0;
    const order = (positionOf(document, hit, shape).row - from.row) * step;
    return inclusive ? order >= 0 : order > 0;
  };
  const hit = step === 1 ? (hits.find(isPast) ?? hits[0]!) : (hits.findLast(isPast) ?? hits.at(-1)!);
  return positionOf(document, hit, shape);
}
