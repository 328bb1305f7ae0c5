import {ownedRuns} from './owned-runs.ts';
import {defineQuestion} from './question.ts';

/** What happened in each conversation. */
export default defineQuestion({
  examples: [
    {line: 'sessions --last 24h', answer: 'the conversations since yesterday, the newest first'},
    {line: 'sessions --user user-7 --sort costUsd', answer: 'of one user, the dearest first'},
  ],
  ...ownedRuns('session', {
    user: {
      column: {label: 'USER', description: 'its user; null where it has none, or several'},
      aggregate: 'case when count(distinct user_id) = 1 then max(user_id) end',
    },
    users: {
      column: {label: 'USERS', unit: 'count', description: 'different users'},
      aggregate: 'count(distinct user_id)',
    },
    firstSeen: {
      column: {label: 'FIRST SEEN', unit: 'time', description: 'start of the first run'},
      aggregate: 'min(first_micros)',
    },
    components: {
      column: {label: 'WHO', unit: 'count', description: 'different agents, teams and workflows that ran for it'},
      aggregate: 'count(distinct case when part = 0 then who end)',
    },
  }),
  sort: 'lastSeen',
});
