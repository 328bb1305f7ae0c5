import {sql} from '../sql/sql.ts';
import {ENDINGS, FIGURES, figures, MODELS, stateColumns, UNPRICED} from './figures.ts';
import {defineQuestion} from './question.ts';

const STATES = ENDINGS.filter(state => state !== 'paused');

/** What the steps of workflows take and how they end; each execution is a row of Agno's, including repeated ones. */
export default defineQuestion({
  examples: [
    {line: 'steps --workflow "Content*"', answer: 'steps of one workflow, most executions first'},
    {line: 'steps --last 7d --sort p95Ms', answer: 'steps of the last week, slowest first'},
  ],
  every: true,
  columns: {
    step: {label: 'STEP', description: 'workflow / step; only the step if its workflow is unknown'},
    runs: {label: 'RUNS', unit: 'count', description: 'executions; a loop or a retry makes several in one run'},
    workflowRuns: {label: 'IN RUNS', unit: 'count', description: 'runs with this step; loose parts do not count'},
    ...FIGURES,
    ...stateColumns(STATES),
    unpricedCalls: UNPRICED,
    models: MODELS,
  },
  sort: 'runs',
  note: 'durations from start to end of each execution',
  sql: ({eachRunSpan, stretch}) => sql`
with ended as materialized (
  select step, ${stretch} as time, start_micros, state, duration_ms, within_tokens as tokens,
         within_cost_pusd as cost_pusd, within_unpriced as unpriced, main_model as model,
         case when run_part = 0 then whole_key end as in_run
    from (${eachRunSpan}
    )
   where kind = 'step'
)
${figures(['step', 'time'], STATES, {runs: 'count(*)', workflowRuns: 'count(distinct in_run)'})}`,
});
