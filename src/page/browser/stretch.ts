import {duration} from '../../render/values.ts';

/** A period, in microseconds after the start of the run. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

const STEPS = [1, 2, 5];
const MOST_TICKS = 6;

/** Round times in a period, and their positions in it. */
export function axisTicks({from, to}: Stretch): {part: number; text: string}[] {
  const length = to - from;
  const rough = length / MOST_TICKS;
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = Math.max(1, power * (STEPS.find(n => n * power >= rough) ?? 10));
  const ticks: {part: number; text: string}[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step)
    ticks.push({part: (at - from) / length, text: moment(at, step)});
  return ticks;
}

/** A time on the axis, with the precision of its steps. */
function moment(micros: number, step: number): string {
  if (micros === 0) return '0';
  if (step < 1000) return `${Number((micros / 1000).toFixed(3))}ms`;
  if (step < 1_000_000 && micros < 60_000_000)
    return micros < 1_000_000 ? `${micros / 1000}ms` : `${Number((micros / 1e6).toFixed(3))}s`;
  return duration(micros / 1000);
}
