import type {Action} from '../keys.ts';
import {type Size, stepOf} from '../pane.ts';
import type {ListedRun} from '../source.ts';
import {matchesText} from './match.ts';

/** What the list shows. */
export interface RunsInput {
  /** Newest first. */
  readonly runs: readonly ListedRun[];
  readonly older: 'some' | 'loading' | 'none';
  /** New runs arrive by themselves. */
  readonly isLive: boolean;
}

export interface RunsState {
  /** The run that the cursor is on; null: there is none. */
  readonly cursorKey: string | null;
  /** Its place and the one of the first visible run, in the order shown, as `settleRuns` found them. */
  readonly index: number;
  readonly top: number;
  readonly isNewestFirst: boolean;
  /** The cursor stays on the newest run. */
  readonly isFollowing: boolean;
  /** The newest run at the moment when following ended; null: following, or there was none. */
  readonly pausedAt: string | null;
  readonly search: string;
}

export const FIRST_RUNS_STATE: RunsState = {
  cursorKey: null,
  index: 0,
  top: 0,
  isNewestFirst: true,
  isFollowing: true,
  pausedAt: null,
  search: '',
};

/** Rows for runs, below the line of headings. */
export function listRows(size: Size): number {
  return Math.max(1, size.rows - 1);
}

/** The run at a place of the order shown. */
export function runAt(state: RunsState, {runs}: RunsInput, index: number): ListedRun | undefined {
  return runs[state.isNewestFirst ? index : runs.length - 1 - index];
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

export function settleRuns(state: RunsState, input: RunsInput, size: Size): RunsState {
  const count = input.runs.length;
  if (count === 0) {
    // Until it is known that nothing matches, what was read stays.
    const cursorKey = input.older === 'loading' ? state.cursorKey : null;
    const isSettled = state.index === 0 && state.top === 0 && state.cursorKey === cursorKey;
    return isSettled ? state : {...state, index: 0, top: 0, cursorKey};
  }
  const newest = newestIndex(state, count);
  const follows = state.isFollowing && input.isLive;
  const found = follows ? newest : placeOf(state, input);
  const index = found >= 0 ? found : state.cursorKey === null ? 0 : Math.min(state.index, count - 1);
  const rows = listRows(size);
  // A run that came or went above moves the rows, never the cursor's place on the screen.
  const row = Math.max(0, Math.min(rows - 1, state.index - state.top));
  const top = Math.max(0, Math.min(index - (follows ? (state.isNewestFirst ? 0 : rows - 1) : row), count - rows));
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
  const at = input.runs.findIndex(({key}) => key === state.cursorKey);
  return at < 0 || state.isNewestFirst ? at : input.runs.length - 1 - at;
}

function newestIndex({isNewestFirst}: RunsState, count: number): number {
  return isNewestFirst ? 0 : count - 1;
}

/** The state after an action; the same object, when it means nothing here now. */
export function actOnRuns(state: RunsState, action: Action, input: RunsInput, size: Size): RunsState {
  const rows = listRows(size);
  const last = input.runs.length - 1;
  const step = stepOf(action, rows);
  if (step !== null) return moveTo(state, state.index + step, input, size);
  switch (action) {
    case 'newest':
      return input.isLive ? following(state) : moveTo(state, last, input, size);
    case 'follow':
      if (!input.isLive) return state;
      return state.isFollowing ? paused(state, input) : following(state);
    case 'order':
      return {...state, isNewestFirst: !state.isNewestFirst, index: Math.max(0, last - state.index)};
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

/** Goes to the first hit from the cursor on, round the end. */
export function searchRuns(state: RunsState, text: string, input: RunsInput, size: Size): RunsState {
  if (text === state.search) return state;
  const next = {...state, search: text};
  const here = selectedRun(state, input);
  if (text === '' || (here && matches(text)(here))) return next;
  return seek(next, input, size, 1, matches(text));
}

/** How many runs hold what is searched for. */
export function matchingRuns({search}: RunsState, {runs}: RunsInput): number {
  return search === '' ? 0 : runs.filter(matches(search)).length;
}

function moveTo(state: RunsState, wanted: number, input: RunsInput, size: Size): RunsState {
  const count = input.runs.length;
  const index = Math.max(0, Math.min(count - 1, wanted));
  if (count === 0) return state;
  const isNewest = index === newestIndex(state, count);
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
