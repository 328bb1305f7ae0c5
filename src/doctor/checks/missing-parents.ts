import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {countLonely} from '../sweep.ts';

export default defineCheck(async subject => {
  const found = await countLonely(subject, {role: 'spans', column: 'parent_span_id', other: 'spans', key: 'span_id'});
  const {sample} = found;
  const count = found.count ?? 0;
  return {
    ...found,
    severity: count > 0 ? 'info' : 'ok',
    text:
      count > 0
        ? `${counted(count, 'span names', 'spans name')} a parent that is not stored: it is not written yet, was lost, or belongs to another service.`
        : 'Every parent that a span names is stored.',
    command: sample === null ? null : ['show', sample],
    repair: null,
  };
});
