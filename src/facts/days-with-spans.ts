import {sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {type DayRange, dayAfter, dayOf, where} from './days.ts';

/**
 * Splits a range into pieces with the spans of one day each. Days without spans belong to the piece that follows them:
 * one span with a wrong clock may be decades away. Everything before the first and after the last day is included.
 */
export async function daysWithSpans(store: Store, range: DayRange): Promise<DayRange[]> {
  const [row] = await store.all<{first: unknown; last: unknown}>(sql`
select (select min(s.start_time) from ${table('spans')} s where ${where(range)}) as first,
       (select max(s.start_time) from ${table('spans')} s where ${where(range)}) as last`);
  if (row?.first == null) return [range];
  const last = dayOf(row.last);
  const days: DayRange[] = [];
  let {from} = range;
  let day = realDay(row.first);
  while (last !== null && day !== null && day < last) {
    const until = dayAfter(day);
    days.push({from, until});
    from = until;
    day = await firstDay(store, {from, until: range.until});
  }
  days.push({from, until: range.until});
  return days;
}

/** The first day with spans in a range; null: what is there has no day. */
async function firstDay(store: Store, range: DayRange): Promise<string | null> {
  const [row] = await store.all<{first: unknown}>(
    sql`select min(s.start_time) as first from ${table('spans')} s where ${where(range)}`,
  );
  return realDay(row?.first ?? null);
}

/** Null also for a day that no calendar has: there is none after it. */
function realDay(startTime: unknown): string | null {
  const day = dayOf(startTime);
  return day === null || Number.isNaN(Date.parse(day)) ? null : day;
}
