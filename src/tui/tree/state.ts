import type {ShownRun} from '../../trace/drawn-spans.ts';
import {above, hasBelow} from '../outline.ts';
import {type Folding, type Place, type Places, placesOf} from './places.ts';
import {isGoingOn, rowIndex} from './rows.ts';

/** A span in the tree. Two parts of a continued run may both draw the same request around them. */
export interface Spot {
  readonly traceId: string;
  readonly spanId: string;
  readonly part: number;
}

export interface TreeState extends Folding {
  /** Null: nowhere yet. */
  readonly cursor: Spot | null;
  /** The line of the cursor, in case its span disappears. */
  readonly at: number;
  /** The first line that is drawn. */
  readonly top: number;
  /** The cursor goes to the last written span while the run is running. */
  readonly follows: boolean;
  /** Number of spans when following was stopped. */
  readonly seenSpans: number;
  /** The search text; empty: none. */
  readonly search: string;
}

export const TREE_START: TreeState = {
  cursor: null,
  at: 0,
  top: 0,
  folded: new Set(),
  criticalOnly: false,
  wraps: false,
  follows: true,
  seenSpans: 0,
  search: '',
};

export type Parts = readonly ShownRun[];

export interface RowPlace {
  readonly part: number;
  readonly row: number;
}

/** The row of the cursor; null if its span no longer exists, or there was no cursor. */
export function cursorRow({cursor}: TreeState, parts: Parts): RowPlace | null {
  if (cursor === null) return null;
  // First where it was before, then wherever it is now.
  for (const part of [cursor.part, ...parts.keys()]) {
    const shown = parts[part];
    const row = shown ? rowIndex(shown).byId.get(cursor.spanId) : undefined;
    if (row !== undefined && shown!.rows[row]!.node.traceId === cursor.traceId) return {part, row};
  }
  return null;
}

export function spanCount(parts: Parts): number {
  return parts.reduce((sum, {judged}) => sum + judged.record.spanCount, 0);
}

/** Puts the cursor on a row, unfolding what hides it. A person did this, so following ends. */
export function goTo(state: TreeState, parts: Parts, {part, row}: RowPlace): TreeState {
  const {outline} = rowIndex(parts[part]!);
  const {rows} = parts[part]!;
  const hiding = [...above(outline, row)].map(up => rows[up]!.node.id).filter(id => state.folded.has(id));
  const folded = hiding.length === 0 ? state.folded : without(state.folded, hiding);
  const cursor = spotOf(parts, {part, row});
  if (folded === state.folded && isSame(cursor, state.cursor) && !state.follows) return state;
  return {...stopped(state, parts), cursor, folded};
}

/** Stops following; later spans are counted. */
export function stopped(state: TreeState, parts: Parts): TreeState {
  return state.follows ? {...state, follows: false, seenSpans: spanCount(parts)} : state;
}

export function spotOf(parts: Parts, {part, row}: RowPlace): Spot {
  const {id, traceId} = parts[part]!.rows[row]!.node;
  return {traceId, spanId: id, part};
}

export function isSame(a: Spot | null, b: Spot | null): boolean {
  return a?.spanId === b?.spanId && a?.traceId === b?.traceId && a?.part === b?.part;
}

/** This many spans further down, or up; a page counts the messages in between too. */
export function move(state: TreeState, parts: Parts, columns: number, by: number): TreeState {
  const {list, lineOf} = placesOf(parts, state, columns);
  const now = cursorRow(state, parts);
  const from = now ? lineOf[now.part]![now.row]! : state.at;
  const step = by < 0 ? -1 : 1;
  const last = nearestSpan(list, Math.max(0, Math.min(list.length - 1, from + by)), step);
  return last === null ? state : goTo(state, parts, last);
}

/** The span at a line or, searching in this direction first, the nearest one. */
export function nearestSpan(list: readonly Place[], line: number, step: 1 | -1): Place | null {
  for (const direction of [step, -step]) {
    for (let i = line; i >= 0 && i < list.length; i += direction) if (list[i]!.type === 'span') return list[i]!;
  }
  return null;
}

export function isFoldable(parts: Parts, {part, row}: RowPlace): boolean {
  return hasBelow(rowIndex(parts[part]!).outline, row);
}

export function isFolded(state: TreeState, parts: Parts, {part, row}: RowPlace): boolean {
  return state.folded.has(parts[part]!.rows[row]!.node.id);
}

export function fold(state: TreeState, parts: Parts, at: RowPlace): TreeState {
  if (!isFoldable(parts, at) || isFolded(state, parts, at)) return state;
  return {...stopped(state, parts), folded: new Set([...state.folded, spotOf(parts, at).spanId])};
}

export function unfold(state: TreeState, parts: Parts, at: RowPlace): TreeState {
  if (!isFoldable(parts, at) || !isFolded(state, parts, at)) return state;
  return {...stopped(state, parts), folded: without(state.folded, [spotOf(parts, at).spanId])};
}

/** Folds everything below the run, so that its own steps remain, one line each. */
export function foldAll(state: TreeState, parts: Parts): TreeState {
  const folded = new Set<string>();
  for (const part of parts) {
    const {outline, root} = rowIndex(part);
    for (let row = 0; row < part.rows.length; row++) {
      const isAround = row <= root && outline.ends[row]! > root;
      if (!isAround && hasBelow(outline, row)) folded.add(part.rows[row]!.node.id);
    }
  }
  return folded.size === 0 ? state : {...stopped(state, parts), folded};
}

export function unfoldAll(state: TreeState, parts: Parts): TreeState {
  return state.folded.size === 0 ? state : {...stopped(state, parts), folded: new Set()};
}

/**
 * Adjusts the cursor after rows appeared, disappeared or were hidden: to the last written span while it follows,
 * otherwise to where it was, to what hides it, or to its neighbour.
 */
export function settledCursor(state: TreeState, parts: Parts, places: Places): RowPlace | null {
  const going = parts.findLastIndex(isGoingOn);
  const newest = going < 0 ? -1 : rowIndex(parts[going]!).newest;
  if (state.follows && newest >= 0) return nearestSeen(parts, places, {part: going, row: newest});
  const isOther = state.cursor !== null && !parts.some(part => part.judged.record.traceId === state.cursor!.traceId);
  const now = cursorRow(state, parts);
  if (now) return nearestSeen(parts, places, now);
  if (state.cursor === null || isOther)
    return parts.length === 0 ? null : nearestSeen(parts, places, {part: 0, row: rowIndex(parts[0]!).root});
  return nearestSpan(places.list, Math.min(state.at, places.list.length - 1), -1);
}

function nearestSeen(parts: Parts, {list, lineOf}: Places, {part, row}: RowPlace): RowPlace | null {
  const lines = lineOf[part]!;
  // A fold high up hides the folds below it, so only the highest one is visible.
  for (const candidate of [row, ...above(rowIndex(parts[part]!).outline, row)])
    if (lines[candidate]! >= 0) return {part, row: candidate};
  return nearestSpan(list, 0, 1);
}

function without(folded: ReadonlySet<string>, ids: readonly string[]): ReadonlySet<string> {
  const rest = new Set(folded);
  for (const id of ids) rest.delete(id);
  return rest;
}
