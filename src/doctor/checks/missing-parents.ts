import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {countLonely} from '../sweep.ts';

/** The driver allows one statement at a time in a session. */
const CLIENT_WITHOUT_SESSION = 'ClickhouseDb(client=clickhouse_connect.get_client(..., autogenerate_session_id=False))';

export default defineCheck(async subject => {
  const found = await countLonely(subject, {role: 'spans', column: 'parent_span_id', other: 'spans', key: 'span_id'});
  const {sample} = found;
  const count = found.count ?? 0;
  const {losesParallelExports, name} = TRAITS[subject.store.dialect];
  return {
    ...found,
    severity: count > 0 ? 'info' : 'ok',
    text:
      count > 0
        ? `${counted(count, 'span names', 'spans name')} a parent that is not stored: it is not written yet, was lost, or belongs to another service.${losesParallelExports ? ` On ${name} Agno loses spans if two threads export at once, unless it is given a client without a session.` : ''}`
        : 'Every parent that a span names is stored.',
    command: sample === null ? null : ['show', sample],
    repair: count > 0 && losesParallelExports ? CLIENT_WITHOUT_SESSION : null,
  };
});
