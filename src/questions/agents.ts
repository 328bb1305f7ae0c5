import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** Who ran, how the runs ended, and what they cost. */
export default defineQuestion({
  examples: [
    {line: 'agents --last 7d', answer: 'agents of the last week, most runs first'},
    {line: 'agents --sort failedShare --every 1d', answer: 'day by day, highest failure share first'},
  ],
  ...componentRuns('agent'),
});
