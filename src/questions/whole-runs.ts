import {raw, type Sql, sql} from '../sql/sql.ts';

/** The note on loose work, including parts that only `runs/parts.ts` can tie to their run. */
export const PARTS_APART = 'loose parts are counted separately';

/**
 * A row for each run, however many parts its pauses made, as in `list`: times, tokens and cost of the parts are
 * added, including those of its members' parts, and its own last part says how it ended. Everything else comes from
 * its first part.
 */
export function wholeRuns(runs: Sql): Sql {
  return sql`
select r.bucket, r.run_key, r.whole_key, r.trace_id, r.span_id, r.run_id, r.name, r.kind, r.user_id, r.session_id, ${stateOf('r', 'l')} as state, r.start_micros,
       r.duration_ms + coalesce(p.duration_ms, 0) as duration_ms, r.span_count + coalesce(p.span_count, 0) as span_count,
       case when coalesce(r.total_tokens, p.tokens) is not null then coalesce(r.total_tokens, 0) + coalesce(p.tokens, 0) end as total_tokens,
       r.known_cost_pusd + coalesce(p.cost_pusd, 0) as known_cost_pusd, r.unpriced_calls + coalesce(p.unpriced, 0) as unpriced_calls
  from (${runs}) r
  left join (
    select whole_key, sum(duration_ms) as duration_ms, sum(span_count) as span_count, sum(total_tokens) as tokens,
           sum(known_cost_pusd) as cost_pusd, sum(unpriced_calls) as unpriced
      from (${runs})
     where sequel = 1
     group by whole_key
  ) p on p.whole_key = r.run_key
  left join (${lastParts(runs)}) l on l.whole_key = r.run_key and l.run_id = r.run_id
 where r.sequel = 0`;
}

/**
 * How the last continuation of each run ended, by `whole_key` and `run_id`: a member's is not its run's. A bare
 * column beside max() comes from the row with the maximum, which SQLite guarantees.
 */
export function lastParts(runs: Sql): Sql {
  return sql`
    select whole_key, run_id, max(start_micros) as last_micros, state
      from (${runs})
     where sequel = 1
     group by whole_key, run_id`;
}

/** How a run ended: as its last part did, but what failed in the first part stays failed. */
export function stateOf(first: string, last: string): Sql {
  return raw(
    `iif(${first}.state = 'degraded' and ${last}.state = 'ok', 'degraded', coalesce(${last}.state, ${first}.state))`,
  );
}
