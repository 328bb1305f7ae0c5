import {callsOf, percentiles} from '../facts/relations.ts';
import {raw, sql} from '../sql/sql.ts';
import {defineQuestion} from './question.ts';

const IS_TOOL = raw("kind in ('tool', 'retrieval', 'memory')");

/** Which tools are called, how often they fail, how long they take and how much they return. */
export default defineQuestion({
  examples: [
    {line: 'tools --last 7d', answer: 'tools of the last week, most time first'},
    {line: 'tools --agent "Billing*" --sort failed', answer: 'tools of one agent, most failures first'},
  ],
  every: true,
  columns: {
    tool: {label: 'TOOL', description: 'name of the tool'},
    calls: {label: 'CALLS', unit: 'count', description: 'calls'},
    failed: {label: 'FAILED', unit: 'count', description: 'calls that failed'},
    retries: {label: 'RETRIES', unit: 'count', description: 'calls right after a failed call of the same tool'},
    avgMs: {label: 'AVG', unit: 'ms', description: 'average duration'},
    p50Ms: {label: 'P50', unit: 'ms', description: 'median'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    maxMs: {label: 'MAX', unit: 'ms', description: 'longest'},
    totalMs: {label: 'TOTAL', unit: 'ms', description: 'sum'},
    avgOutputChars: {label: 'OUTPUT', unit: 'count', description: 'average length of a result, characters'},
  },
  isOfCalls: () => true,
  sort: 'totalMs',
  note: 'durations from start to end of each call',
  sql: ({spans, bareSpans, stretch}) => sql`
select g.time, g.tool, g.calls, g.failed, g.retries, g.total_us / 1e3 / nullif(g.timed, 0) as "avgMs", p.p50 as "p50Ms",
       p.p95 as "p95Ms", p.longest as "maxMs", iif(g.timed > 0, g.total_us / 1e3, null) as "totalMs",
       g.chars * 1.0 / nullif(g.sized, 0) as "avgOutputChars"
  from (
    select ${stretch} as time, name as tool, sum(calls) as calls, sum(failed) as failed, sum(retries) as retries,
           sum(duration_us) as total_us, sum(timed_calls) as timed, sum(output_chars) as chars, sum(sized_calls) as sized
      from (${spans})
     where ${IS_TOOL}
     group by 1, 2
  ) g
  left join (${percentiles(sql`select ${stretch} as time, name as tool, duration_ms from ${callsOf(bareSpans, 'tool', 'retrieval', 'memory')}`, ['time', 'tool'], 'duration_ms')}) p
    on p.time = g.time and p.tool = g.tool`,
  trend: {
    column: 'calls',
    keys: ['tool'],
    sql: ({spans, stretch}) => sql`
select name as tool, ${stretch} as time, sum(calls) as value from (${spans}) where ${IS_TOOL} group by 1, 2`,
  },
});
