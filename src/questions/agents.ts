import {componentRuns} from './component-runs.ts';
import {defineQuestion} from './question.ts';

/** Whose runs they are, how they end, and what they take. */
export default defineQuestion({
  examples: [
    {line: 'agents --last 7d', answer: 'the agents of the last week, those with most runs first'},
    {line: 'agents --sort failedShare --every 1d', answer: 'day by day, those that fail most first'},
  ],
  ...componentRuns('agent'),
});
