import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** Like agents, for workflows: includes the work of their steps. */
export default defineQuestion({
  examples: [
    {line: 'workflows --last 7d', answer: 'workflows of the last week, most runs first'},
    {
      line: 'workflows --state error,degraded --sort lastSeen',
      answer: 'workflows with failures, newest first',
    },
  ],
  ...componentRuns('workflow'),
});
