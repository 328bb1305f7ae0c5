import type {Look} from '../render/states.ts';
import {count, duration, shortCount} from '../render/values.ts';
import {joined, own, type Safe, safe} from '../text/safe.ts';
import {paint, type Style} from '../text/style.ts';
import {truncate, width} from '../text/width.ts';
import type {ScreenState} from './state.ts';
import type {World} from './world.ts';

interface Part {
  readonly text: Safe;
  readonly styles: readonly Style[];
}

const GAP = '  ';
const SHORTEST_NAME = 12;

/** Where the runs come from, what is kept of them, whether they are new. What there is no room for is left out whole. */
export function headerLine(name: string, state: ScreenState, world: World, nowMicros: number): Safe {
  const {columns} = world.size;
  const parts = [statusOf(state, world, nowMicros), ...figuresOf(world)];
  const title = own(' agno-trace ');
  let room = columns - width(title) - SHORTEST_NAME - 1;
  const shown = parts.filter(({text}, i) => {
    const needs = width(text) + GAP.length;
    if (i > 0 && needs > room) return false;
    room -= needs;
    return true;
  });
  const right = joined(
    shown.map(({text, styles}) => paint(text, ...styles)),
    GAP,
  );
  const rightWidth = shown.reduce((sum, {text}) => sum + width(text) + GAP.length, -GAP.length);
  const {filter} = world.snapshot;
  const words = own(`${safe(name)}${filter === '' ? '' : `${GAP}q: ${safe(filter)}`}`);
  const left = truncate(words, Math.max(0, columns - width(title) - rightWidth - GAP.length - 1));
  const space = ' '.repeat(Math.max(1, columns - width(title) - width(left) - rightWidth - 1));
  return own(`${paint(title, 'bold')}${left}${space}${right}`);
}

function statusOf({runs}: ScreenState, {snapshot, isLive, ascii}: World, nowMicros: number): Part {
  const {connection} = snapshot;
  if (connection.state === 'reconnecting') {
    const seconds = Math.max(0, Math.ceil((connection.retryAtMicros - nowMicros) / 1e6));
    return {
      text: own(`${ascii ? '!' : '◌'} reconnecting${seconds > 0 ? ` in ${seconds} s` : ''}`),
      styles: ['yellow', 'bold'],
    };
  }
  if (connection.state === 'waiting') return {text: own(`${ascii ? '~' : '◌'} WAITING`), styles: ['yellow', 'bold']};
  if (!isLive) return {text: own('HISTORY'), styles: ['bold']};
  if (runs.isFollowing) return {text: own(`${ascii ? '*' : '●'} LIVE`), styles: ['green', 'bold']};
  return {text: own(`${ascii ? 'o' : '○'} NOT FOLLOWING`), styles: ['yellow', 'bold']};
}

/** The most telling first. */
function figuresOf({snapshot}: World): Part[] {
  const {runs, older, hiddenTraffic, runsPerMinute, lagMs} = snapshot;
  const more = older === 'none' ? '' : '+';
  const parts = runs.filter(({judged}) => judged.record.part).length;
  const whole = runs.length - parts;
  const figures = [own(`${count(whole)}${more} ${whole === 1 ? 'run' : 'runs'}`)];
  if (lagMs !== null) figures.push(own(`lag ${duration(lagMs)}`));
  if (runsPerMinute !== null) figures.push(own(`${Number(runsPerMinute.toFixed(1))} runs/min`));
  if (hiddenTraffic) figures.push(own(`${shortCount(hiddenTraffic)} ${hiddenTraffic === 1 ? 'poll' : 'polls'} hidden`));
  if (parts > 0) figures.push(own(`${count(parts)}${more} loose ${parts === 1 ? 'part' : 'parts'}`));
  return figures.map(text => ({text, styles: ['dim']}));
}

/** A line with the names of the panes below it; the one that keys go to stands in brackets. */
export function titleRule(
  titles: readonly {readonly text: string; readonly isFocused: boolean}[],
  columns: number,
  {ascii}: Look,
): Safe {
  const dash = ascii ? '-' : '─';
  let used = 0;
  let out = '';
  for (const {text, isFocused} of titles) {
    const word = isFocused ? `[${text}]` : ` ${text} `;
    if (used + word.length + 1 > columns) break;
    out += paint(own(dash), 'dim') + paint(own(word), isFocused ? 'bold' : 'dim');
    used += word.length + 1;
  }
  return own(out + paint(own(dash.repeat(Math.max(0, columns - used))), 'dim'));
}
