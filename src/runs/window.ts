import {andOnClickhouse, time} from '../sql/fragments.ts';
import {either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import {agnoTime} from '../trace/time.ts';

const MONTH_MICROS = 31 * 86_400_000_000;

/**
 * Limits a search before or after a moment to one month on ClickHouse. Without such a bound, a statement there reads
 * every month.
 */
export function withinMonth(alias: string, micros: number, side: 'before' | 'after' | 'around'): Sql {
  const column = raw(`${alias}.start_time`);
  const tests = [
    ...(side === 'after' ? [] : [sql`${column} >= ${time(agnoTime(micros - MONTH_MICROS))}`]),
    ...(side === 'before' ? [] : [sql`${column} <= ${time(agnoTime(micros + MONTH_MICROS))}`]),
  ];
  return andOnClickhouse(join(tests, ' and '));
}

/**
 * A test on a span `s`: it is among so many of those that pass `bound`, from its latest or its first on. On ClickHouse, where an id
 * leads nowhere, by the time of the last of them, so that nothing else is read.
 * @param bound on a span of this alias
 */
export function isAmong(bound: (alias: string) => Sql, from: 'latest' | 'first', count: number): Sql {
  const order = raw(from === 'latest' ? 'desc' : 'asc');
  const those = (column: string) =>
    sql`select a.${raw(column)} from ${table('spans')} a where ${bound('a')} order by a.start_time ${order} limit ${raw(String(count))}`;
  const byId = sql`s.span_id in (select n.span_id from (${those('span_id')}) n)`;
  const [compared, outermost] = from === 'latest' ? ['>=', 'min'] : ['<=', 'max'];
  return either({
    sqlite: byId,
    postgres: byId,
    clickhouse: sql`${bound('s')} and s.start_time ${raw(compared)} (select ${raw(outermost)}(n.start_time) from (${those('start_time')}) n)`,
  });
}
