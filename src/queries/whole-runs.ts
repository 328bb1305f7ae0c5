import {type Sql, sql} from '../sql/sql.ts';

/**
 * A row for each run, whatever number of parts a pause cut it into: times, tokens and cost of the parts add up, and how it
 * ended stands in its last one. All columns of `runs` that are used here, of the first part otherwise.
 */
export function wholeRuns(runs: Sql): Sql {
  return sql`
select r.bucket, r.run_key, r.trace_id, r.span_id, r.run_id, r.name, r.kind, coalesce(l.state, r.state) as state, r.start_micros,
       r.duration_ms + coalesce(l.duration_ms, 0) as duration_ms, r.span_count + coalesce(l.span_count, 0) as span_count,
       case when coalesce(r.total_tokens, l.tokens) is not null then coalesce(r.total_tokens, 0) + coalesce(l.tokens, 0) end as total_tokens,
       r.known_cost_pusd + coalesce(l.cost_pusd, 0) as known_cost_pusd, r.unpriced_calls + coalesce(l.unpriced, 0) as unpriced_calls
  from (${runs}) r
  left join (${lastParts(runs)}) l on l.run_id = r.run_id
 where r.sequel = 0`;
}

/**
 * What the continuations of runs add, and how the last of them ended, by `run_id`. A bare column beside max() is that of the
 * row with the largest, which SQLite promises.
 */
export function lastParts(runs: Sql): Sql {
  return sql`
    select run_id, max(start_micros) as last_micros, state, sum(duration_ms) as duration_ms, sum(span_count) as span_count,
           sum(total_tokens) as tokens, sum(known_cost_pusd) as cost_pusd, sum(unpriced_calls) as unpriced
      from (${runs})
     where sequel = 1
     group by run_id`;
}
