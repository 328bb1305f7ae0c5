import {callsOf, percentiles} from '../facts/relations.ts';
import {sql} from '../sql/sql.ts';
import {defineQuestion} from './question.ts';

/** What is looked up in knowledge, and whether something is found. */
export default defineQuestion({
  examples: [
    {line: 'retrievals --last 7d', answer: 'lookups of the last week'},
    {
      line: 'retrievals --agent "Support*" --sort emptyCalls',
      answer: 'lookups of one agent that most often find nothing',
    },
  ],
  every: true,
  columns: {
    tool: {label: 'TOOL', description: 'tool that searches the knowledge'},
    calls: {label: 'CALLS', unit: 'count', description: 'lookups'},
    failed: {label: 'FAILED', unit: 'count', description: 'lookups that failed'},
    documents: {label: 'DOCS', unit: 'count', description: 'documents found, over lookups that report it'},
    avgDocuments: {label: 'AVG DOCS', unit: 'rate', description: 'documents per lookup'},
    emptyCalls: {label: 'EMPTY', unit: 'count', description: 'lookups that found nothing'},
    unknownCalls: {
      label: 'UNKNOWN',
      unit: 'count',
      description: 'lookups whose result does not say how many, including failed ones',
    },
    repeatedCalls: {
      label: 'REPEATED',
      unit: 'count',
      description: 'lookups that repeat the arguments of an earlier one in the same run',
    },
    avgMs: {label: 'AVG', unit: 'ms', description: 'average duration'},
    p50Ms: {label: 'P50', unit: 'ms', description: 'median'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    maxMs: {label: 'MAX', unit: 'ms', description: 'longest'},
  },
  sort: 'calls',
  note: 'documents as counted in the results',
  // Only repeated lookups need single spans: a repeat is found by comparison with the other lookups of its run.
  sql: ({spans, bareSpans, eachSpan, stretch}) => sql`
select g.*, coalesce(a.repeated, 0) as "repeatedCalls", p.p50 as "p50Ms", p.p95 as "p95Ms", p.longest as "maxMs"
  from (
    select ${stretch} as time, name as tool, sum(calls) as calls, sum(failed) as failed,
           iif(sum(document_calls) > 0, sum(documents), null) as documents,
           sum(documents) * 1.0 / nullif(sum(document_calls), 0) as "avgDocuments", sum(empty_calls) as "emptyCalls",
           sum(calls) - sum(document_calls) as "unknownCalls",
           sum(duration_us) / 1e3 / nullif(sum(timed_calls), 0) as "avgMs"
      from (${spans})
     where kind = 'retrieval'
     group by 1, 2
  ) g
  left join (
    select time, tool, sum(again) as repeated
      from (
        select ${stretch} as time, name as tool,
               row_number() over (partition by run_key, name, arguments_hash order by start_micros, span_key) > 1 as again
          from (${eachSpan})
         where kind = 'retrieval' and arguments_hash is not null and run_key is not null
      )
     group by 1, 2
  ) a on a.time = g.time and a.tool = g.tool
  left join (${percentiles(sql`select ${stretch} as time, name as tool, duration_ms from ${callsOf(bareSpans, 'retrieval')}`, ['time', 'tool'], 'duration_ms')}) p
    on p.time = g.time and p.tool = g.tool`,
  trend: {
    column: 'calls',
    keys: ['tool'],
    sql: ({spans, stretch}) => sql`
select name as tool, ${stretch} as time, sum(calls) as value from (${spans}) where kind = 'retrieval' group by 1, 2`,
  },
});
