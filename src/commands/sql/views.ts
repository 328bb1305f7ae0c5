import {kindOfSpan} from '../../runs/kind.ts';
import {attribute, attributeText} from '../../sql/fragments.ts';
import {either, join, raw, type Sql, sql, table} from '../../sql/sql.ts';
import {KEY} from '../../trace/attributes.ts';

/** The first of several attributes that exists: the same keys in the same order as in `trace/span.ts`. */
function firstOf(...keys: readonly string[]): Sql {
  const values = keys.map(key => attributeText('s', key));
  return values.length === 1 ? values[0]! : sql`coalesce(${join(values, ', ')})`;
}

/** ClickHouse never materializes, and has no such keyword. */
const NOT_MATERIALIZED = either({
  sqlite: raw('not materialized '),
  postgres: raw('not materialized '),
  clickhouse: raw(''),
});

/** A number, or null if it is not one; a cast of bad text would end the statement on Postgres and give 0 on SQLite. */
function numberOf(key: string): Sql {
  const value = attribute('s', key);
  return either({
    sqlite: sql`(select value + 0 from (select ${value} as value) where value glob '[0-9]*' and value not glob '*[^0-9.eE+-]*')`,
    postgres: sql`case when ${value} ~ '^[0-9]{1,15}([.][0-9]+)?([eE]-?[0-9]{1,2})?$' then (${value})::numeric end`,
    clickhouse: sql`toFloat64OrNull(${value})`,
  });
}

const PROMPT = numberOf(KEY.promptTokens);
const COMPLETION = numberOf(KEY.completionTokens);

/** Agno leaves a count out if it is zero: beside a known count a missing one is zero (as in `trace/span.ts`). */
const known = (count: Sql, other: Sql): Sql => sql`coalesce(${count}, 0 * ${other})`;

/** Merges the rows that the exports of one trace left, as Agno's own readers do: `mergedTraceRows` in SQL. */
const MERGED = sql`(
      select trace_id, argMax(name, level) as name, if(countIf(status = 'ERROR') > 0, 'ERROR', argMax(status, level)) as status,
             min(r.start_time) as start_time, max(r.end_time) as end_time, max(run_id) as run_id, max(session_id) as session_id,
             max(user_id) as user_id, max(agent_id) as agent_id, max(team_id) as team_id, max(workflow_id) as workflow_id,
             min(r.created_at) as created_at
        from (
          select *, multiIf(not match(name, '[.]a?run'), 0, workflow_id is not null, 3, team_id is not null, 2,
                            agent_id is not null, 1, 0) as level
            from ${table('traces')}
        ) r
       group by trace_id)`;

/** `main.`: if a table is itself called "spans", this means the table, not the view over it. */
const stored = (role: 'spans' | 'traces'): Sql =>
  either({
    sqlite: sql`main.${table(role)}`,
    postgres: table(role),
    clickhouse: role === 'traces' ? MERGED : table(role),
  });
/**
 * `spans` and `traces` for statements that people write, with the most requested values as plain columns. Every value
 * is the span's own, from its row and its attributes; values of its run are not looked up (`list` and `show` do
 * that). Not materialized: unused columns are not read.
 */
export function helperViews(): Sql {
  return sql`spans as ${NOT_MATERIALIZED}(
    select s.span_id, s.trace_id, s.parent_span_id, s.name,
           ${kindOfSpan()} as kind,
           s.start_time, s.end_time, s.duration_ms, upper(s.status_code) as status, s.status_message,
           ${firstOf(KEY.model, 'gen_ai.response.model', 'gen_ai.request.model')} as model,
           ${firstOf(KEY.provider, 'gen_ai.provider.name', KEY.system)} as provider,
           ${known(PROMPT, COMPLETION)} as prompt_tokens, ${known(COMPLETION, PROMPT)} as completion_tokens,
           coalesce(${numberOf(KEY.cachedTokens)}, 0 * coalesce(${PROMPT}, ${COMPLETION})) as cached_tokens,
           coalesce(${numberOf(KEY.totalTokens)}, ${known(PROMPT, COMPLETION)} + ${known(COMPLETION, PROMPT)}) as total_tokens,
           ${numberOf(KEY.cost)} as cost_usd,
           ${firstOf(KEY.toolName)} as tool,
           ${firstOf(KEY.runId, 'run_id')} as run_id,
           ${firstOf(KEY.agentId, 'agent_id')} as agent_id, ${firstOf(KEY.teamId, 'team_id')} as team_id,
           ${firstOf(KEY.workflowId, 'workflow_id')} as workflow_id,
           ${firstOf(KEY.sessionId, 'agno.session.id', 'session_id')} as session_id,
           ${firstOf(KEY.userId, 'agno.user.id', 'user_id')} as user_id,
           s.created_at
      from ${stored('spans')} s
), traces as ${NOT_MATERIALIZED}(
    select t.trace_id, t.name, t.status, t.start_time, t.end_time, t.run_id, t.session_id, t.user_id, t.agent_id,
           t.team_id, t.workflow_id, t.created_at
      from ${stored('traces')} t
)`;
}
