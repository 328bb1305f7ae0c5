import {isStoredStatusWrong} from '../../trace/judge.ts';
import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

/**
 * The trace row's status is that of the last batch (docs/agno.md, Stored status), so this is Agno's normal behaviour:
 * worth knowing, but nothing to repair.
 */
export default defineRunCheck(({runs, isComplete, covered}) => {
  const wrong = runs.filter(run => !run.part && isStoredStatusWrong(run.state, run.storedStatus));
  const [first] = wrong;
  const hidden = wrong.filter(run => run.storedStatus === 'OK').length;
  return {
    severity: first ? 'info' : 'ok',
    count: wrong.length,
    isComplete,
    covered,
    sample: first?.traceId ?? null,
    text: first
      ? `The stored status is wrong for ${counted(wrong.length, 'run')}: ${hidden} stored as OK failed or were cancelled, ${wrong.length - hidden} stored as ERROR continued.`
      : 'The stored status agrees with what happened.',
    command: first ? ['show', first.traceId] : null,
    repair: null,
  };
});
