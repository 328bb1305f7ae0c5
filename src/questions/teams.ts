import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** As agents, of teams: what their members did is inside. */
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
