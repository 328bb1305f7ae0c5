import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

export default defineRunCheck(({traces, isComplete, covered}) => {
  const shared = traces.filter(({runs}) => runs.filter(run => !run.part).length > 1);
  const [first] = shared;
  return {
    severity: first ? 'info' : 'ok',
    count: shared.length,
    isComplete,
    covered,
    sample: first?.traceId ?? null,
    text: first
      ? `${counted(shared.length, 'trace holds', 'traces hold')} several runs: context leaked from an ended run, or one request started several; Agno shows them as one.`
      : 'No trace holds more than one run.',
    command: first ? ['show', first.traceId] : null,
    repair: null,
  };
});
