import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** Like agents, for teams: includes the work of their members. */
export default defineQuestion({
  examples: [
    {line: 'teams --last 7d', answer: 'teams of the last week; times and tokens include members'},
    {
      line: 'teams --tool web_search --sort p95Ms',
      answer: 'teams by 95th percentile, over runs that call this tool',
    },
  ],
  ...componentRuns('team'),
});
