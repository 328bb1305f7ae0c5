/**
 * Rows in drawn order with their depths. Which rows are below which is computed once, so that folding and moving need
 * no search.
 */
export interface Outline {
  readonly depths: readonly number[];
  /** The row above each row in the tree; -1: none. */
  readonly parents: Int32Array;
  /** The first row after everything below a row. */
  readonly ends: Int32Array;
}

export function outlineOf(depths: readonly number[]): Outline {
  const parents = new Int32Array(depths.length).fill(-1);
  const ends = new Int32Array(depths.length).fill(depths.length);
  const open: number[] = [];
  for (let i = 0; i < depths.length; i++) {
    while (open.length > 0 && depths[open.at(-1)!]! >= depths[i]!) ends[open.pop()!] = i;
    if (open.length > 0) parents[i] = open.at(-1)!;
    open.push(i);
  }
  return {depths, parents, ends};
}

/** The visible rows: those that are kept and are below nothing folded. */
export function seenRows(
  {ends}: Outline,
  isFolded: (row: number) => boolean,
  isKept: (row: number) => boolean = () => true,
): number[] {
  const rows: number[] = [];
  for (let i = 0; i < ends.length; i = isFolded(i) ? ends[i]! : i + 1) if (isKept(i)) rows.push(i);
  return rows;
}

export function hasBelow({ends}: Outline, row: number): boolean {
  return ends[row]! > row + 1;
}

/** The rows above a row in the tree, the nearest first. */
export function* above({parents}: Outline, row: number): Generator<number> {
  for (let up = parents[row]!; up >= 0; up = parents[up]!) yield up;
}

/** The first row to draw so that `cursor` is visible and no space at the end is empty. */
export function scrolled(top: number, cursor: number, count: number, room: number): number {
  const last = Math.max(0, count - room);
  return Math.max(0, Math.min(last, cursor, Math.max(top, cursor - room + 1)));
}
