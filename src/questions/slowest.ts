import {IS_CALL} from '../facts/schema.ts';
import {kindOfSpan} from '../runs/kind.ts';
import {asDouble, attribute} from '../sql/fragments.ts';
import {EMPTY, either, raw, type Sql, sql, table} from '../sql/sql.ts';
import {KEY} from '../trace/attributes.ts';
import type {OwnerKind} from './owners.ts';
import {defineQuestion, type QuestionInput} from './question.ts';

const KEYS: Readonly<Record<string, () => Sql>> = {
  name: () => raw('s.name'),
  kind: kindOfSpan,
  tool: () => attribute('s', KEY.toolName),
  model: () => attribute('s', KEY.model),
};

const OWNERS: Readonly<Record<string, OwnerKind>> = {agent: 'agent', team: 'team', workflow: 'workflow', step: 'step'};

/** The question of Agno's own documentation, with what it leaves out beside it. */
export default defineQuestion({
  examples: [
    {line: 'slowest --limit 10', answer: "the ten slowest span names, as in Agno's documentation"},
    {line: 'slowest --by agent --last 24h --sort p95Ms', answer: 'agents by their 95th percentile since yesterday'},
  ],
  by: ['name', 'kind', 'tool', 'model', 'agent', 'team', 'workflow', 'step'],
  owners: OWNERS,
  columns: {
    name: {label: 'NAME', description: 'span name, kind, tool, model; agent, team, workflow, or workflow / step'},
    calls: {
      label: 'CALLS',
      unit: 'count',
      description:
        'spans as stored, plain HTTP requests and those of client libraries among them; by agent to step: its runs, members too',
    },
    errors: {
      label: 'ERRORS',
      unit: 'count',
      description: 'spans stored as ERROR; by agent to step: those that failed, as computed',
    },
    avgMs: {label: 'AVG', unit: 'ms', description: 'average of the stored duration_ms'},
    p50Ms: {label: 'P50', unit: 'ms', description: 'median'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    p99Ms: {label: 'P99', unit: 'ms', description: '99th percentile, interpolated'},
    maxMs: {label: 'MAX', unit: 'ms', description: 'longest'},
    totalMs: {label: 'TOTAL', unit: 'ms', description: 'sum'},
  },
  sort: 'avgMs',
  note: 'times as Agno stores them, whole milliseconds',
  // Durations are whole milliseconds and repeat, so they are counted first: every figure then comes from a few thousand
  // rows, in words that both databases have. percentile_cont sorts all spans, on Postgres once for each percentile: 3.2
  // against 0.9 s for 1.1 million. The projection comes before the grouping, or SQLite's sorter carries the payload.
  groups: {
    keys: ['name', 'ms'],
    sums: ['times', 'errors'],
    sql: ({by, where}) => sql`
            select name, ms, count(*) as times, sum(error) as errors
              from (
                select ${KEYS[by]!()} as name, ${knownMs} as ms,
                       case when upper(s.status_code) = 'ERROR' then 1 else 0 end as error
                  from ${table('spans')} s
                 where ${where}
                 ${ALL_FIRST}
              ) spans
             where name is not null
             group by name, ms`,
  },
  // Durations come out of an index in their order, and how many failed out of the days, in rows of their own.
  facts: (input, {spans, bareSpans, eachSpan}) => {
    const {by} = input;
    if (by in OWNERS)
      return sql`
    select name, ms, count(*) as times, sum(error) as errors
      from (
        select ${raw(by)} as name, sum(stored_ms) as ms, max(start_micros), state = 'error' as error
          from (${eachSpan})
         where kind = ${by} and run_key is not null and stored_ms is not null
         group by coalesce(begin_key, span_key)
      )
     group by name, ms`;
    const {key, where} = FACTS[by]!;
    return sql`
    select ${raw(key)} as name, stored_ms as ms, count(*) as times, 0 as errors
      from (${bareSpans})
     where ${raw(where)}${by === 'name' ? onlyFirst(input, spans) : EMPTY}
     group by kind, ${raw(by === 'kind' ? 'span_name' : key)}, stored_ms
     union all
    select ${raw(key)}, null, 0, sum(errors)
      from (${by === 'model' ? bareSpans : spans})
     where ${raw(where)}${by === 'name' ? onlyFirst(input, spans) : EMPTY}
     group by 1`;
  },
  sql: ({sort, limit}, groups) => sql`
select name, calls, errors, "totalMs" / nullif(timed, 0) as "avgMs",
       ${interpolated('p50', 0.5)} as "p50Ms", ${interpolated('p95', 0.95)} as "p95Ms", ${interpolated('p99', 0.99)} as "p99Ms",
       "maxMs", "totalMs"
  from (
    select name, max(calls) as calls, max(timed) as timed, sum(errors) as errors, max(ms) as "maxMs", sum(ms * times) as "totalMs",
           ${neighbours('p50', 0.5)},
           ${neighbours('p95', 0.95)},
           ${neighbours('p99', 0.99)}
      from (
        select name, ms, times, errors, ${asDouble(raw('sum(times) over (partition by name)'))} as calls,
               ${asDouble(raw(`sum(${TIMED}) over (partition by name)`))} as timed,
               sum(${raw(TIMED)}) over (partition by name order by ms) as up_to
          from (${groups}
          ) counted
      ) ranked
     group by name
  ) named
 order by ${raw(`"${sort.column}"`)} ${raw(sort.descending ? 'desc' : 'asc')}, name
 ${limit === 0 ? EMPTY : sql`limit ${limit}`}`,
});

/** One that is below zero is none: a clock was set back. */
const knownMs = sql`case when s.duration_ms >= 0 then ${asDouble(raw('s.duration_ms'))} end`;
/** The table knows nothing of calls without a span. */
const STORED = 'from_messages = 0';

/** The same in the facts, and which spans have it. */
const FACTS: Readonly<Record<string, {readonly key: string; readonly where: string}>> = {
  name: {key: 'span_name', where: STORED},
  kind: {key: 'kind', where: STORED},
  tool: {key: 'name', where: `${IS_CALL} and kind in ('tool', 'retrieval', 'memory') and ${STORED}`},
  model: {key: 'model', where: "kind = 'llm' and model is not null"},
};

/** What sums by name are sorted by; percentiles are looked at only for the names that are shown. */
const SUMS: Readonly<Record<string, string>> = {
  name: 'span_name',
  calls: 'sum(calls)',
  errors: 'sum(errors)',
  avgMs: 'sum(stored_us) * 1.0 / nullif(sum(timed_calls), 0)',
  totalMs: 'sum(stored_us)',
};

function onlyFirst({sort, limit}: Omit<QuestionInput, 'where'>, spans: Sql): Sql {
  const sum = SUMS[sort.column];
  if (limit === 0 || sum === undefined) return EMPTY;
  return sql`
       and kind in (select kind from (${spans}))
       and span_name in (
         select span_name
           from (${spans})
          where ${raw(STORED)}
          group by span_name
          order by ${raw(`${sum} ${sort.descending ? 'desc' : 'asc'}`)}, span_name
          limit ${limit}
       )`;
}

/** Keeps SQLite from merging the projection into the grouping. */
const ALL_FIRST = either({sqlite: raw('limit -1 offset 0'), postgres: EMPTY});

/** Calls whose duration is known. */
const TIMED = 'case when ms is null then 0 else times end';

/** Place of a percentile among the sorted durations, counted from 0, between two of them. */
const place = (fraction: number): string => `(${fraction} * (timed - 1))`;

/** The durations on both sides of the place: the first ones with more durations up to them than the place's. */
function neighbours(name: string, fraction: number): Sql {
  const [below, above] = ['floor', 'ceil'].map(
    side => `min(case when up_to > ${side}(${place(fraction)}) then ms end)`,
  );
  return raw(`${below} as ${name}_below, ${above} as ${name}_above`);
}

function interpolated(name: string, fraction: number): Sql {
  return raw(`${name}_below + (${name}_above - ${name}_below) * (${place(fraction)} - floor(${place(fraction)}))`);
}
