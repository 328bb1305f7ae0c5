import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

export default defineRunCheck(({traces, isComplete, covered}) => {
  const spans = traces.flatMap(trace => trace.doubtful);
  const [first] = spans;
  return {
    severity: first ? 'warning' : 'ok',
    count: spans.length,
    isComplete,
    covered: `model calls of ${covered}`,
    sample: first?.spanId ?? null,
    text: first
      ? `${counted(spans.length, 'model call holds', 'model calls hold')} a number of tokens that is hard to believe, for example ${first.problem}. They count in every sum, and in the cost.`
      : 'Numbers of tokens do not contradict each other, and no prompt is larger than its model takes.',
    command: first ? ['show', first.spanId] : null,
    repair: null,
  };
});
