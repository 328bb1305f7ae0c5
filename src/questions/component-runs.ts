import {IS_OF_RUNS} from '../facts/relations.ts';
import {raw, sql} from '../sql/sql.ts';
import {ENDINGS, FIGURES, figures, foldedParts, MODELS, stateColumns, UNPRICED} from './figures.ts';
import type {Question} from './question.ts';
import {PARTS_APART} from './whole-runs.ts';

/**
 * Counts runs of agents, teams or workflows by name: runs of their own, and runs inside others. A run counts once,
 * however often it paused. Its first part decides the name and which of the two it is.
 */
export function componentRuns(
  kind: 'agent' | 'team' | 'workflow',
): Pick<Question, 'every' | 'columns' | 'sort' | 'thenBy' | 'note' | 'sql' | 'trend'> {
  const inside = {
    agent: 'as a member, a step or called by a tool',
    team: 'as a member or a step',
    workflow: 'as a step',
  };
  return {
    every: true,
    columns: {
      [kind]: {label: kind.toUpperCase(), description: `name of the ${kind}`},
      runs: {label: 'RUNS', unit: 'count', description: 'its own runs, not inside others; a paused run counts once'},
      inner: {label: 'INNER', unit: 'count', description: `its runs inside others: ${inside[kind]}`},
      ...FIGURES,
      ...stateColumns(ENDINGS),
      unpricedCalls: UNPRICED,
      models: MODELS,
      id: {label: 'ID', description: 'its id; null if none or several'},
      ids: {label: 'IDS', unit: 'count', description: 'different ids with this name'},
    },
    sort: 'runs',
    thenBy: 'inner',
    note: `states, times and tokens cover both own and inner runs; an unfinished run has no name until its own span is written; ${PARTS_APART}`,
    sql: ({eachRunSpan, stretch}) => sql`
with ${foldedParts(
      sql`
select coalesce(begin_key, span_key) as id, own_run_id as run_id, span_id, start_micros, state, duration_ms, within_tokens as tokens,
       within_cost_pusd as cost_pusd, within_unpriced as unpriced, ${raw(`name as "${kind}"`)}, component_id, main_model as model,
       ${stretch} as time, (span_id = run_span_id and run_part = 0) as is_own
  from (${eachRunSpan}
  )
 where kind = ${kind} and ${IS_OF_RUNS}`,
      [kind, 'component_id', 'model', 'time', 'is_own'],
    )}
${figures([kind, 'time'], ENDINGS, {
  runs: 'sum(is_own)',
  inner: 'sum(1 - is_own)',
  id: 'case when count(distinct component_id) = 1 then max(component_id) end',
  ids: 'count(distinct component_id)',
})}`,
    trend: {
      column: 'runs',
      keys: [kind],
      sql: ({eachRunSpan, stretch}) => sql`
select name as ${raw(`"${kind}"`)}, ${stretch} as time, count(*) as value from (${eachRunSpan}
  )
 where kind = ${kind} and ${IS_OF_RUNS} and span_id = run_span_id and run_part = 0 and run_sequel = 0
 group by 1, 2`,
    },
  };
}
