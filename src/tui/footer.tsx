import {Box, Spacer} from 'ink';
import {type Safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {width} from '../text/width.ts';
import {type Action, KEYS, type KeyRow, keyText} from './keys.ts';
import {newRuns} from './runs/state.ts';
import {WholeText} from './safe-text.tsx';
import type {ScreenState} from './state.ts';
import {paneActions, runsInput, type World} from './world.ts';

const MOST_KEYS = 7;
const GAP = 2;
const ROWS = new Map<Action, KeyRow>(KEYS.map(row => [row.action, row]));
/** Always there, at the end. */
const LAST: readonly Action[] = ['filter', 'help', 'back'];

interface FooterProps {
  readonly state: ScreenState;
  readonly world: World;
}

/** The keys that do something now, and what is new above or below. */
export function Footer({state, world}: FooterProps) {
  const {columns} = world.size;
  const news = newsOf(state, world);
  const hints = state.overlay ? overlayHints(world) : hintsOf(state, world);
  return (
    <Box width={columns} height={1} flexShrink={0} paddingX={1} columnGap={GAP}>
      {fitting(hints, columns - 1 - width(news)).map(({action, key, word}) => (
        <WholeText key={action}>{trusted(paint(trusted(key), 'bold') + paint(trusted(` ${word}`), 'dim'))}</WholeText>
      ))}
      <Spacer />
      {news === '' ? null : <WholeText>{paint(news, 'bold', 'cyan')}</WholeText>}
    </Box>
  );
}

/** Runs that began since the cursor was moved, with their place if they are together, and the key that leads there. */
function newsOf({runs}: ScreenState, world: World): Safe {
  const fresh = newRuns(runs, runsInput(world));
  const way = {newest: '↑ ', oldest: '↓ ', time: '', tokens: ''}[runs.order];
  return trusted(fresh === 0 ? '' : `${fresh} new ${keyText(way, world.ascii)}G`);
}

/** As many as fit, always including the last ones. */
function fitting(hints: readonly Hint[], columns: number): readonly Hint[] {
  const last = hints.filter(({action}) => LAST.includes(action));
  let room = columns - widthOf(last);
  const first = hints
    .filter(({action}) => !LAST.includes(action))
    .slice(0, MOST_KEYS - last.length)
    .filter(hint => {
      room -= widthOf([hint]);
      return room >= 0;
    });
  return [...first, ...last];
}

interface Hint {
  readonly action: Action;
  readonly key: string;
  readonly word: string;
}

function widthOf(hints: readonly Hint[]): number {
  return hints.reduce((sum, {key, word}) => sum + width(trusted(key)) + 1 + width(trusted(word)) + GAP, 0);
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
