import {ownedRuns} from './owned-runs.ts';
import {defineQuestion} from './question.ts';

/** What each user's runs did and cost. */
export default defineQuestion({
  examples: [
    {line: 'users --last 30d --sort costUsd', answer: 'users by cost in the last month'},
    {line: 'users --state error,cancelled,lost', answer: 'users with the most unsuccessful runs'},
  ],
  ...ownedRuns('user', {
    sessions: {
      column: {label: 'SESSIONS', unit: 'count', description: 'different sessions'},
      aggregate: 'count(distinct session_id)',
    },
    firstSeen: {
      column: {label: 'FIRST SEEN', unit: 'time', description: 'start of the first run'},
      aggregate: 'min(first_micros)',
    },
  }),
  sort: 'runs',
});
