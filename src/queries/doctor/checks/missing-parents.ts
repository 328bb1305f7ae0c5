import {sql, table} from '../../../sql/sql.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {sweep, sweptCount} from '../sweep.ts';

export default defineCheck(async subject => {
  let count = 0;
  let sample: string | null = null;
  const swept = await sweep<{spans: number; sample: string | null}>(
    subject,
    {
      role: 'spans',
      column: 'parent_span_id',
      slice: range => sql`
select count(*) as spans, min(x.parent_span_id) as sample
  from ${table('spans')} x
 where ${range}
   and not exists (select 1 from ${table('spans')} p where p.span_id = x.parent_span_id)`,
    },
    row => {
      count += Number(row.spans);
      sample ??= row.sample;
    },
  );
  return {
    ...sweptCount(count, swept),
    severity: count > 0 ? 'info' : 'ok',
    sample,
    text:
      count > 0
        ? `${counted(count, 'span names', 'spans name')} a parent that is not stored: it is not written yet, was lost, or lives in another service.`
        : 'Every parent that a span names is stored.',
    command: sample === null ? null : ['show', sample],
    repair: null,
  };
});
