import {sql} from '../sql/sql.ts';
import {defineQuestion} from './question.ts';
import {lastParts, stateOf} from './whole-runs.ts';

/** What failed and why: each failure once, where it began. */
export default defineQuestion({
  examples: [
    {line: 'errors --last 24h', answer: 'failures of the last 24 hours, most frequent first'},
    {
      line: 'errors --sort firstSeen --new-since 6h',
      answer: 'newest causes first; those of the last six hours are marked new',
    },
  ],
  every: true,
  flags: {
    newSince: {
      flag: '--new-since <length>',
      description: 'mark causes first seen within this time as new',
      default: '24h',
      takes: 'length',
    },
  },
  columns: {
    message: {label: 'ERROR', least: 30, description: 'first line of the newest message of this cause, shortened'},
    count: {label: 'COUNT', unit: 'count', description: 'failures; one that passed through its callers counts once'},
    name: {label: 'WHERE', least: 12, description: 'name of the tool, model, agent, …'},
    lastSeen: {label: 'LAST', unit: 'time', description: 'start of the newest'},
    runs: {label: 'RUNS', unit: 'count', description: 'runs with it; a run may have begun before the window'},
    fatalRuns: {
      label: 'FATAL',
      unit: 'count',
      description: 'runs that ended in error because of it; the others continued, degraded',
    },
    isNew: {
      label: 'NEW',
      unit: 'flag',
      description: 'first seen within --new-since; null if the window is too short to tell',
    },
    runShare: {label: 'SHARE', unit: 'ratio', description: 'share of all runs that the filters select'},
    errorKind: {label: 'CLASS', description: 'exception class, if the message names it'},
    kind: {label: 'KIND', description: 'what failed: tool, llm, agent, step, …'},
    firstSeen: {label: 'FIRST', unit: 'time', description: 'start of the oldest in the window'},
    sampleRunId: {label: 'SAMPLE', description: 'run id of the newest; null while its run span is missing'},
    sampleTraceId: {label: 'TRACE', description: 'trace id of the newest'},
    shape: {
      label: 'SHAPE',
      description: 'the message without numbers, ids and quoted values; it distinguishes causes',
    },
  },
  sort: 'count',
  note: 'each failure is counted where it began; agno-trace show <run> shows it in place',
  // A run may have begun before the window, or match a filter only in its continuation: it still counts with its
  // failure, and among the runs for the shares. Bare columns beside max() come from the row that has the maximum,
  // which SQLite guarantees.
  sql: ({eachSpan, runs, stretch, nowMicros, numbers}) => {
    const since = nowMicros - numbers.newSince!;
    return sql`
select g.*, g.runs * 1.0 / nullif(a.runs, 0) as "runShare", case when o.first < ${since} then g."firstSeen" >= ${since} end as "isNew"
  from (
    select ${stretch} as time, error_shape as shape, error_kind as "errorKind", kind, name, count(*) as count,
           count(distinct run) as runs, count(distinct iif(ending = 'error', run, null)) as "fatalRuns",
           max(start_micros) as "lastSeen", first_micros as "firstSeen", error as message, run_id as "sampleRunId",
           trace_id as "sampleTraceId"
      from (
        select e.*, min(e.start_micros) over (partition by e.error_shape, e.error_kind, e.kind, e.name) as first_micros,
               iif(e.run_part = 0 and e.run_traffic = 0, e.whole_key, null) as run, coalesce(${stateOf('r', 'l')}, e.run_state) as ending
          from (${eachSpan}) e
          left join (${runs}) r on r.run_key = e.whole_key
          left join (${lastParts(runs)}) l on l.whole_key = e.whole_key and l.run_id = coalesce(r.run_id, e.run_id)
         where e.cause = 1
      )
     group by 1, 2, 3, 4, 5
  ) g
  left join (
    select time, count(*) as runs
      from (
        select ${stretch} as time, whole_key from (${runs})
        union
        select ${stretch} as time, whole_key from (${eachSpan}) where cause = 1 and run_part = 0 and run_traffic = 0
      )
     group by 1
  ) a on a.time = g.time
  join (select min(start_micros) as first from (${runs})) o`;
  },
  trend: {
    column: 'count',
    keys: ['shape', 'errorKind', 'kind', 'name'],
    sql: ({eachSpan, stretch}) => sql`
select error_shape as shape, error_kind as "errorKind", kind, name, ${stretch} as time, count(*) as value
  from (${eachSpan})
 where cause = 1
 group by 1, 2, 3, 4, 5`,
  },
});
