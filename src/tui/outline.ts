/** Rows in drawn order with their depths: what lies below what, found once, so that folding and moving cost no search. */
export interface Outline {
  readonly depths: readonly number[];
  /** Row that a row lies below; -1: none. */
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

/** The rows that are seen: those that are kept and lie below nothing that is folded. */
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

/** The rows that a row lies below, the nearest first. */
export function* above({parents}: Outline, row: number): Generator<number> {
  for (let up = parents[row]!; up >= 0; up = parents[up]!) yield up;
}

/** Where to begin drawing so that `cursor` is in sight and no room at the end is left empty. */
export function scrolled(top: number, cursor: number, count: number, room: number): number {
  const last = Math.max(0, count - room);
  return Math.max(0, Math.min(last, cursor, Math.max(top, cursor - room + 1)));
}
