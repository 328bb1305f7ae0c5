import type {Action} from '../keys.ts';
import {type Size, stepOf} from '../pane.ts';
import type {ListedRun} from '../source.ts';
import type {ColumnName} from './columns.ts';
import {matchesText} from './match.ts';

/** The contents of the list. */
export interface RunsInput {
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  readonly older: 'some' | 'loading' | 'none';
  /** New runs arrive by themselves. */
  readonly isLive: boolean;
}

export interface RunsState {
  /** The run under the cursor; null: there is none. */
  readonly cursorKey: string | null;
  /** Its index and that of the first visible run, in the order shown, as `settleRuns` found them. */
  readonly index: number;
  readonly top: number;
  readonly order: Order;
  /** The cursor stays on the newest run. */
  readonly isFollowing: boolean;
  /** The newest run at the time when following ended; null: following, or there was none. */
  readonly pausedAt: string | null;
  readonly search: string;
  /** Older runs are being read until the last one, or a matching one, is found; the next key cancels this. */
  readonly seeking: Seeking | null;
  /** The chosen columns, in order; null: the usual ones. */
  readonly columns: readonly ColumnName[] | null;
  /** Runs to compare, by their keys. */
  readonly marked: readonly string[];
}

interface Seeking {
  readonly what: 'last' | 'match';
  /** At most this many runs are read for it, because all are kept in memory. */
  readonly most: number;
}

const MOST_SOUGHT = 2000;

export const FIRST_RUNS_STATE: RunsState = {
  cursorKey: null,
  index: 0,
  top: 0,
  order: 'newest',
  isFollowing: true,
  pausedAt: null,
  search: '',
  seeking: null,
  columns: null,
  marked: [],
};

/** Rows for runs, below the line of headings. */
export function listRows(size: Size): number {
  return Math.max(1, size.rows - 1);
}

/** The orders of the list, and their names. */
export const ORDERS = {
  newest: 'newest first',
  oldest: 'oldest first',
  time: 'longest first',
  tokens: 'most tokens first',
} as const;
export type Order = keyof typeof ORDERS;

const ORDERED = new WeakMap<readonly ListedRun[], {order: Order; runs: readonly ListedRun[]}>();

/** The runs in the chosen order: sorted once for each list that arrives. */
export function orderedRuns(runs: readonly ListedRun[], order: Order): readonly ListedRun[] {
  if (order === 'newest') return runs;
  const known = ORDERED.get(runs);
  if (known?.order === order) return known.runs;
  const sorted = order === 'oldest' ? runs.toReversed() : runs.toSorted((a, b) => sizeIn(order, b) - sizeIn(order, a));
  ORDERED.set(runs, {order, runs: sorted});
  return sorted;
}

/** Unknown values come last. */
function sizeIn(order: 'time' | 'tokens', {judged: {record}}: ListedRun): number {
  return (order === 'time' ? record.durationMs : record.totalTokens) ?? -1;
}

/** The run at an index of the order shown. */
export function runAt({order}: RunsState, {runs}: RunsInput, index: number): ListedRun | undefined {
  return orderedRuns(runs, order)[index];
}

export function selectedRun(state: RunsState, input: RunsInput): ListedRun | null {
  const at = runAt(state, input, state.index);
  return at?.key === state.cursorKey ? at : (input.runs.find(run => run.key === state.cursorKey) ?? null);
}

/** Runs that began after following ended. */
export function newRuns({pausedAt, isFollowing}: RunsState, {runs, isLive}: RunsInput): number {
  if (!isLive || isFollowing) return 0;
  if (pausedAt === null) return runs.length;
  return Math.max(
    0,
    runs.findIndex(({key}) => key === pausedAt),
  );
}

export function settleRuns(before: RunsState, input: RunsInput, size: Size): RunsState {
  const state = before.seeking === null ? before : sought(before, before.seeking, input, size);
  return settledRuns(state, input, size);
}

/** Goes to what is sought as soon as it is read, and gives up if no more is read. */
function sought(state: RunsState, seeking: Seeking, input: RunsInput, size: Size): RunsState {
  const isOver = input.older === 'none' || input.runs.length >= seeking.most;
  const found = seeking.what === 'match' ? input.runs.some(matches(state.search)) : isOver;
  const over = found || isOver ? {...state, seeking: null} : state;
  if (seeking.what === 'last') return moveTo(over, input.runs.length - 1, input, size);
  return found ? seek(over, input, size, 1, matches(state.search)) : over;
}

/** Reads on if not everything has been read. */
function seeking(state: RunsState, what: Seeking['what'], {older, runs, isLive}: RunsInput): RunsState {
  return isLive || older === 'none' ? state : {...state, seeking: {what, most: runs.length + MOST_SOUGHT}};
}

function settledRuns(state: RunsState, input: RunsInput, size: Size): RunsState {
  const count = input.runs.length;
  if (count === 0) {
    // Until it is certain that nothing matches, the earlier runs stay.
    const cursorKey = input.older === 'loading' ? state.cursorKey : null;
    const isSettled = state.index === 0 && state.top === 0 && state.cursorKey === cursorKey;
    return isSettled ? state : {...state, index: 0, top: 0, cursorKey};
  }
  const newest = newestIndex(state, input);
  const follows = state.isFollowing && input.isLive;
  const found = follows ? newest : placeOf(state, input);
  const index = found >= 0 ? found : state.cursorKey === null ? 0 : Math.min(state.index, count - 1);
  const rows = listRows(size);
  // If a run above appears or disappears, the rows move, but never the cursor's place on the screen.
  const row = Math.max(0, Math.min(rows - 1, state.index - state.top));
  const top = Math.max(
    0,
    Math.min(
      index -
        (follows && state.order !== 'time' && state.order !== 'tokens'
          ? state.order === 'newest'
            ? 0
            : rows - 1
          : row),
      count - rows,
    ),
  );
  const settled = {
    ...state,
    index,
    top: Math.min(index, Math.max(top, index - rows + 1)),
    cursorKey: runAt(state, input, index)!.key,
  };
  return isSame(settled, state) ? state : settled;
}

function isSame(a: RunsState, b: RunsState): boolean {
  return a.index === b.index && a.top === b.top && a.cursorKey === b.cursorKey;
}

function placeOf(state: RunsState, input: RunsInput): number {
  if (state.cursorKey === null) return -1;
  if (runAt(state, input, state.index)?.key === state.cursorKey) return state.index;
  return orderedRuns(input.runs, state.order).findIndex(({key}) => key === state.cursorKey);
}

function newestIndex({order}: RunsState, {runs}: RunsInput): number {
  return orderedRuns(runs, order).indexOf(runs[0]!);
}

/** The state after an action; the same object if it means nothing here now. */
export function actOnRuns(state: RunsState, action: Action, input: RunsInput, size: Size): RunsState {
  const rows = listRows(size);
  const last = input.runs.length - 1;
  const step = stepOf(action, rows);
  if (step !== null) return moveTo(state, state.index + step, input, size);
  switch (action) {
    case 'newest':
      return input.isLive ? following(state) : seeking(moveTo(state, last, input, size), 'last', input);
    case 'follow':
      if (!input.isLive) return state;
      return state.isFollowing ? paused(state, input) : following(state);
    case 'order':
      return reordered(state, input);
    case 'nextError':
      return seek(state, input, size, 1, isError);
    case 'previousError':
      return seek(state, input, size, -1, isError);
    case 'nextMatch':
      return state.search === '' ? state : seek(state, input, size, 1, matches(state.search));
    case 'previousMatch':
      return state.search === '' ? state : seek(state, input, size, -1, matches(state.search));
    default:
      return state;
  }
}

/** A click on a row, counting the headings as the first. */
export function pickRun(state: RunsState, row: number, input: RunsInput, size: Size): RunsState | null {
  const index = state.top + row - 1;
  return row < 1 || index >= input.runs.length ? null : moveTo(state, index, input, size);
}

/** Sets the next order and keeps the cursor on the same run. */
function reordered(state: RunsState, input: RunsInput): RunsState {
  const orders = Object.keys(ORDERS) as Order[];
  const next = {...state, order: orders[(orders.indexOf(state.order) + 1) % orders.length]!};
  return {...next, index: Math.max(0, placeOf(next, input))};
}

/** Goes to the first match from the cursor on, wrapping around at the end. */
export function searchRuns(state: RunsState, text: string, input: RunsInput, size: Size): RunsState {
  if (text === state.search) return state;
  const next = {...state, search: text, seeking: null};
  const here = selectedRun(state, input);
  if (text === '' || (here && matches(text)(here))) return next;
  const found = seek(next, input, size, 1, matches(text));
  return found === next ? seeking(next, 'match', input) : found;
}

/** How many runs match the search. */
export function matchingRuns({search}: RunsState, {runs}: RunsInput): number {
  return search === '' ? 0 : runs.filter(matches(search)).length;
}

function moveTo(state: RunsState, wanted: number, input: RunsInput, size: Size): RunsState {
  const count = input.runs.length;
  const index = Math.max(0, Math.min(count - 1, wanted));
  if (count === 0) return state;
  const isNewest = index === newestIndex(state, input);
  if (index === state.index && (!input.isLive || state.isFollowing === isNewest)) return state;
  const rows = listRows(size);
  const moved = {
    ...state,
    index,
    top: Math.max(index - rows + 1, Math.min(state.top, index)),
    cursorKey: runAt(state, input, index)!.key,
  };
  return isNewest ? following(moved) : paused(moved, input);
}

function following(state: RunsState): RunsState {
  return state.isFollowing ? state : {...state, isFollowing: true, pausedAt: null};
}

function paused(state: RunsState, {runs}: RunsInput): RunsState {
  return state.isFollowing ? {...state, isFollowing: false, pausedAt: runs[0]?.key ?? null} : state;
}

function seek(
  state: RunsState,
  input: RunsInput,
  size: Size,
  step: 1 | -1,
  isWanted: (run: ListedRun) => boolean,
): RunsState {
  const count = input.runs.length;
  for (let i = 1; i <= count; i++) {
    const index = (((state.index + step * i) % count) + count) % count;
    if (isWanted(runAt(state, input, index)!)) return index === state.index ? state : moveTo(state, index, input, size);
  }
  return state;
}

function isError({judged}: ListedRun): boolean {
  return judged.record.state === 'error';
}

function matches(text: string): (run: ListedRun) => boolean {
  return ({judged: {record, likelyName = null}}) =>
    matchesText(text, [
      record.name,
      likelyName,
      record.userId,
      record.sessionId,
      record.runId,
      record.state,
      record.stateReason,
    ]);
}
