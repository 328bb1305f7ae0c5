import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

export default defineRunCheck(({traces, isComplete, covered}) => {
  const spans = traces.flatMap(trace => trace.backwards);
  const [first] = spans;
  return {
    severity: first ? 'warning' : 'ok',
    count: spans.length,
    isComplete,
    covered: `spans of ${covered}`,
    sample: first ?? null,
    text: first
      ? `${counted(spans.length, 'span ends', 'spans end')} before it starts: the clock of the program that runs Agno was set back. Such durations are unknown and left out of averages and sums.`
      : 'Every span ends after it starts.',
    command: first ? ['show', first] : null,
    repair: null,
  };
});
