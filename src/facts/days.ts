import {time} from '../sql/fragments.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';

/** Days, from `from` (inclusive) to `until` (exclusive), by the text of `start_time`. */
export interface DayRange {
  /** `2026-11-22`; empty: no lower bound. */
  readonly from: string;
  /** Exclusive; `~`: no upper bound. */
  readonly until: string;
}
export const ALL_DAYS: DayRange = {from: '', until: '~'};

/** The days as a test on the time of a span `s`: under any collation, a date sorts before all times of its day. */
export function where({from, until}: DayRange): Sql {
  const tests = [
    ...(from === '' ? [] : [sql`s.start_time >= ${time(from)}`]),
    ...(until === '~' ? [] : [sql`s.start_time < ${time(until)}`]),
  ];
  return join(tests, ' and ', raw('true'));
}

export function holds({from, until}: DayRange, day: string): boolean {
  return day >= from && (until === '~' || day < until);
}

/** The parts of a range that are in none of the others. */
export function without(range: DayRange, held: readonly DayRange[]): DayRange[] {
  const parts: DayRange[] = [];
  let {from} = range;
  for (const other of held) {
    if (other.until <= from) continue;
    if (other.from >= range.until) break;
    if (other.from > from) parts.push({from, until: other.from});
    from = other.until;
  }
  if (from < range.until) parts.push({from, until: range.until});
  return parts;
}

/** The parts of a range that are in one of the others. */
export function overlapping(range: DayRange, held: readonly DayRange[]): DayRange[] {
  return held.flatMap(({from, until}) => {
    const part = {from: from > range.from ? from : range.from, until: until < range.until ? until : range.until};
    return part.from < part.until ? [part] : [];
  });
}

export function mergedRanges(ranges: readonly DayRange[]): DayRange[] {
  const result: DayRange[] = [];
  for (const range of [...ranges].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = result.at(-1);
    if (last && range.from <= last.until)
      result[result.length - 1] = {from: last.from, until: range.until > last.until ? range.until : last.until};
    else result.push(range);
  }
  return result;
}

const DAY = /^\d{4}-\d\d-\d\d/;

export function dayOf(startTime: unknown): string | null {
  return DAY.exec(String(startTime))?.[0] ?? null;
}

export function dayAfter(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10);
}
