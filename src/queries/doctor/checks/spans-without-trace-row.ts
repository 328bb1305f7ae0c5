import {sql, table} from '../../../sql/sql.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {sweep, sweptCount} from '../sweep.ts';

/** Agno 2 writes the span of a batch even when the trace row was lost to a lock (agno.md 2.7). */
export default defineCheck(async subject => {
  let count = 0;
  let sample: string | null = null;
  const swept = await sweep<{spans: number; sample: string | null}>(
    subject,
    {
      role: 'spans',
      column: 'trace_id',
      slice: range => sql`
select count(*) as spans, min(x.trace_id) as sample
  from ${table('spans')} x
 where ${range}
   and not exists (select 1 from ${table('traces')} t where t.trace_id = x.trace_id)`,
    },
    row => {
      count += Number(row.spans);
      sample ??= row.sample;
    },
  );
  return {
    ...sweptCount(count, swept),
    severity: count > 0 ? 'warning' : 'ok',
    sample,
    text:
      count > 0
        ? `${counted(count, 'span has', 'spans have')} no trace row: a write of Agno's was lost, and Agno does not list them.`
        : 'Every span has its trace row.',
    command: sample === null ? null : ['show', sample],
    repair: null,
  };
});
