import {andOnClickhouse, time} from '../sql/fragments.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';
import {agnoTime} from '../trace/time.ts';

const MONTH_MICROS = 31 * 86_400_000_000;

/**
 * What is looked for before or after a moment, among so many spans, is looked for within a month of it on ClickHouse, where a
 * statement without such a bound reads every month there is.
 */
export function withinMonth(alias: string, micros: number, side: 'before' | 'after' | 'around'): Sql {
  const column = raw(`${alias}.start_time`);
  const tests = [
    ...(side === 'after' ? [] : [sql`${column} >= ${time(agnoTime(micros - MONTH_MICROS))}`]),
    ...(side === 'before' ? [] : [sql`${column} <= ${time(agnoTime(micros + MONTH_MICROS))}`]),
  ];
  return andOnClickhouse(join(tests, ' and '));
}
