import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** As agents, of teams: what their members did is inside. */
export default defineQuestion({
  examples: [
    {line: 'teams --last 7d', answer: 'the teams of the last week, members included in their times and tokens'},
    {
      line: 'teams --tool web_search --sort p95Ms',
      answer: 'of the runs in which that tool was called, the slowest teams first',
    },
  ],
  ...componentRuns('team'),
});
