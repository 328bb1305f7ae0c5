import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

export default defineRunCheck(({traces, isComplete, covered}) => {
  const spans = traces.flatMap(trace => trace.unreadable);
  const [first] = spans;
  return {
    severity: first ? 'warning' : 'ok',
    count: spans.length,
    isComplete,
    covered: `spans of ${covered}`,
    sample: first?.spanId ?? null,
    text: first
      ? `${counted(spans.length, 'span holds', 'spans hold')} a value that cannot be read, for example ${JSON.stringify(first.problem)}; the rest of the row is shown.`
      : 'Every row can be read.',
    command: first ? ['show', first.spanId] : null,
    repair: null,
  };
});
