import {usageError} from '../errors.ts';
import {sql} from '../sql/sql.ts';
import {UNPRICED} from './figures.ts';
import {defineQuestion} from './question.ts';

/** Runs that repeated themselves: the same tools with the same arguments (`trace/loops.ts`). */
export default defineQuestion({
  examples: [
    {line: 'loops --last 7d', answer: 'loops of the last week, most wasted time first'},
    {line: 'loops --min-calls 5 --state running,stalled', answer: 'loops in unfinished runs'},
  ],
  flags: {
    minCalls: {flag: '--min-calls <n>', description: 'only loops with at least n calls', default: '3'},
  },
  columns: {
    tool: {label: 'TOOL', description: 'the tool, or the tools of a cycle in order'},
    calls: {label: 'CALLS', unit: 'count', description: 'calls of the loop, including the first ones'},
    results: {
      label: 'RESULTS',
      description: 'same; or differ: repeats may have been useful, so the waste is an upper limit',
    },
    wastedMs: {
      label: 'WASTED',
      unit: 'ms',
      description: 'time when only repeats ran, or model calls that asked for nothing else',
    },
    agent: {label: 'AGENT', description: 'who called: the innermost agent, else the team or workflow'},
    state: {label: 'STATE', description: 'of the run'},
    runId: {label: 'RUN', description: 'id of the run; null while its own span is missing'},
    wastedTokens: {label: 'TOKENS', unit: 'count', description: 'tokens of the repeats and those model calls'},
    wastedUsd: {label: 'COST', unit: 'usd', description: 'their cost, if known'},
    startTime: {label: 'STARTED', unit: 'time', description: 'start of the first call'},
    sample: {label: 'SAMPLE', description: 'span id of the first call, for show'},
    traceId: {label: 'TRACE', description: 'trace id'},
    unpricedCalls: UNPRICED,
  },
  sort: 'wastedMs',
  note: 'retries after a failure are not loops; if results changed, only five or more equal calls are one',
  sql: ({eachRunSpan}, {minCalls}) => sql`
select loop_tools as tool, loop_calls as calls, loop_results as results, loop_wasted_ms as "wastedMs", coalesce(agent, team, workflow) as agent, run_state as state,
       run_id as "runId", loop_wasted_tokens as "wastedTokens", loop_wasted_pusd / 1e12 as "wastedUsd",
       start_micros as "startTime", span_id as sample, trace_id as "traceId", loop_unpriced as "unpricedCalls"
  from (${eachRunSpan}
  )
 where loop_calls is not null and loop_calls >= ${leastCalls(minCalls)}`,
});

function leastCalls(given: string | boolean = '3'): number {
  const text = String(given);
  if (!/^\d{1,9}$/.test(text) || Number(text) < 2)
    throw usageError(`--min-calls "${text}" is not a number of calls.`, 'Write a whole number of at least 2.');
  return Number(text);
}
