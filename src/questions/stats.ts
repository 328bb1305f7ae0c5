import {percentile} from '../facts/relations.ts';
import {EMPTY, join, raw, type Sql, sql} from '../sql/sql.ts';
import {CACHE_COLUMNS, tokenSums} from './cost-columns.ts';
import {defineQuestion, type QuestionInput} from './question.ts';
import {PARTS_APART, wholeRuns} from './whole-runs.ts';

const RUN_COLUMNS = [
  'runs',
  'runShare',
  'failed',
  'errorShare',
  'p50Ms',
  'p95Ms',
  'totalTokens',
  'costUsd',
  'lastSeen',
];

/** Runs by `keys` of the common table `whole`, which are the columns `section` and `name`. */
function runsBy(section: string, name: string, where: Sql = EMPTY): Sql {
  const at = (fraction: number) => raw(percentile('duration_ms', fraction));
  return sql`
select '${raw(section)}' as section, time, ${raw(name)} as name, count(*) as runs, sum(state = 'error') as failed,
       sum(state = 'degraded') as degraded, sum(state in ('running', 'stalled', 'lost')) as unfinished,
       ${at(0.5)} as "p50Ms", ${at(0.95)} as "p95Ms", ${at(0.99)} as "p99Ms", max(duration_ms) as "maxMs",
       sum(span_count) as spans, null as calls, sum(total_tokens) as "totalTokens",
       nullif(sum(known_cost_pusd), 0) / 1e12 as "costUsd", sum(unpriced_calls) as "unpricedCalls",
       null as "cacheHitRate", null as "savedUsd", max(start_micros) as "lastSeen"
  from whole ${where}
 group by time, ${raw(name)}`;
}

/** Sums over all spans, including those that belong to no complete run. */
const totals = ({spans, stretch}: QuestionInput): Sql => sql`
select ${stretch} as time, sum(iif(from_messages = 0, calls, 0)) as spans, sum(counted_calls) as calls, ${tokenSums}
  from (${spans})
 group by 1`;

/** Columns that a part of the answer lacks are null. */
function part(relation: Sql, columns: Readonly<Record<string, string>>): Sql {
  const list = ANSWER.map(key => `${columns[key] ?? 'null'} as "${key}"`).join(', ');
  return sql`select ${raw(list)} from (${relation})`;
}
const ANSWER = [
  ...['section', 'time', 'name', 'runs', 'failed', 'degraded', 'unfinished', 'p50Ms', 'p95Ms', 'p99Ms', 'maxMs'],
  ...['totalTokens', 'costUsd', 'unpricedCalls', 'calls', 'spans', 'cacheHitRate', 'savedUsd', 'lastSeen'],
];
const same = (keys: readonly string[]) => Object.fromEntries(keys.map(key => [key, `"${key}"`]));
const RUNS = same(ANSWER);

/** The overview. */
export default defineQuestion({
  examples: [
    {line: 'stats --last 24h', answer: 'the last 24 hours on one screen'},
    {line: 'stats --every 1d --last 14d', answer: 'day by day: runs, errors, times, tokens and cost'},
  ],
  every: true,
  columns: {
    section: {label: 'OF', description: 'all, state, agent, team, workflow (runs of their own), model, apart'},
    name: {
      label: 'NAME',
      description:
        'name in its section; apart: traffic (traces without a run), parts (loose work), surroundings (HTTP spans)',
    },
    runs: {label: 'RUNS', unit: 'count', description: 'runs; a paused run counts once; traffic: traces; model: null'},
    runShare: {label: 'SHARE', unit: 'ratio', description: 'of all runs'},
    failed: {label: 'ERROR', unit: 'count', description: 'runs in state error; model: calls that failed'},
    errorShare: {label: 'ERROR %', unit: 'ratio', description: 'failed of runs; model: of calls'},
    degraded: {label: 'DEGRADED', unit: 'count', description: 'runs that continued although something in them failed'},
    unfinished: {label: 'UNFINISHED', unit: 'count', description: 'runs running, stalled or lost'},
    p50Ms: {label: 'P50', unit: 'ms', description: 'median duration of runs, without pauses'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    p99Ms: {label: 'P99', unit: 'ms', description: '99th percentile, interpolated'},
    maxMs: {label: 'MAX', unit: 'ms', description: 'longest'},
    totalTokens: {label: 'TOKENS', unit: 'count', description: 'tokens of their model calls; nested calls count once'},
    costUsd: {label: 'COST', unit: 'usd', description: 'cost of the calls whose cost is known'},
    unpricedCalls: {label: 'UNPRICED', unit: 'count', description: 'calls whose cost is unknown'},
    calls: {label: 'CALLS', unit: 'count', description: 'model calls'},
    spans: {label: 'SPANS', unit: 'count', description: 'spans; in "all" also those outside runs'},
    ...CACHE_COLUMNS,
    lastSeen: {label: 'LAST', unit: 'time', description: 'start of the newest run'},
  },
  sort: 'runs',
  thenBy: 'calls',
  limit: 5,
  note: `agents, teams and workflows by their own runs, not runs inside others; ${PARTS_APART}`,
  sections: {
    all: {
      label: 'ALL',
      columns: [
        ...['runs', 'failed', 'errorShare', 'p50Ms', 'p95Ms', 'totalTokens', 'costUsd', 'degraded', 'unfinished'],
        ...['cacheHitRate', 'savedUsd', 'p99Ms', 'maxMs', 'calls', 'spans'],
      ],
    },
    state: {
      label: 'STATE',
      columns: ['name', 'runs', 'runShare', 'p50Ms', 'p95Ms', 'totalTokens', 'costUsd', 'lastSeen'],
    },
    agent: {label: 'AGENT', columns: ['name', ...RUN_COLUMNS]},
    team: {label: 'TEAM', columns: ['name', ...RUN_COLUMNS]},
    workflow: {label: 'WORKFLOW', columns: ['name', ...RUN_COLUMNS]},
    model: {
      label: 'MODEL',
      columns: [
        'name',
        'calls',
        'failed',
        'errorShare',
        'totalTokens',
        'costUsd',
        'cacheHitRate',
        'savedUsd',
        'unpricedCalls',
      ],
    },
    apart: {label: 'APART', columns: ['name', 'runs', 'spans']},
  },
  sql: input => {
    const {spans, runs, allRuns, everyMicros, stretch} = input;
    const all = sql`
select t.*, g.runs, g.failed, g.degraded, g.unfinished, g."p50Ms", g."p95Ms", g."p99Ms", g."maxMs", g."lastSeen"
  from (${totals(input)}) t
  left join (${runsBy('all', 'null')}) g on g.time = t.time`;
    const sections =
      everyMicros !== null
        ? []
        : [
            part(runsBy('state', 'state'), RUNS),
            ...(['agent', 'team', 'workflow'] as const).map(kind =>
              part(runsBy(kind, 'name', raw(`where kind = '${kind}'`)), RUNS),
            ),
            part(
              sql`select name, sum(failed) as failed, sum(calls) as calls, ${tokenSums} from (${spans}) where kind = 'llm' group by name`,
              {
                ...same([
                  'name',
                  'failed',
                  'calls',
                  'totalTokens',
                  'costUsd',
                  'cacheHitRate',
                  'savedUsd',
                  'unpricedCalls',
                ]),
                section: "'model'",
                spans: 'calls',
                time: '0',
              },
            ),
            part(
              sql`
select iif(traffic = 1, 'traffic', 'parts') as name, count(*) as runs, sum(span_count) as spans, max(start_micros) as "lastSeen"
  from (${allRuns})
 where traffic = 1 or part = 1
 group by 1`,
              {...same(['name', 'runs', 'spans', 'lastSeen']), section: "'apart'", time: '0'},
            ),
          ];
    return sql`
with whole as materialized (select ${stretch} as time, w.* from (${wholeRuns(runs)}) w)
select *, iif(section = 'apart' or section = 'model', null, runs * 1.0 / nullif(sum(iif(section = 'all', runs, null)) over (partition by time), 0)) as "runShare",
       failed * 1.0 / nullif(iif(section = 'model', calls, runs), 0) as "errorShare"
  from (${join([part(all, {...RUNS, section: "'all'", name: 'null', runs: 'coalesce(runs, 0)'}), ...sections], '\nunion all\n')}) a`;
  },
  trend: {
    column: 'runs',
    keys: [],
    sql: ({runs, stretch}) => sql`
select ${stretch} as time, count(*) as value from (${runs}) where sequel = 0 group by 1`,
  },
});
