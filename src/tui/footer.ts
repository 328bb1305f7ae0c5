import {own, type Safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {width} from '../text/width.ts';
import {type Action, KEYS, type KeyRow, keyText} from './keys.ts';
import {newRuns} from './runs/state.ts';
import type {ScreenState} from './state.ts';
import {paneActions, runsInput, type World} from './world.ts';

const MOST_KEYS = 7;
const GAP = '  ';
const ROWS = new Map<Action, KeyRow>(KEYS.map(row => [row.action, row]));
/** Always there, at the end. */
const LAST: readonly Action[] = ['filter', 'help', 'back'];

/** The keys that do something now, and what is new above or below. */
export function footerLine(state: ScreenState, world: World): Safe {
  const {columns} = world.size;
  const fresh = newRuns(state.runs, runsInput(world));
  const news = fresh === 0 ? '' : `${fresh} new ${keyText(state.runs.order === 'oldest' ? '↓' : '↑', world.ascii)} G `;
  const hints = state.overlay ? overlayHints(world) : hintsOf(state, world);
  const last = hints.filter(({action}) => LAST.includes(action));
  let room = columns - 1 - news.length - widthOf(last);
  const shown = hints
    .filter(({action}) => !LAST.includes(action))
    .slice(0, MOST_KEYS - last.length)
    .filter(hint => {
      room -= widthOf([hint]);
      return room >= 0;
    });
  const all = [...shown, ...last];
  const text = all.map(({key, word}) => paint(own(key), 'bold') + paint(own(` ${word}`), 'dim')).join(GAP);
  const space = ' '.repeat(Math.max(0, columns - 1 - widthOf(all) - news.length));
  return own(` ${text}${space}${paint(own(news), 'bold', 'cyan')}`);
}

interface Hint {
  readonly action: Action;
  readonly key: string;
  readonly word: string;
}

function widthOf(hints: readonly Hint[]): number {
  return hints.reduce((sum, {key, word}) => sum + width(own(key)) + 1 + width(own(word)) + GAP.length, 0);
}

function hintsOf(state: ScreenState, world: World): Hint[] {
  const actions: readonly Action[] = [...paneActions(state, world), 'nextPane', ...LAST];
  return [...new Set(actions)].flatMap(action => {
    const brief = ROWS.get(action)?.brief;
    if (!brief) return [];
    const word = action === 'back' && state.focus !== 'runs' ? 'back' : brief[1];
    return [{action, key: keyText(brief[0], world.ascii), word}];
  });
}

function overlayHints({ascii}: World): Hint[] {
  return [
    {action: 'down', key: keyText('↑↓', ascii), word: 'scroll'},
    {action: 'back', key: 'Esc', word: 'close'},
  ];
}
