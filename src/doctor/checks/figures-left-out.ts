import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

export default defineRunCheck(({traces, isComplete, covered}) => {
  const spans = traces.flatMap(trace => trace.leftOut);
  const [first] = spans;
  return {
    severity: first ? 'warning' : 'ok',
    count: spans.length,
    isComplete,
    covered: `spans of ${covered}`,
    sample: first?.spanId ?? null,
    text: first
      ? `${counted(spans.length, 'span holds', 'spans hold')} an impossible number, which is left out of every sum, for example ${first.problem}.`
      : 'Every number is plausible.',
    command: first ? ['show', first.spanId] : null,
    repair: null,
  };
});
