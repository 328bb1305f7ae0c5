import {Box} from 'ink';
import {count, duration, shortCount} from '../render/values.ts';
import {type Safe, safe, trusted} from '../text/safe.ts';
import {paint, type Style} from '../text/style.ts';
import {width} from '../text/width.ts';
import {SafeText, WholeText} from './safe-text.tsx';
import type {ScreenState} from './state.ts';
import type {World} from './world.ts';

interface Part {
  readonly text: Safe;
  readonly styles: readonly Style[];
}

const TITLE = trusted(' agno-trace ');
const GAP = 2;
const SHORTEST_NAME = 12;

interface HeaderProps {
  /** The source of the runs. */
  readonly name: string;
  readonly state: ScreenState;
  readonly world: World;
  readonly nowMicros: number;
}

/** The source of the runs, what is kept of them, whether they are up to date. */
export function Header({name, state, world, nowMicros}: HeaderProps) {
  const {columns} = world.size;
  const {filter} = world.snapshot;
  const room = columns - TITLE.length - SHORTEST_NAME - 1;
  return (
    <Box width={columns} height={1} flexShrink={0} paddingRight={1} columnGap={GAP}>
      <Box flexGrow={1}>
        <WholeText>{paint(TITLE, 'bold')}</WholeText>
        <SafeText>{trusted(`${safe(name)}${filter === '' ? '' : `${' '.repeat(GAP)}q: ${safe(filter)}`}`)}</SafeText>
      </Box>
      {fitting([statusOf(state, world, nowMicros), ...figuresOf(world)], room).map(({text, styles}) => (
        <WholeText key={text}>{paint(text, ...styles)}</WholeText>
      ))}
    </Box>
  );
}

/** Parts that do not fit are left out completely, but never the first. */
function fitting(parts: readonly Part[], columns: number): readonly Part[] {
  let room = columns;
  return parts.filter(({text}, i) => {
    const needs = width(text) + GAP;
    if (i > 0 && needs > room) return false;
    room -= needs;
    return true;
  });
}

function statusOf({runs}: ScreenState, {snapshot, isLive, ascii}: World, nowMicros: number): Part {
  const {connection} = snapshot;
  if (connection.state === 'reconnecting') {
    const seconds = Math.max(0, Math.ceil((connection.retryAtMicros - nowMicros) / 1e6));
    return {
      text: trusted(`${ascii ? '!' : '◌'} reconnecting${seconds > 0 ? ` in ${seconds} s` : ''}`),
      styles: ['yellow', 'bold'],
    };
  }
  if (connection.state === 'waiting')
    return {text: trusted(`${ascii ? '~' : '◌'} WAITING`), styles: ['yellow', 'bold']};
  if (!isLive) return {text: trusted('HISTORY'), styles: ['bold']};
  if (runs.isFollowing) return {text: trusted(`${ascii ? '*' : '●'} LIVE`), styles: ['green', 'bold']};
  return {text: trusted(`${ascii ? 'o' : '○'} NOT FOLLOWING`), styles: ['yellow', 'bold']};
}

/** The most informative first. */
function figuresOf({snapshot}: World): Part[] {
  const {runs, older, hiddenTraffic, runsPerMinute, lagMs} = snapshot;
  const more = older === 'none' ? '' : '+';
  const parts = runs.filter(({judged}) => judged.record.part).length;
  const whole = runs.length - parts;
  const figures = [trusted(`${count(whole)}${more} ${whole === 1 ? 'run' : 'runs'}`)];
  if (lagMs !== null) figures.push(trusted(`lag ${duration(lagMs)}`));
  if (runsPerMinute !== null) figures.push(trusted(`${Number(runsPerMinute.toFixed(1))} runs/min`));
  if (hiddenTraffic)
    figures.push(
      trusted(
        `${shortCount(hiddenTraffic)} ${hiddenTraffic === 1 ? 'dashboard request' : 'dashboard requests'} hidden`,
      ),
    );
  if (parts > 0) figures.push(trusted(`${count(parts)}${more} loose ${parts === 1 ? 'part' : 'parts'}`));
  return figures.map(text => ({text, styles: ['dim']}));
}
