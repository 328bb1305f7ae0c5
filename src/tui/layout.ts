import type {Size} from './pane.ts';

export const PANE_NAMES = ['runs', 'tree', 'detail'] as const;
export type PaneName = (typeof PANE_NAMES)[number];

/** A smaller terminal has no room for a useful list and footer. */
export const SMALLEST: Size = {columns: 60, rows: 15};
/** From this width on, the run is beside the list. */
const WIDE = 110;
/** Width of the list while another pane has the focus: enough for states, times and names. */
const NARROW = 42;
/** From this height on, two panes can be above each other. */
const TALL = 26;
/** The header and the titles. */
const ABOVE = 2;

/** Size of each visible pane. */
export interface Arrangement {
  readonly runs: Size | null;
  readonly tree: Size | null;
  readonly detail: Size | null;
  /** The list is on the left and the others on the right of a line; otherwise all are above each other. */
  readonly isBeside: boolean;
}

interface Wanted {
  readonly focus: PaneName;
  /** Lines below the panes. */
  readonly bottomRows: number;
  /** The pane with the focus gets all the room. */
  readonly isZoomed: boolean;
}

/** Which panes are visible, and their sizes: the pane with the focus always is. Null: the terminal is too small. */
export function arrange({columns, rows}: Size, {focus, bottomRows, isZoomed}: Wanted): Arrangement | null {
  if (columns < SMALLEST.columns || rows < SMALLEST.rows) return null;
  const body = rows - ABOVE - bottomRows;
  if (isZoomed) return {...one({columns, rows: body}, focus), isBeside: false};
  if (columns >= WIDE) {
    const left = focus === 'runs' ? share(columns, 0.41, 44, 76) : share(columns, 0.25, NARROW, 50);
    return {
      ...runAndSpan({columns: columns - left - 1, rows: body}, focus),
      runs: {columns: left, rows: body},
      isBeside: true,
    };
  }
  if (body >= TALL) {
    const list = Math.floor(body * 0.4);
    return {
      ...one({columns, rows: body - list - 1}, focus === 'detail' ? 'detail' : 'tree'),
      runs: {columns, rows: list},
      isBeside: false,
    };
  }
  return {...one({columns, rows: body}, focus), isBeside: false};
}

/** A row of a pane, not counting its title. */
export interface PanePlace {
  readonly pane: PaneName;
  readonly row: number;
}

/** What is drawn at a place of the screen; null: no pane. */
export function placeAt({isBeside, ...sizes}: Arrangement, column: number, row: number): PanePlace | null {
  const left = isBeside ? sizes.runs!.columns : null;
  const stacked =
    left === null
      ? PANE_NAMES
      : column < left
        ? (['runs'] as const)
        : column > left
          ? (['tree', 'detail'] as const)
          : [];
  // Below the header.
  let below = row - 1;
  for (const pane of stacked) {
    const size = sizes[pane];
    if (size === null) continue;
    if (below >= 0 && below <= size.rows) return {pane, row: below - 1};
    below -= size.rows + 1;
  }
  return null;
}

function share(columns: number, part: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Math.round(columns * part)));
}

function runAndSpan(size: Size, focus: PaneName): Pick<Arrangement, 'tree' | 'detail'> {
  if (size.rows < TALL) return one(size, focus === 'detail' ? 'detail' : 'tree');
  const tree = Math.floor(size.rows * 0.55);
  return {tree: {...size, rows: tree}, detail: {...size, rows: size.rows - tree - 1}};
}

function one(size: Size, name: PaneName): Record<PaneName, Size | null> {
  return {runs: null, tree: null, detail: null, [name]: size};
}
