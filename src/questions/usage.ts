import {attributeText} from '../facts/attributes.ts';
import {raw, type Sql, sql} from '../sql/sql.ts';
import {attributeNameIn} from '../trace/asked-attributes.ts';
import {CACHE_COLUMNS, costColumns, TOKEN_COLUMNS, TOKEN_SOURCES, tokenSums} from './cost-columns.ts';
import {defineQuestion, type QuestionInput} from './question.ts';

/** What a call counts for, and the relation that has it. */
const KEYS: Readonly<Record<string, {readonly key: Sql; readonly from: 'spans' | 'eachSpan'}>> = {
  model: {key: raw('name'), from: 'spans'},
  provider: {key: raw('provider'), from: 'spans'},
  agent: {key: raw('agent'), from: 'spans'},
  team: {key: raw('team'), from: 'spans'},
  workflow: {key: raw('workflow'), from: 'spans'},
  step: {key: raw('step'), from: 'spans'},
  user: {key: raw('user_id'), from: 'eachSpan'},
  session: {key: raw('session_id'), from: 'eachSpan'},
  day: {key: raw("strftime('%Y-%m-%d', nullif(bucket, -1) / 1000000, 'unixepoch')"), from: 'spans'},
};

function keyOf(by: string): (typeof KEYS)[string] {
  const attribute = attributeNameIn(by);
  return attribute === null
    ? KEYS[by]!
    : {key: attributeText(attribute, ['e.run_key', 'e.whole_key']), from: 'eachSpan'};
}

/** An index finds single calls if the statement asks for those that count. */
const calls = (input: QuestionInput): Sql =>
  keyOf(input.by).from === 'spans'
    ? sql`(${input.spans}) where kind = 'llm'`
    : sql`(${input.eachSpan}) e where counted = 1`;

/** Who used how many tokens, and at what cost. */
export default defineQuestion({
  examples: [
    {line: 'usage --by user --last 30d', answer: 'cost of each user in the last 30 days, highest first'},
    {line: 'usage --by agent --every 1w', answer: 'cost of each agent, week by week'},
  ],
  by: ['model', 'provider', 'agent', 'team', 'workflow', 'step', 'user', 'session', 'day'],
  byAttributes: true,
  every: true,
  columns: {
    name: {
      label: 'NAME',
      description: 'as chosen with --by; agent, team, workflow, step: the innermost around the call; null: none',
    },
    calls: {label: 'CALLS', unit: 'count', description: 'model calls; nested calls count once'},
    ...TOKEN_COLUMNS,
    costUsd: {label: 'COST', unit: 'usd', isMain: true, description: 'cost of the calls whose cost is known'},
    costShare: {label: 'SHARE', unit: 'ratio', description: 'share of the total cost'},
    ...CACHE_COLUMNS,
    ...costColumns,
    ...TOKEN_SOURCES,
  },
  isOfCalls: ({by}) => ['model', 'provider', 'day'].includes(by),
  sort: 'costUsd',
  thenBy: 'totalTokens',
  note: 'tokens include the cache; failed runs and loose parts are included',
  sql: input => sql`
select *, "costUsd" / nullif(sum("costUsd") over (), 0) as "costShare"
  from (
    select ${input.by === 'day' && input.everyMicros === null ? raw('0') : input.stretch} as time, ${keyOf(input.by).key} as name, sum(counted_calls) as calls, ${tokenSums}
      from ${calls(input)}
     group by 1, 2
  )
 where calls > 0`,
  // Rows that the limit leaves out are part of the total.
  counted: input => sql`
select 'total: ' || printf('%,d', sum(counted_calls)) || iif(sum(counted_calls) = 1, ' call', ' calls') ||
       iif(sum(token_calls) > 0, printf(', %,d tokens', sum(total_tokens)), '') ||
       iif(sum(priced_calls) > 0, ', ' || iif(sum(unpriced_calls) > 0, 'at least ', '') ||
         printf(iif(sum(cost_pusd) >= 1e10, '$%.2f', '$%.4f'), sum(cost_pusd) / 1e12), '') as counted
  from ${calls(input)}
having sum(counted_calls) > 0`,
  trend: {
    column: 'totalTokens',
    keys: ['name'],
    sql: input => sql`
select ${keyOf(input.by).key} as name, ${input.stretch} as time, sum(total_tokens) as value from ${calls(input)} group by 1, 2`,
  },
});
