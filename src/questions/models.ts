import {callsOf, percentiles} from '../facts/relations.ts';
import {sql} from '../sql/sql.ts';
import {costColumns, TOKEN_COLUMNS, TOKEN_SOURCES, tokenSums} from './cost-columns.ts';
import {defineQuestion} from './question.ts';

/** Which models are called, how fast they answer, how often they fail and what they cost. */
export default defineQuestion({
  examples: [
    {line: 'models --last 7d', answer: 'the models of the last week, the dearest first'},
    {line: 'models --sort tokensPerSecond --every 1d', answer: 'day by day, how fast each of them answered'},
  ],
  every: true,
  columns: {
    model: {label: 'MODEL', description: 'model, as the call names it'},
    provider: {label: 'PROVIDER', description: 'who was called'},
    calls: {label: 'CALLS', unit: 'count', description: 'calls, each attempt of its own'},
    failed: {label: 'FAILED', unit: 'count', description: 'calls that failed or brought nothing, as computed'},
    ...TOKEN_COLUMNS,
    costUsd: {label: 'COST', unit: 'usd', description: 'of the calls whose cost is known'},
    tokensPerSecond: {
      label: 'TOK/S',
      unit: 'rate',
      description: 'completion tokens by the time of the calls that report them',
    },
    p50Ms: {label: 'P50', unit: 'ms', description: 'median duration'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    retries: {label: 'RETRIES', unit: 'count', description: 'calls right after one of the same model that failed'},
    errors: {label: 'ERRORS', unit: 'count', description: 'calls stored as ERROR'},
    ...costColumns,
    ...TOKEN_SOURCES,
  },
  sort: 'costUsd',
  thenBy: 'calls',
  note: 'tokens and cost of nested calls once',
  sql: ({spans, bareSpans, stretch}) => sql`
select g.*, p.p50 as "p50Ms", p.p95 as "p95Ms"
  from (
    select ${stretch} as time, name as model, provider, sum(calls) as calls, sum(failed) as failed, sum(errors) as errors,
           sum(retries) as retries, ${tokenSums},
           sum(completion_tokens) * 1e6 / nullif(sum(answered_us), 0) as "tokensPerSecond"
      from (${spans})
     where kind = 'llm'
     group by 1, 2, 3
  ) g
  left join (${percentiles(sql`select ${stretch} as time, name as model, coalesce(provider, '') as provider, duration_ms from ${callsOf(bareSpans, 'llm')}`, ['time', 'model', 'provider'], 'duration_ms')}) p
    on p.time = g.time and p.model = g.model and p.provider = coalesce(g.provider, '')`,
  trend: {
    column: 'calls',
    keys: ['model', 'provider'],
    sql: ({spans, stretch}) => sql`
select name as model, provider, ${stretch} as time, sum(calls) as value from (${spans}) where kind = 'llm' group by 1, 2, 3`,
  },
});
