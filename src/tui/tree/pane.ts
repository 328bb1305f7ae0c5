import type {Action} from '../keys.ts';
import {above, scrolled} from '../outline.ts';
import {type Pane, type SelectedRow, type Size, stepOf, type TreeInput} from '../pane.ts';
import {failures, hasFailures, nextHit, searchHits} from './find.ts';
import {headerRows} from './header.ts';
import {bodyColumns, bodyRows, treeLines} from './lines.ts';
import {placesOf} from './places.ts';
import {isGoingOn, rowIndex} from './rows.ts';
import {
  cursorRow,
  fold,
  foldAll,
  goTo,
  isFoldable,
  isFolded,
  isSame,
  move,
  type Parts,
  type RowPlace,
  settledCursor,
  spotOf,
  stopped,
  TREE_START,
  type TreeState,
  unfold,
  unfoldAll,
} from './state.ts';

/** Stops following: from now on the tree stays where it is, because somebody reads the selected span. */
export function heldTree(state: TreeState, {parts}: TreeInput): TreeState {
  return parts === null ? state : stopped(state, parts);
}

/** Puts the cursor on the first span that failed by itself; the same state if none did. */
export function atFailure(state: TreeState, {parts}: TreeInput): TreeState {
  const [failure] = parts === null ? [] : failures(parts, false);
  return failure === undefined ? state : goTo({...state, criticalOnly: false}, parts!, failure);
}

/** The tree of the open run, with its waterfall. */
export const treePane: Pane<TreeState, TreeInput> = {
  start: TREE_START,
  act: (state, action, {parts}, size) => {
    if (parts === null || parts.length === 0) return state;
    const next = actOnTree(state, action, parts, size);
    return next === state ? state : settleTree(next, parts, size);
  },
  pick: (state, row, {parts}, size) => {
    if (parts === null) return null;
    const place = placesOf(parts, state, bodyColumns(size)).list[state.top + row - headerRows(size)];
    if (row < headerRows(size) || place?.type !== 'span') return null;
    return settleTree(goTo(state, parts, place), parts, size);
  },
  search: (state, search, {parts}, size) => {
    const next = search === state.search ? state : {...state, search};
    if (parts === null || parts.length === 0) return next;
    const hits = searchHits(parts, search, state.criticalOnly);
    const hit = nextHit(hits, cursorRow(next, parts), 1, {inclusive: true});
    return settleTree(hit === null ? next : goTo(next, parts, hit), parts, size);
  },
  matches: ({search, criticalOnly}, {parts}) => (parts === null ? 0 : searchHits(parts, search, criticalOnly).length),
  settle: (state, {parts}, size) => (parts === null || parts.length === 0 ? state : settleTree(state, parts, size)),
  lines: (state, {parts}, size, view) => treeLines(state, parts, size, view),
  actions: (state, {parts}) => (parts === null || parts.length === 0 ? [] : actionsOn(state, parts)),
  isTicking: ({parts}) => parts?.some(({judged}) => judged.record.state === 'running') ?? false,
};

export function selectedRow(state: TreeState, {parts}: TreeInput): SelectedRow | null {
  const at = parts === null ? null : cursorRow(state, parts);
  if (parts === null || at === null) return null;
  const part = parts[at.part]!;
  return {row: part.rows[at.row]!, part};
}

function actOnTree(state: TreeState, action: Action, parts: Parts, size: Size): TreeState {
  const at = cursorRow(state, parts);
  const page = bodyRows(state, parts, size);
  const by = (rows: number) => move(state, parts, bodyColumns(size), rows);
  const step = stepOf(action, page);
  if (step !== null) return by(step);
  switch (action) {
    case 'newest':
      // The end of a running run is what comes next.
      return parts.some(isGoingOn) ? {...state, follows: true} : by(Number.POSITIVE_INFINITY);
    case 'follow':
      return state.follows ? stopped(state, parts) : {...state, follows: true};
    case 'foldAll':
      return foldAll(state, parts);
    case 'unfoldAll':
      return unfoldAll(state, parts);
    case 'critical':
      return {...stopped(state, parts), criticalOnly: !state.criticalOnly};
    case 'wrap':
      return {...state, wraps: !state.wraps};
    case 'nextError':
    case 'previousError': {
      const hit = nextHit(failures(parts, state.criticalOnly), at, action === 'nextError' ? 1 : -1);
      return hit === null ? state : goTo(state, parts, hit);
    }
    case 'nextMatch':
    case 'previousMatch': {
      const hits = searchHits(parts, state.search, state.criticalOnly);
      const hit = nextHit(hits, at, action === 'nextMatch' ? 1 : -1);
      return hit === null ? state : goTo(state, parts, hit);
    }
    default:
      return at === null ? state : actOnRow(state, action, parts, at);
  }
}

function actOnRow(state: TreeState, action: Action, parts: Parts, at: RowPlace): TreeState {
  const folds = isFoldable(parts, at);
  const isClosed = isFolded(state, parts, at);
  switch (action) {
    case 'unfold':
      if (!folds) return state;
      return isClosed ? unfold(state, parts, at) : goToChild(state, parts, at);
    case 'fold':
      return folds && !isClosed ? fold(state, parts, at) : goToParent(state, parts, at);
    case 'toggle':
      return isClosed ? unfold(state, parts, at) : fold(state, parts, at);
    default:
      return state;
  }
}

function goToChild(state: TreeState, parts: Parts, {part, row}: RowPlace): TreeState {
  const {outline, critical} = rowIndex(parts[part]!);
  for (let child = row + 1; child < outline.ends[row]!; child++)
    if (!state.criticalOnly || critical(child)) return goTo(state, parts, {part, row: child});
  return state;
}

function goToParent(state: TreeState, parts: Parts, {part, row}: RowPlace): TreeState {
  const [parent] = above(rowIndex(parts[part]!).outline, row);
  return parent === undefined ? state : goTo(state, parts, {part, row: parent});
}

function settleTree(state: TreeState, parts: Parts, size: Size): TreeState {
  const places = placesOf(parts, state, bodyColumns(size));
  const at = settledCursor(state, parts, places);
  if (at === null) return state;
  const line = places.lineOf[at.part]![at.row]!;
  const room = bodyRows(state, parts, size);
  // If rows above appear or disappear, the tree moves under the cursor, not the cursor on the screen.
  const top = scrolled(state.cursor === null ? 0 : line - (state.at - state.top), line, places.list.length, room);
  const cursor = spotOf(parts, at);
  if (line === state.at && top === state.top && isSame(cursor, state.cursor)) return state;
  return {...state, cursor, at: line, top};
}

function actionsOn(state: TreeState, parts: Parts): Action[] {
  const at = cursorRow(state, parts);
  const actions: Action[] = ['open'];
  if (at !== null && isFoldable(parts, at)) actions.push(isFolded(state, parts, at) ? 'unfold' : 'fold', 'toggle');
  else if (at !== null && at.row > 0) actions.push('fold');
  if (hasFailures(parts, state.criticalOnly)) actions.push('nextError', 'previousError');
  if (state.search !== '') actions.push('nextMatch', 'previousMatch');
  actions.push('search');
  if (parts.some(isGoingOn)) actions.push('follow');
  if (parts.some(part => rowIndex(part).hasCriticalPath)) actions.push('critical');
  return [
    ...actions,
    ...(['up', 'down', 'pageUp', 'pageDown', 'halfUp', 'halfDown', 'first', 'last'] as const),
    ...(['foldAll', 'unfoldAll', 'wrap', 'time', 'copy'] as const),
  ];
}
