import {inline, sql, table} from '../../sql/sql.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {countLonely} from '../sweep.ts';

export default defineCheck(async subject => {
  const {store} = subject;
  const found = await countLonely(subject, {role: 'traces', column: 'trace_id', other: 'spans', key: 'trace_id'});
  const {sample} = found;
  const count = found.count ?? 0;
  return {
    ...found,
    severity: count > 0 ? 'info' : 'ok',
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
