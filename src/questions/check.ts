import {usageError} from '../errors.ts';
import {attributeText} from '../facts/attributes.ts';
import {callsOf, percentiles} from '../facts/relations.ts';
import {EMPTY, join, raw, type Sql, sql} from '../sql/sql.ts';
import {attributeNameIn} from '../trace/asked-attributes.ts';
import {type Ask, defineQuestion, type FlagValue, type QuestionInput} from './question.ts';
import {wholeRuns} from './whole-runs.ts';

interface Rule {
  readonly flag: string;
  readonly description: string;
  readonly takes?: FlagValue;
  /** The name of its row, and the unit of its value. */
  readonly rule: string;
  readonly unit: 'ratio' | 'ms' | 'usd' | 'count';
  /** Unknown amounts could only increase its value: then a value below the limit proves nothing. */
  readonly adds?: true;
  /**
   * The statement for its values: `grp`, `value`, `runs` (their number), `unknown` (runs or calls without a known
   * value), and `run_id` and `trace_id` of the run to look at.
   */
  readonly values: Sql;
}

const UNFINISHED = "state in ('running', 'stalled', 'lost')";
/** Bare columns beside max() come from the row that has the maximum, which SQLite guarantees. */
const IDS = 'run_id, trace_id';

/** The total over all runs, their continuations and loose parts. */
const sumOf = (value: string, unknown: string, most: string): Sql =>
  raw(`
select grp, iif(coalesce(sum(${value}), 0) = 0 and sum(${unknown}) > 0, null, coalesce(sum(${value}), 0)) as value,
       sum(part = 0 and sequel = 0) as runs, sum(${unknown}) as unknown, max(${most}), ${IDS}
  from each_run
 group by grp`);

/** The largest value of any run. */
const mostOf = (value: string, unknown: string): Sql =>
  raw(`
select grp, max(${value}) as value, count(*) as runs, sum(${unknown} > 0) as unknown, ${IDS} from whole group by grp`);

const RULES: Readonly<Record<string, Rule>> = {
  maxErrorRate: {
    flag: '--max-error-rate <share>',
    description: 'runs in state error, of those that ended: 5%',
    takes: 'share',
    rule: 'error rate',
    unit: 'ratio',
    values: raw(`
select grp, sum(state = 'error') * 1.0 / nullif(sum(not ${UNFINISHED}), 0) as value, sum(not ${UNFINISHED}) as runs,
       sum(${UNFINISHED}) as unknown, max(iif(state = 'error', start_micros, null)) as failed_micros,
       iif(sum(state = 'error') > 0, run_id, null) as run_id, iif(sum(state = 'error') > 0, trace_id, null) as trace_id
  from whole
 group by grp`),
  },
  maxP95: {
    flag: '--max-p95 <length>',
    description: '95th percentile of the times of runs: 30s',
    takes: 'length',
    rule: 'p95',
    unit: 'ms',
    values: sql`
select w.grp, p.p95 as value, w.runs, w.unknown, w.run_id, w.trace_id
  from (
    select grp, count(duration_ms) as runs, sum(duration_ms is null) as unknown, max(duration_ms), ${raw(IDS)}
      from whole
     group by grp
  ) w
  left join (${percentiles(raw('select grp, duration_ms from whole'), ['grp'], 'duration_ms')}) p on p.grp is w.grp`,
  },
  maxCost: {
    flag: '--max-cost <usd>',
    description: 'total cost of all runs',
    takes: 'usd',
    rule: 'cost',
    unit: 'usd',
    adds: true,
    values: sumOf('known_cost_pusd / 1e12', 'unpriced_calls', 'known_cost_pusd'),
  },
  maxTokens: {
    flag: '--max-tokens <n>',
    description: 'total tokens of all runs: 500k',
    takes: 'count',
    rule: 'tokens',
    unit: 'count',
    adds: true,
    values: sumOf('total_tokens', 'untold', 'total_tokens'),
  },
  maxCalls: {
    flag: '--max-calls <n>',
    description: 'total model and tool calls of all runs',
    takes: 'count',
    rule: 'calls',
    unit: 'count',
    values: sumOf('calls', '0', 'calls'),
  },
  maxRunCost: {
    flag: '--max-run-cost <usd>',
    description: 'cost of the most expensive run',
    takes: 'usd',
    rule: 'cost of a run',
    unit: 'usd',
    adds: true,
    values: mostOf('iif(known_cost_pusd = 0 and unpriced_calls > 0, null, known_cost_pusd / 1e12)', 'unpriced_calls'),
  },
  maxRunTokens: {
    flag: '--max-run-tokens <n>',
    description: 'most tokens that any run used',
    takes: 'count',
    rule: 'tokens of a run',
    unit: 'count',
    adds: true,
    values: mostOf('iif(untold > 0, total_tokens, coalesce(total_tokens, 0))', 'untold'),
  },
  maxRunCalls: {
    flag: '--max-run-calls <n>',
    description: 'most calls that any run made',
    takes: 'count',
    rule: 'calls of a run',
    unit: 'count',
    values: mostOf('calls', '0'),
  },
  loops: {
    flag: '--no-loops',
    description: 'no run repeats itself: see agno-trace loops',
    rule: 'loops',
    unit: 'count',
    values: sumOf('loops', '0', 'loops'),
  },
};

const PER: Readonly<Record<string, string>> = {
  all: 'null',
  agent: "iif(kind = 'agent', name, null)",
  team: "iif(kind = 'team', name, null)",
  workflow: "iif(kind = 'workflow', name, null)",
  user: 'user_id',
  session: 'session_id',
};
/** For the row of a run, or of a part of one. */
function perOf(per: string, alias: 'w' | 'r'): Sql {
  const attribute = attributeNameIn(per);
  return attribute === null ? raw(PER[per]!) : attributeText(attribute, [`${alias}.run_key`, `${alias}.whole_key`]);
}

const VERDICTS = ['ok', 'fail'];

const isAsked = (flags: Ask['flags'], key: string) =>
  key === 'loops' ? flags.loops === false : flags[key] !== undefined;
const rulesOf = (flags: Ask['flags']) => Object.keys(RULES).filter(key => isAsked(flags, key));

/** Whether limits are kept: for cron and CI, one row per rule, and exit code 7. */
export default defineQuestion({
  examples: [
    {line: 'check --last 24h --max-error-rate 5% --max-p95 30s', answer: 'exit 7 when yesterday was worse'},
    {line: 'check --session s-1 --max-cost 0.5 --no-loops', answer: 'is this conversation within its limits?'},
  ],
  flags: {
    ...Object.fromEntries(
      Object.entries(RULES).map(([key, {flag, description, takes}]) => [
        key,
        {flag, description, ...(takes ? {takes} : {})},
      ]),
    ),
    per: {
      flag: '--per <what>',
      description: `apply the limits to each: ${Object.keys(PER).join(', ')}, attr.NAME`,
      default: 'all',
      takes: Object.keys(PER),
      takesAttributes: true,
    },
    onEmpty: {
      flag: '--on-empty <verdict>',
      description: 'result if there is no run: ok, fail',
      default: 'ok',
      takes: VERDICTS,
    },
    onUnknown: {
      flag: '--on-unknown <verdict>',
      description: 'below the limit, but some costs or tokens are unknown: ok, fail',
      default: 'fail',
      takes: VERDICTS,
    },
  },
  checkFlags: flags => {
    if (rulesOf(flags).length === 0)
      throw usageError(
        'check needs a limit.',
        'Write --max-error-rate 5%, --max-p95 30s, --max-cost 10 or --no-loops.',
      );
  },
  formats: ['junit'],
  columns: {
    result: {
      label: 'RESULT',
      description: 'fail; maybe: below the limit, but some values are unknown; no data: no run; ok',
    },
    rule: {label: 'RULE', least: 8, description: 'error rate, p95, cost, tokens, calls, cost of a run, …, loops'},
    name: {label: 'OF', description: 'with --per the agent, user, …; null: runs without one, or all runs'},
    value: {
      label: 'VALUE',
      unit: 'varies',
      description: 'the value found, in the unit of the row; null: unknown',
    },
    limit: {label: 'LIMIT', unit: 'varies', description: 'the maximum allowed'},
    runs: {label: 'RUNS', unit: 'count', description: 'runs behind the value; a paused run counts once'},
    unknown: {
      label: 'UNKNOWN',
      unit: 'count',
      description:
        'not in the value: unfinished runs; for cost and tokens, calls (for one run: runs) without a known value',
    },
    unit: {label: 'UNIT', description: 'unit of value and limit: ratio, ms, usd, count'},
    sampleRunId: {
      label: 'SAMPLE',
      description: 'the newest failed, the slowest, the most expensive or the largest run',
    },
    sampleTraceId: {label: 'TRACE', description: 'its trace id'},
  },
  sort: 'result',
  limit: 0,
  note: 'cost, tokens, calls and loops include continuations and loose parts',
  sql: (input, flags) => {
    const rules = rulesOf(flags);
    const asked = rules.map((key, i) => {
      const {rule, unit, adds} = RULES[key]!;
      // Durations are in microseconds here and in milliseconds everywhere else.
      const limit = (input.numbers[key] ?? 0) / (unit === 'ms' ? 1000 : 1);
      return sql`(${key}, ${i}, ${rule}, ${unit}, ${limit}, ${adds ? 1 : 0})`;
    });
    const values = rules.map(
      key => sql`
select ${key} as key, grp, value, runs, unknown, run_id, trace_id from (${RULES[key]!.values})`,
    );
    return sql`
with ${common(input, String(flags.per ?? 'all'), rules)},
  rules (key, place, rule, unit, most, adds) as (values ${join(asked, ', ')}),
  found as materialized (${join(values, '\nunion all')})
select case when coalesce(runs, 0) = 0 and value is null then 'no data' when value > most then 'fail'
            when adds = 1 and unknown > 0 then 'maybe' when value is null then 'no data' else 'ok' end as result,
       rule, f.grp as name, value, most as "limit", coalesce(runs, 0) as runs, coalesce(unknown, 0) as unknown, unit,
       iif(value > 0, run_id, null) as "sampleRunId", iif(value > 0, trace_id, null) as "sampleTraceId"
  from rules r
  left join found f on f.key = r.key`;
  },
  differs: ({onEmpty, onUnknown}) =>
    [
      "result = 'fail'",
      ...(onEmpty === 'fail' ? ["result = 'no data'"] : []),
      ...(onUnknown === 'ok' ? [] : ["result = 'maybe'"]),
    ].join(' or '),
  isEmpty: rows => rows.every(({result}) => result === 'no data'),
});

/** Runs with their group, complete ones and each part separately; calls are counted if a rule needs them. */
function common({runs, allRuns, eachRunSpan}: QuestionInput, per: string, rules: readonly string[]): Sql {
  const asksCalls = rules.some(key => /calls|tokens|^loops$/i.test(key));
  const counted = asksCalls
    ? sql`
  per_run as materialized (
    select run_key, whole_key, sum(iif(kind = 'llm', counted_calls, 1)) as calls,
           sum(counted_calls = 1 and has_tokens = 0 and failed = 0) as untold, sum(loop_calls is not null) as loops
      from ${callsOf(eachRunSpan, 'llm', 'tool', 'retrieval', 'memory')}
     group by run_key, whole_key
  ),`
    : EMPTY;
  const figures = (alias: string) =>
    raw(
      ['calls', 'untold', 'loops']
        .map(name => (asksCalls ? `coalesce(${alias}.${name}, 0) as ${name}` : `0 as ${name}`))
        .join(', '),
    );
  return sql`${counted}
  whole as materialized (
    select ${perOf(per, 'w')} as grp, w.*, ${figures('c')}
      from (${wholeRuns(runs)}) w${
        asksCalls
          ? raw(`
      left join (
        select whole_key, sum(calls) as calls, sum(untold) as untold, sum(loops) as loops from per_run group by whole_key
      ) c on c.whole_key = w.run_key`)
          : EMPTY
      }
  ),
  each_run as materialized (
    select ${perOf(per, 'r')} as grp, r.*, ${figures('c')}
      from (${allRuns}) r${asksCalls ? raw('\n      left join per_run c on c.run_key = r.run_key') : EMPTY}
     where r.traffic = 0
  )`;
}
