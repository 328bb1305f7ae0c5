import {andOnClickhouse} from '../../sql/fragments.ts';
import {EMPTY, either, raw, sql, table} from '../../sql/sql.ts';
import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

/** One month is enough: a span is sent again at once, or never. */
const IN_MONTH = andOnClickhouse(
  sql`s.start_time >= (select max(n.start_time) from ${table('spans')} n) - toIntervalDay(31)`,
);

export default defineCheck(async ({store, countMs}) => {
  if (!TRAITS[store.dialect].hasPartialTraceRows) return null;
  const isAll = !Number.isFinite(countMs);
  const within = sql`true${isAll ? EMPTY : IN_MONTH}`;
  // Hashes take half the memory of the ids, and a quarter of the time.
  const distinct = raw('uniqExact(cityHash64(s.trace_id, s.span_id))');
  const [row] = await store.all<{doubled: number}>(sql`
select count(*) - ${either({sqlite: raw('0'), postgres: raw('0'), clickhouse: distinct})} as doubled
  from ${table('spans')} s
 where ${within}`);
  const count = Number(row?.doubled ?? 0);
  const [sample] =
    count === 0
      ? []
      : await store.all<{trace_id: string}>(sql`
select s.trace_id
  from ${table('spans')} s
 where ${within}
 group by s.trace_id, s.span_id
having count(*) > 1
 limit 1`);
  return {
    count,
    isComplete: isAll,
    covered: isAll ? 'all spans' : 'the newest month',
    severity: count > 0 ? 'info' : 'ok',
    sample: sample?.trace_id ?? null,
    text:
      count > 0
        ? `${counted(count, 'row is a span', 'rows are spans')} that ${count === 1 ? 'is' : 'are'} stored already: sent twice. agno-trace counts each span once; slowest and your own statements do not.`
        : 'No span is stored twice.',
    command: sample ? ['show', sample.trace_id] : null,
    repair: null,
  };
});
