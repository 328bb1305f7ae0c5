import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {countLonely} from '../sweep.ts';

/** Agno 2 writes the spans of a batch even if a lock made it lose the trace row (docs/agno.md, SQLite files). */
export default defineCheck(async subject => {
  const found = await countLonely(subject, {role: 'spans', column: 'trace_id', other: 'traces', key: 'trace_id'});
  const {sample} = found;
  const count = found.count ?? 0;
  return {
    ...found,
    severity: count > 0 ? 'warning' : 'ok',
    text:
      count > 0
        ? `${counted(count, 'span has', 'spans have')} no trace row: one of Agno's writes was lost, and Agno does not list these spans.`
        : 'Every span has its trace row.',
    command: sample === null ? null : ['show', sample],
    repair: null,
  };
});
