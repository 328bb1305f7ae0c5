import {type Safe, safe, trusted} from '../text/safe.ts';
import {paint, withoutStyles} from '../text/style.ts';
import {toWidth, truncate, wrap} from '../text/width.ts';
import {type Action, KEYS, keyText} from './keys.ts';
import type {Size} from './pane.ts';
import type {WantedPage} from './source.ts';
import type {ScreenState} from './state.ts';
import {paneActions, readableSpan, runsOfPage, sessionOf, type World} from './world.ts';

/** A page in front of the panes. */
export interface Overlay {
  readonly kind: 'help' | 'sql' | WantedPage['kind'];
  readonly top: number;
  /** A page about runs; null: it is another page. Its lines: null while they are read. */
  readonly page: {readonly wanted: WantedPage; readonly lines: readonly Safe[] | null} | null;
}

/** Keys that work whatever has the focus. */
const ALWAYS: readonly Action[] = [
  ...(['search', 'filter', 'columns', 'time', 'sql', 'help', 'back', 'quit', 'close', 'open'] as const),
  ...(['nextPane', 'previousPane', 'pane1', 'pane2', 'pane3', 'copy', 'zoom'] as const),
];
const KEY_WIDTH = 8;
const COLUMN = 52;

/** All lines of the page; `scrolled` and `overlayLines` select the visible ones. */
export function overlayRows({kind, page}: Overlay, state: ScreenState, world: World): readonly Safe[] {
  if (kind === 'help') return helpRows(state, world);
  if (kind === 'sql') return sqlRows(world);
  return page?.lines ?? [trusted(` reading ${world.ascii ? '...' : '…'}`)];
}

export function overlayLines(overlay: Overlay, state: ScreenState, world: World, size: Size): readonly Safe[] {
  return overlayRows(overlay, state, world).slice(overlay.top, overlay.top + size.rows);
}

/** @param count number of lines @param page number of lines visible at once */
export function scrolled(overlay: Overlay, action: Action, count: number, page: number): Overlay {
  const last = Math.max(0, count - page);
  const by: Partial<Record<Action, number>> = {
    up: -1,
    down: 1,
    pageUp: -page,
    pageDown: page,
    halfUp: -Math.ceil(page / 2),
    halfDown: Math.ceil(page / 2),
    first: -count,
    last: count,
    newest: count,
  };
  const top = Math.max(0, Math.min(last, overlay.top + (by[action] ?? 0)));
  return top === overlay.top ? overlay : {...overlay, top};
}

/** The keys that would do something now. */
function meaningful(state: ScreenState, world: World): ReadonlySet<Action> {
  const actions: Action[] = [...ALWAYS, ...paneActions(state, world)];
  if (runsOfPage(state, world, 'transcript')) actions.push('transcript', 'mark');
  if (runsOfPage(state, world, 'diff')) actions.push('diff');
  if (sessionOf(state, world) !== null) actions.push('session');
  if (readableSpan(state, world)) actions.push('pager', 'editor');
  return new Set(actions);
}

function helpRows(state: ScreenState, world: World): Safe[] {
  const isOneColumn = world.size.columns < 2 * COLUMN;
  const room = (isOneColumn ? world.size.columns : COLUMN) - 3;
  const now = meaningful(state, world);
  const groups = [...new Set(KEYS.map(({group}) => group))].map(group => [
    paint(trusted(` ${group}`), 'bold'),
    ...KEYS.filter(row => row.group === group).map(({action, shown, does}) => {
      const text = truncate(trusted(`   ${toWidth(trusted(keyText(shown, world.ascii)), KEY_WIDTH)} ${does}`), room);
      return now.has(action) ? text : paint(trusted(`${text} -`), 'dim');
    }),
    trusted(''),
  ]);
  const foot = [paint(trusted(' - has no effect here'), 'dim')];
  if (isOneColumn) return [...groups.flat(), ...foot];
  const half = Math.ceil(groups.length / 2);
  const [left, right] = [groups.slice(0, half).flat(), groups.slice(half).flat()];
  const rows = Array.from({length: Math.max(left.length, right.length)}, (_, i) =>
    trusted(`${toWidthStyled(left[i] ?? trusted(''), COLUMN)}${right[i] ?? ''}`),
  );
  return [...rows, ...foot];
}

/** For our own words, where every character has one column. */
function toWidthStyled(text: Safe, columns: number): Safe {
  return trusted(text + ' '.repeat(Math.max(0, columns - withoutStyles(text).length)));
}

function sqlRows({statements, size}: World): Safe[] {
  const all = statements();
  if (all.length === 0) return [trusted(' no statement was sent yet')];
  return all.flatMap(statement => [
    ...wrap(safe(`${statement};`, {multiline: true}), size.columns - 2).map(text => trusted(` ${text}`)),
    trusted(''),
  ]);
}
