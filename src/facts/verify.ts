import {sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {type DayRange, where} from './days.ts';

export async function countSpans(store: Store, ranges: readonly DayRange[]): Promise<number> {
  let total = 0;
  for (const range of ranges) {
    const [row] = await store.all<{n: unknown}>(
      sql`select count(*) as n from ${table('spans')} s where ${where(range)}`,
    );
    total += Number(row!.n);
  }
  return total;
}
