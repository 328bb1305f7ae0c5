import {raw, sql} from '../sql/sql.ts';
import type {Column} from '../table/table.ts';
import {ENDINGS, FIGURES, figures, foldedParts, MODELS, stateColumns, UNFINISHED, UNPRICED} from './figures.ts';
import type {Question} from './question.ts';

const STATES = [...ENDINGS, ...UNFINISHED];

/**
 * Runs by session or user. Runs whose session or user is unknown get a row of their own, so that the rows add up to
 * all runs. Tokens of loose parts, which are not runs, are included.
 */
export function ownedRuns(
  owner: 'session' | 'user',
  further: Readonly<Record<string, {readonly column: Column; readonly aggregate: string}>>,
): Pick<Question, 'every' | 'columns' | 'thenBy' | 'note' | 'sql' | 'trend'> {
  return {
    every: true,
    columns: {
      [owner]: {label: owner.toUpperCase(), description: `id of the ${owner}; null: runs whose ${owner} is unknown`},
      runs: {label: 'RUNS', unit: 'count', description: 'runs; a paused run counts once'},
      ...FIGURES,
      ...Object.fromEntries(Object.entries(further).map(([key, {column}]) => [key, column])),
      ...stateColumns(STATES),
      unpricedCalls: UNPRICED,
      models: MODELS,
      parts: {
        label: 'PARTS',
        unit: 'count',
        description: 'loose parts: not runs, but their tokens and cost are included',
      },
    },
    thenBy: 'lastSeen',
    note: `a run inside another one belongs to its ${owner}; times are of finished runs`,
    sql: ({allRuns, stretch}) => sql`
with ${foldedParts(
      sql`
select whole_key as id, run_id, span_id, start_micros, start_micros as first_micros,
       state, case when missing = 0 then duration_ms end as duration_ms,
       total_tokens as tokens, coalesce(cost_pusd, nullif(known_cost_pusd, 0)) as cost_pusd, unpriced_calls as unpriced,
       ${raw(`${owner}_id as ${owner}`)}, ${stretch} as time,
       part, sequel, case when part = 0 then model end as model, name as who, user_id, session_id
  from (${allRuns}
  )
 where traffic = 0`,
      [owner, 'time', 'part', 'sequel', 'model', 'who', 'user_id', 'session_id', 'first_micros'],
      'part = 0 and sequel = 0',
    )}
${figures([owner, 'time'], STATES, {
  runs: 'sum(part = 0 and sequel = 0)',
  parts: 'sum(part)',
  ...Object.fromEntries(Object.entries(further).map(([key, {aggregate}]) => [key, aggregate])),
})}`,
    trend: {
      column: 'runs',
      keys: [owner],
      sql: ({runs, stretch}) => sql`
select ${raw(`${owner}_id as ${owner}`)}, ${stretch} as time, count(*) as value from (${runs}
  )
 where sequel = 0
 group by 1, 2`,
    },
  };
}
