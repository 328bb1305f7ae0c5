import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** As agents, of workflows: what their steps did is inside. */
export default defineQuestion({
  examples: [
    {line: 'workflows --last 7d', answer: 'the workflows of the last week, those with most runs first'},
    {
      line: 'workflows --state error,degraded --sort lastSeen',
      answer: 'those in which something failed, the newest first',
    },
  ],
  ...componentRuns('workflow'),
});
