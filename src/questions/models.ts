import {callsOf, percentiles} from '../facts/relations.ts';
import {sql} from '../sql/sql.ts';
import {CACHE_COLUMNS, costColumns, TOKEN_COLUMNS, TOKEN_SOURCES, tokenSums} from './cost-columns.ts';
import {defineQuestion} from './question.ts';

/** Which models are called, how fast they answer, how often they fail and what they cost. */
export default defineQuestion({
  examples: [
    {line: 'models --last 7d', answer: 'models of the last week, most expensive first'},
    {line: 'models --sort tokensPerSecond --every 1d', answer: 'how fast each model answered, day by day'},
  ],
  every: true,
  columns: {
    model: {label: 'MODEL', description: 'model name, as stored'},
    provider: {label: 'PROVIDER', description: 'provider, as stored'},
    calls: {label: 'CALLS', unit: 'count', description: 'calls; each attempt counts'},
    failed: {label: 'FAILED', unit: 'count', description: 'calls that failed or returned nothing (computed)'},
    ...TOKEN_COLUMNS,
    costUsd: {label: 'COST', unit: 'usd', isMain: true, description: 'cost of the calls whose cost is known'},
    tokensPerSecond: {
      label: 'TOK/S',
      unit: 'rate',
      description: 'completion tokens per second, over calls that report them',
    },
    p50Ms: {label: 'P50', unit: 'ms', description: 'median duration'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    retries: {label: 'RETRIES', unit: 'count', description: 'calls right after a failed call of the same model'},
    errors: {label: 'ERRORS', unit: 'count', description: 'calls stored as ERROR'},
    ...CACHE_COLUMNS,
    ...costColumns,
    ...TOKEN_SOURCES,
  },
  isOfCalls: () => true,
  sort: 'costUsd',
  thenBy: 'calls',
  note: 'nested calls count once',
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
