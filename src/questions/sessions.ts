import {ownedRuns} from './owned-runs.ts';
import {defineQuestion} from './question.ts';

/** What happened in each conversation. */
export default defineQuestion({
  examples: [
    {line: 'sessions --last 24h', answer: 'conversations of the last 24 hours, newest first'},
    {line: 'sessions --user user-7 --sort costUsd', answer: 'sessions of one user, most expensive first'},
  ],
  ...ownedRuns('session', {
    user: {
      column: {label: 'USER', description: 'its user; null if none or several'},
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
      column: {label: 'WHO', unit: 'count', description: 'different agents, teams and workflows in it'},
      aggregate: 'count(distinct case when part = 0 then who end)',
    },
  }),
  sort: 'lastSeen',
});
