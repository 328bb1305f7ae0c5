import {inline, sql, table} from '../../../sql/sql.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {sweep, sweptCount} from '../sweep.ts';

export default defineCheck(async subject => {
  const {store} = subject;
  let count = 0;
  let sample: string | null = null;
  const swept = await sweep<{traces: number; sample: string | null}>(
    subject,
    {
      role: 'traces',
      column: 'trace_id',
      slice: range => sql`
select count(*) as traces, min(x.trace_id) as sample
  from ${table('traces')} x
 where ${range}
   and not exists (select 1 from ${table('spans')} s where s.trace_id = x.trace_id)`,
    },
    row => {
      count += Number(row.traces);
      sample ??= row.sample;
    },
  );
  return {
    ...sweptCount(count, swept),
    severity: count > 0 ? 'info' : 'ok',
    sample,
    text:
      count > 0
        ? `${counted(count, 'trace row has', 'trace rows have')} no spans: they were deleted, or their write was lost.`
        : 'Every trace row has spans.',
    command: null,
    repair:
      sample === null
        ? null
        : `${inline(sql`select * from ${table('traces')} where trace_id = ${sample}`, store.dialect, store.tables)};`,
  };
});
