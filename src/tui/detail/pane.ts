import type {Action} from '../keys.ts';
import {hasBelow} from '../outline.ts';
import {type DetailInput, type Pane, type Size, stepOf} from '../pane.ts';
import {hitsIn, nextHit} from './find.ts';
import {bodyRows, detailLines, shapeOf} from './lines.ts';
import {
  DETAIL_START,
  type DetailState,
  isFoldedLine,
  type Position,
  readingOf,
  revealed,
  setAllFolded,
  setFolded,
  settledDetail,
  stepped,
  toggled,
} from './state.ts';

/** The span under the cursor of the tree: facts, messages, arguments, results, or all of it as JSON. */
export const detailPane: Pane<DetailState, DetailInput> = {
  start: DETAIL_START,
  act: (state, action, input, size) => {
    if (input.selected === null) return state;
    const next = actOnDetail(state, action, input, size);
    return next === state ? state : settled(next, input, size);
  },
  pick: (state, row, input, size) => {
    const below = row - (size.rows > 1 ? 1 : 0);
    if (input.selected === null || below < 0 || below >= bodyRows(state, size)) return null;
    return at(state, stepped(readingOf(state, input), state.top, below, shapeOf(state, size)));
  },
  search: (state, search, input, size) => {
    const next = search === state.search ? state : {...state, search};
    return settled(toHit(next, input, size, 1, true), input, size);
  },
  matches: (state, input) => hitsIn(readingOf(state, input).document, state.search).length,
  settle: (state, input, size) => settled(state, input, size),
  lines: detailLines,
  actions: (state, input) => (input.selected === null ? [] : actionsOn(state, input)),
  isTicking: () => false,
};

function settled(state: DetailState, input: DetailInput, size: Size): DetailState {
  return settledDetail(state, input, shapeOf(state, size), bodyRows(state, size));
}

function actOnDetail(state: DetailState, action: Action, input: DetailInput, size: Size): DetailState {
  const reading = readingOf(state, input);
  const page = bodyRows(state, size);
  const by = (rows: number) => at(state, stepped(reading, state.cursor, rows, shapeOf(state, size)));
  const step = stepOf(action, page);
  if (step !== null) return by(step);
  switch (action) {
    case 'newest':
      return by(Number.POSITIVE_INFINITY);
    case 'unfold':
      return setFolded(state, reading, false);
    case 'fold':
      return setFolded(state, reading, true);
    case 'toggle':
      return toggled(state, reading);
    case 'foldAll':
      return setAllFolded(state, reading, true);
    case 'unfoldAll':
      return setAllFolded(state, reading, false);
    case 'raw':
      return {...state, raw: !state.raw, cursor: DETAIL_START.cursor, top: DETAIL_START.top};
    case 'wrap':
      return {...state, wraps: !state.wraps};
    case 'nextMatch':
      return toHit(state, input, size, 1);
    case 'previousMatch':
      return toHit(state, input, size, -1);
    default:
      return state;
  }
}

function at(state: DetailState, cursor: Position): DetailState {
  return cursor.line === state.cursor.line && cursor.row === state.cursor.row ? state : {...state, cursor};
}

function toHit(state: DetailState, input: DetailInput, size: Size, step: 1 | -1, inclusive = false): DetailState {
  const reading = readingOf(state, input);
  const hits = hitsIn(reading.document, state.search);
  const hit = nextHit(reading.document, hits, state.cursor, shapeOf(state, size), step, {inclusive});
  return hit === null ? state : at(revealed(state, reading, hit.line), hit);
}

function actionsOn(state: DetailState, input: DetailInput): Action[] {
  const {document} = readingOf(state, input);
  const line = document.lines[state.cursor.line];
  const actions: Action[] = ['down', 'up'];
  if (line && line.key !== null && hasBelow(document.outline, state.cursor.line))
    actions.push(isFoldedLine(line, state.turned) ? 'unfold' : 'fold', 'toggle');
  else if (line && line.depth > 0) actions.push('fold', 'toggle');
  if (state.search !== '') actions.push('nextMatch', 'previousMatch');
  return [
    ...actions,
    ...(['search', 'raw', 'wrap', 'pageDown', 'pageUp', 'halfUp', 'halfDown', 'first', 'last'] as const),
    ...(['foldAll', 'unfoldAll', 'copy'] as const),
  ];
}
