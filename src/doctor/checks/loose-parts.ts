import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

export default defineRunCheck(({runs, isComplete, covered}) => {
  const parts = runs.filter(run => run.part);
  const [first] = parts;
  return {
    severity: first ? 'info' : 'ok',
    count: parts.length,
    isComplete,
    covered,
    sample: first?.spanId ?? null,
    text: first
      ? `${counted(parts.length, 'loose part')}: finished work outside any run, such as a memory manager's, or a resumed tool of Agno 2.`
      : 'All finished work belongs to a run.',
    command: first ? ['show', first.traceId] : null,
    repair: null,
  };
});
