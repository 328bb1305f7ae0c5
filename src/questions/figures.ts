import {percentile} from '../facts/relations.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';
import type {Column} from '../table/table.ts';

/*
 * How runs ended, how long they took, what they cost: columns shared by the questions about components, sessions,
 * users and delegations.
 */

/** States of runs with a run span, in the order of their columns; they are also the keys of the JSON. */
export const ENDINGS = ['ok', 'degraded', 'error', 'cancelled', 'paused'] as const;
/** States of runs whose run span is missing. */
export const UNFINISHED = ['running', 'stalled', 'lost'] as const;

/** The columns by importance: on a narrow terminal the last ones are dropped first. */
export const FIGURES = {
  failedShare: {label: 'FAILED', unit: 'ratio', description: 'share in state error'},
  p50Ms: {label: 'P50', unit: 'ms', description: 'median of their durations'},
  p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
  avgMs: {label: 'AVG', unit: 'ms', description: 'average'},
  totalTokens: {label: 'TOKENS', unit: 'count', description: 'tokens of all model calls inside them'},
  costUsd: {label: 'COST', unit: 'usd', description: 'cost of the calls whose cost is known'},
  lastSeen: {label: 'LAST SEEN', unit: 'time', description: 'start of the newest'},
} as const satisfies Record<string, Column>;

export function stateColumns(states: readonly string[]): Record<string, Column> {
  return Object.fromEntries(
    states.map(state => [
      state,
      {label: state.toUpperCase(), unit: 'count', description: `of them, in state ${state}`} as const,
    ]),
  );
}

export const UNPRICED: Column = {
  label: 'UNPRICED',
  unit: 'count',
  description: 'model calls with tokens but no known cost; not included in the cost',
};
export const MODELS: Column = {
  label: 'MODELS',
  description: 'models that made most calls of a run, most frequent first',
};

/**
 * Figures over the rows of the common table `ended`, by its columns `keys`. It has `state`, `start_micros`,
 * `duration_ms` (null: unknown), `tokens`, `cost_pusd`, `unpriced`, `model`.
 * @param further more columns, aggregates over these rows, by name
 */
export function figures(
  keys: readonly string[],
  states: readonly string[],
  further: Readonly<Record<string, string>>,
): Sql {
  const list = keys.join(', ');
  const isSame = raw(keys.map(key => `m.${key} is g.${key}`).join(' and '));
  const counts = states.map(state => `coalesce(sum(state = '${state}'), 0) as "${state}"`);
  const more = Object.entries(further).map(([name, aggregate]) => `${aggregate} as "${name}"`);
  return sql`
select g.*, m.models
  from (
    select ${raw(`${list}, ${[...more, ...counts].join(', ')}`)},
           sum(state = 'error') * 1.0 / nullif(count(state), 0) as "failedShare",
           ${raw(percentile('duration_ms', 0.5))} as "p50Ms", ${raw(percentile('duration_ms', 0.95))} as "p95Ms",
           avg(duration_ms) as "avgMs", sum(tokens) as "totalTokens", sum(cost_pusd) / 1e12 as "costUsd",
           coalesce(sum(unpriced), 0) as "unpricedCalls", max(start_micros) as "lastSeen"
      from ended
     group by ${raw(list)}
  ) g
  left join (
    select ${raw(list)}, group_concat(model, ', ' order by n desc, model) as models
      from (select ${raw(list)}, model, count(*) as n from ended where model is not null group by ${raw(`${list}, model`)})
     group by ${raw(list)}
  ) m on ${isSame}`;
}

/**
 * Run spans in one row for each run, however many parts its pauses made: the first part says what it is, the last one
 * how it ended; times and tokens are added.
 * @param spans with `id` (of the run), `run_id` (Agno's; the parts of members have another), `span_id`,
 * `start_micros`, `state`, `duration_ms`, `tokens`, `cost_pusd`, `unpriced`, and `kept`
 * @param kept columns that the first part decides
 * @param counts which of them are runs: the end of the others, and its time, are left out
 */
export function foldedParts(spans: Sql, kept: readonly string[], counts = 'true'): Sql {
  const whole = ['id', 'span_id', 'start_micros', 'state', 'duration_ms', 'tokens', 'cost_pusd', 'unpriced', ...kept];
  const first = kept.map(name => raw(`max(case when place = 1 then ${name} end) as ${name}`));
  const last = raw('max(case when back = 1 and run_id is own_id then state end)');
  return sql`
  parts as materialized (${spans}),
  cut as materialized (select id from parts group by id having count(*) > 1),
  whole as (
    select ${raw(whole.join(', '))} from parts where id not in (select id from cut)
     union all
    select id, max(case when place = 1 then span_id end), max(start_micros),
           iif(max(case when place = 1 then state end) = 'degraded' and ${last} = 'ok', 'degraded', ${last}), sum(duration_ms), sum(tokens), sum(cost_pusd), sum(unpriced)${raw(kept.length > 0 ? ', ' : '')}${join(first, ', ')}
      from (
        select *, row_number() over (partition by id order by start_micros, span_id) as place,
               row_number() over (partition by id, run_id order by start_micros desc, span_id desc) as back,
               first_value(run_id) over (partition by id order by start_micros, span_id) as own_id
          from parts where id in (select id from cut)
      )
     group by id
  ),
  ended as materialized (
    select ${raw(whole.map(name => (name === 'state' || name === 'duration_ms' ? `case when ${counts} then ${name} end as ${name}` : name)).join(', '))}
      from whole
  )`;
}
