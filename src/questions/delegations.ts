import {IS_OF_RUNS} from '../facts/relations.ts';
import {sql} from '../sql/sql.ts';
import {ENDINGS, FIGURES, figures, foldedParts, MODELS, stateColumns, UNPRICED} from './figures.ts';
import {defineQuestion} from './question.ts';

/** Runs inside runs: who asked whom, and with what result. */
export default defineQuestion({
  examples: [
    {line: 'delegations --team "Support*"', answer: 'members that a team asks, most frequent first'},
    {line: 'delegations --last 7d --sort failedShare', answer: 'delegations of the last week, most failures first'},
  ],
  every: true,
  columns: {
    caller: {label: 'CALLER', description: 'the agent, team or workflow around it'},
    member: {label: 'MEMBER', description: 'the member it asked; null: no such member'},
    calls: {label: 'CALLS', unit: 'count', description: 'runs of the member; a paused run counts once'},
    ...FIGURES,
    ...stateColumns(ENDINGS),
    unpricedCalls: UNPRICED,
    via: {label: 'VIA', description: 'the tool or step that made the call; null: the caller itself'},
    runs: {label: 'IN RUNS', unit: 'count', description: 'different runs with this delegation'},
    sample: {label: 'SAMPLE', description: 'span id of the newest failed call, else of the newest call'},
    models: MODELS,
  },
  sort: 'calls',
  note: "times, tokens and cost are of the member's runs, with everything inside them",
  sql: ({eachRunSpan, stretch}) => sql`
with ${foldedParts(
    sql`
select coalesce(begin_key, span_key) as id, own_run_id as run_id, span_id, start_micros, state, duration_ms, within_tokens as tokens, within_cost_pusd as cost_pusd, within_unpriced as unpriced,
       caller, case when kind in ('agent', 'team', 'workflow') then name end as member, via, main_model as model,
       ${stretch} as time, trace_id || ' ' || run_span_id as in_run
  from (${eachRunSpan}
  )
 where kind in ('agent', 'team', 'workflow', 'tool') and (caller is not null or own_run_id is not null) and ${IS_OF_RUNS}`,
    ['caller', 'member', 'via', 'model', 'time', 'in_run'],
  )}
select * from (${figures(['caller', 'member', 'via', 'time'], ENDINGS, {
    calls: 'count(*)',
    runs: 'count(distinct in_run)',
    sample:
      "substr(max(case when state = 'error' then '1' else '0' end || printf('%020d', start_micros) || span_id), 22)",
  })}
)
 where caller is not null`,
});
