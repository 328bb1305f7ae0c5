import {usageError} from '../errors.ts';
import {sql} from '../sql/sql.ts';
import {UNPRICED} from './figures.ts';
import {defineQuestion} from './question.ts';

/** Runs that went round: the same tools, asked the same (`trace/loops.ts`). */
export default defineQuestion({
  examples: [
    {line: 'loops --last 7d', answer: 'where runs of the last week went round, those that wasted most time first'},
    {line: 'loops --min-calls 5 --state running,stalled', answer: 'what goes round right now'},
  ],
  flags: {
    minCalls: {flag: '--min-calls <n>', description: 'loops of at least so many calls', default: '3'},
  },
  columns: {
    tool: {label: 'TOOL', description: 'its tools in turn: one, or those of a cycle'},
    calls: {label: 'CALLS', unit: 'count', description: 'calls of the loop, the first ones too'},
    results: {
      label: 'RESULTS',
      description: 'same, or differ: then repeats may have been of use, and what they wasted is at most that much',
    },
    wastedMs: {
      label: 'WASTED',
      unit: 'ms',
      description: 'time in which only repeats, or model calls that asked for nothing else, went on',
    },
    agent: {label: 'AGENT', description: 'who called: the innermost agent, else the team or workflow'},
    state: {label: 'STATE', description: 'of the run'},
    runId: {label: 'RUN', description: 'id of the run; null while its own span is missing'},
    wastedTokens: {label: 'TOKENS', unit: 'count', description: 'of the repeats and those model calls'},
    wastedUsd: {label: 'COST', unit: 'usd', description: 'of them, where it is known'},
    startTime: {label: 'STARTED', unit: 'time', description: 'start of the first call'},
    sample: {label: 'SAMPLE', description: 'id of the span of the first call; show takes it'},
    traceId: {label: 'TRACE', description: 'trace id'},
    unpricedCalls: UNPRICED,
  },
  sort: 'wastedMs',
  note: 'calls after a failed one are no loop; where results changed, five equal calls and more are one',
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
    throw usageError(`--min-calls "${text}" is no number of calls.`, 'Write a whole number from 2 on.');
  return Number(text);
}
