import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import type {ChildFigure, Differing, Peers, Standing} from '../trace/peers.ts';
import {count, duration, usd} from './values.ts';

/** How a run compares with others, by label. */
export function peersFacts({runs, source, differing, ...figures}: Peers): (readonly [string, Safe])[] {
  const standings = [
    standing(figures.durationMs, ['time', 'faster', 'slower'], duration),
    standing(figures.totalTokens, ['tokens', 'fewer tokens', 'more tokens'], count),
    standing(figures.costUsd, ['cost', 'cheaper', 'more expensive'], usd),
  ].flatMap(text => text ?? []);
  const which = trusted(source === 'kept' ? 'read earlier' : 'in the 7 days before');
  return [
    ...(standings.length === 0
      ? []
      : [['peers', line`of ${count(runs)} runs ${which}: ${joined(standings, ', ')}`] as const]),
    ...(differing.length === 0 ? [] : [['unusual', joined(differing.map(unusual), ', ')] as const]),
  ];
}

/** The middle fifth counts as usual. */
const USUAL = 0.1;

function standing(
  of: Standing | null,
  [noun, below, above]: readonly [string, string, string],
  draw: (value: number) => Safe,
): Safe | null {
  if (of === null) return null;
  const {value, median, rank} = of;
  const of50 = line`(median ${draw(median)})`;
  if (value === median || Math.abs(rank - 0.5) <= USUAL) return line`${trusted(noun)} as usual ${of50}`;
  const share = Math.floor(100 * (rank > 0.5 ? rank : 1 - rank));
  return line`${trusted(`${rank > 0.5 ? above : below} than ${share}%`)} ${of50}`;
}

function unusual({figure, name, value, median}: Differing): Safe {
  const draw = (number: number) => DRAWN[figure](number);
  return line`${safe(name)} ${draw(value)} (usually ${draw(median)})`;
}

const DRAWN: Readonly<Record<ChildFigure, (value: number) => Safe>> = {
  durationMs: duration,
  calls: value => line`${count(value)} ${trusted(value === 1 ? 'call' : 'calls')}`,
  totalTokens: value => line`${count(value)} tokens`,
};
