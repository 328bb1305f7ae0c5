import {isAnyOf, matchesGlob} from '../sql/fragments.ts';
import {anyOf, EMPTY, join, raw, type Sql, sql} from '../sql/sql.ts';
import type {RunFilter} from '../trace/filter.ts';
import {DIMENSION_NAMES, IS_CALL, IS_RUN_SPAN, RUN_NAMES, SPAN_NAMES, SUM_NAMES, type SumColumn} from './schema.ts';

/*
 * The relations that a question reads, with the window and the filters already applied. All SQL here is SQLite's,
 * over the facts.
 */

export const DAY_MICROS = 86_400_000_000;

/**
 * A duration for sums. One of more than thirty years, which nobody measured, would overflow them, so it counts as 0.
 */
function micros(ms: string): string {
  return `case when abs(${ms}) < 1e12 then cast(round(${ms} * 1000) as integer) else 0 end`;
}

/** What one row of span_facts `s` adds to each sum. */
const ADDS: Readonly<Record<SumColumn, string>> = {
  calls: '1',
  failed: 's.failed',
  errors: "coalesce(s.status = 'ERROR', 0)",
  timed_calls: '(s.duration_ms is not null)',
  run_calls: 's.in_run',
  duration_us: micros('s.duration_ms'),
  stored_us: micros('s.stored_ms'),
  self_us: micros('s.self_ms'),
  run_self_us: `s.in_run * ${micros('s.self_ms')}`,
  critical_us: micros('s.critical_ms'),
  counted_calls: 's.counted',
  token_calls: '(s.total_tokens is not null)',
  prompt_tokens: 'coalesce(s.prompt_tokens, 0)',
  gross_prompt_tokens: 'coalesce(s.gross_prompt_tokens, 0)',
  estimated_calls: 's.gross_estimated',
  completion_tokens: 'coalesce(s.completion_tokens, 0)',
  cached_tokens: 'coalesce(s.cached_tokens, 0)',
  cache_write_tokens: 'coalesce(s.cache_write_tokens, 0)',
  total_tokens: 'coalesce(s.total_tokens, 0)',
  answered_us: `case when s.completion_tokens > 0 then ${micros('s.duration_ms')} else 0 end`,
  cost_pusd: 'coalesce(s.cost_pusd, 0)',
  priced_calls: '(s.cost_pusd is not null)',
  unpriced_calls: 's.unpriced',
  cache_calls: '(coalesce(s.cached_tokens, 0) + coalesce(s.cache_write_tokens, 0) > 0)',
  saved_pusd: 'coalesce(s.saved_pusd, 0)',
  saved_calls: '(s.saved_pusd is not null)',
  retries: 's.retry',
  output_chars: 'coalesce(s.output_chars, 0)',
  sized_calls: '(s.output_chars is not null)',
  documents: 'coalesce(s.documents, 0)',
  document_calls: '(s.documents is not null)',
  empty_calls: 'coalesce(s.documents = 0, 0)',
};

/** 1970 began on a Thursday; weeks begin on Mondays. */
const FIRST_MONDAY = 4 * DAY_MICROS;

/** Start of the period of `micros` that contains a time; -1 for an unknown time. */
function bucket(column: string, micros: number): string {
  const since = micros % (7 * DAY_MICROS) === 0 ? `(${column} - ${FIRST_MONDAY})` : column;
  return `coalesce(${column} - ((${since} % ${micros}) + ${micros}) % ${micros}, -1)`;
}

const DIMENSIONS = DIMENSION_NAMES.map(name =>
  name === 'day_micros'
    ? `${bucket('s.start_micros', DAY_MICROS)} as day_micros`
    : `coalesce(s.${name}, '') as ${name}`,
).join(', ');

/** Adds the rows of span_facts between two keys to span_days, or subtracts them with -1. */
export function addToDays(sign: 1 | -1): string {
  const sums = SUM_NAMES.map(name => `${sign === 1 ? '' : '-'}sum(${ADDS[name]}) as ${name}`).join(', ');
  const added = SUM_NAMES.map(name => `${name} = ${name} + excluded.${name}`).join(', ');
  return `insert into span_days (${DIMENSION_NAMES.join(', ')}, ${SUM_NAMES.join(', ')})
select ${DIMENSIONS}, ${sums} from span_facts s where s.span_key >= ? and s.span_key < ?
 group by ${DIMENSION_NAMES.map((_, i) => i + 1).join(', ')}
on conflict do update set ${added}`;
}

/** Run spans of the kinds of `eachRunSpan`, and calls for nobody: with exactly this condition, by their own index. */
export const IS_OF_RUNS = raw(IS_RUN_SPAN);

/** From `bareSpans`: the spans of these kinds, by the index of calls. */
export function callsOf(bareSpans: Sql, ...kinds: readonly ('llm' | 'memory' | 'retrieval' | 'tool')[]): Sql {
  return sql`(${bareSpans}) where ${raw(IS_CALL)} and kind in (${raw(kinds.map(kind => `'${kind}'`).join(', '))})`;
}

/** The relations for a question. */
export interface Relations {
  /**
   * Spans in groups, to be summed further: `bucket` (start of its day, or of its period with `--every`), `kind`,
   * `span_name`, `name`, `provider`, `agent`, `team`, `workflow`, `step`, `cost_source`, `cost_date`,
   * `from_messages`, and all of SUM_COLUMNS. Read from the kept days unless a filter needs single spans; a missing
   * dimension is null.
   */
  readonly spans: Sql;
  /**
   * Single spans with these columns, `start_micros`, `duration_ms`, `stored_ms` and `model`, without columns of their
   * run.
   */
  readonly bareSpans: Sql;
  /**
   * Single spans, with all columns of span_facts, `bucket`, the sums (each of one span), and columns of their run:
   * `whole_key`, `run_id`, `run_name`, `run_kind`, `run_state`, `session_id`, `user_id`, `agent_id`, `team_id`,
   * `workflow_id`, `run_start_micros`, `trace_id`. For surroundings these are null, except the trace.
   */
  readonly eachSpan: Sql;
  /**
   * Like `spans`, for all spans of the selected runs and loose parts: the window applies to their runs, and a filter
   * on spans selects runs, as in `runs`. Read from the kept days if neither is set; then spans of surroundings are
   * included, and only `run_calls` and the sums of finished runs exclude them.
   */
  readonly runSpans: Sql;
  /** Like `eachSpan`, for the same spans; with `run_missing` and `run_sequel` of their run. */
  readonly eachRunSpan: Sql;
  /** Runs, with all columns of run_facts and `bucket`; without parts and traffic. A sequel has a row of its own. */
  readonly runs: Sql;
  /** The same, including loose parts and traffic. */
  readonly allRuns: Sql;
}

export interface RelationOptions {
  /** Window and filters of the question; filters that need complete runs are applied in `chosen`. */
  readonly filter: RunFilter;
  /** The table `chosen` holds the selected runs. */
  readonly isChosen: boolean;
  /** Length of a period, microseconds; null: days. */
  readonly everyMicros: number | null;
}

export function relationsOf({filter, isChosen, everyMicros}: RelationOptions): Relations {
  const spanTests = [...windowTests(filter, 's'), ...testsOfSpan(filter)];
  const runTests = testsOfRun(filter, isChosen);
  const every = everyMicros ?? DAY_MICROS;
  const onlyWindow = testsOfSpan(filter).length === 0 && runTests.length === 0;
  const of = raw(`
  from span_facts s
  join trace_facts t on t.trace_key = s.trace_key
  left join run_facts r on r.run_key = s.run_key`);
  const where = (tests: readonly Sql[]) => (tests.length === 0 ? EMPTY : sql`\n where ${join(tests, '\n   and ')}`);
  const sums = SUM_NAMES.map(name => `${ADDS[name]} as ${name}`).join(', ');
  const dimensions = DIMENSION_NAMES.slice(1);
  const days = (tests: readonly Sql[]) => sql`
select ${raw(bucket('day_micros', every).replace(/^coalesce\((.*), -1\)$/, 'iif(day_micros < 0, -1, $1)'))} as bucket, ${raw(dimensions.map(name => `nullif(${name}, '') as ${name}`).join(', '))}, ${raw(SUM_NAMES.join(', '))}
  from span_days s${where(tests)}`;
  const bucketed = raw(`${bucket('s.start_micros', every)} as bucket`);
  const from = runTests.length === 0 ? raw('\n  from span_facts s') : of;
  const perSpan = (tests: readonly Sql[]) => sql`
select ${bucketed}, ${raw(dimensions.map(name => `s.${name}`).join(', '))}, ${raw(sums)}${from}${where(tests)}`;
  // Some sums have the name of a column of the row. These keep the row's own value: a single span's sum is its value,
  // 0 for null.
  const ownNames = SPAN_NAMES.filter(name => !(SUM_NAMES as readonly string[]).includes(name));
  const single = (trace: 't' | 'r') =>
    raw(`${ownNames.map(name => `s.${name}`).join(', ')}, ${sums}, s.total_tokens is not null as has_tokens,
       s.cost_pusd is not null as has_cost, ${trace}.trace_id, r.run_id, r.name as run_name, r.kind as run_kind, r.state as run_state,
       r.session_id, r.user_id, r.agent_id, r.team_id, r.workflow_id, r.start_micros as run_start_micros,
       r.span_id as run_span_id, r.whole_key, r.part as run_part, r.traffic as run_traffic`);
  const eachSpan = sql`
select ${bucketed}, ${single('t')}${of}${where([...spanTests, ...runTests])}`;
  const inRuns = [...windowTests(filter, 'r'), ...runTests, ...testsInRun(filter), raw('r.traffic = 0')];
  const ofRuns = raw(`
  from span_facts s
  join run_facts r on r.run_key = s.run_key`);
  const eachRunSpan = sql`
select ${bucketed}, ${single('r')}, r.missing as run_missing, r.sequel as run_sequel${ofRuns}${where(inRuns)}`;
  const isWhole = inRuns.length === 1 && everyMicros === null;
  // Runs first, then their spans, which are adjacent: 14 days of 55 take 0.06 instead of 1.3 s. `cross` fixes this
  // order, and `+` keeps SQLite from using the indexes of span_facts.
  const runSpans = sql`
select ${bucketed}, ${raw(dimensions.map(name => (name === 'kind' ? '+s.kind as kind' : `s.${name}`)).join(', '))}, ${raw(sums)}
  from run_facts r
  cross join trace_facts t on t.trace_key = r.trace_key
  cross join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and +s.run_key = r.run_key${where(inRuns)}`;
  const runs = (tests: readonly Sql[]) => sql`
select ${raw(`${bucket('r.start_micros', every)} as bucket`)}, ${raw(RUN_NAMES.map(name => `r.${name}`).join(', '))}
  from run_facts r${where([...windowTests(filter, 'r'), ...runTests, ...testsInRun(filter), ...tests])}`;
  return {
    spans:
      onlyWindow && every % DAY_MICROS === 0
        ? join(
            wholeDays(filter).map(({isDays, tests}) => (isDays ? days(tests) : perSpan(tests))),
            '\nunion all\n',
          )
        : perSpan([...spanTests, ...runTests]),
    bareSpans: sql`
select ${bucketed}, s.start_micros, s.duration_ms, s.stored_ms, s.model, ${raw(dimensions.map(name => `s.${name}`).join(', '))}, ${raw(sums)}${from}${where([...spanTests, ...runTests])}`,
    eachSpan,
    runSpans: isWhole ? days([]) : runSpans,
    eachRunSpan,
    runs: runs([raw('r.part = 0'), raw('r.traffic = 0')]),
    allRuns: runs([]),
  };
}

/** Creates the table `chosen` with these runs. */
export function choose(runs: readonly {readonly traceId: string; readonly spanId: string}[]): Sql[] {
  const found = JSON.stringify(runs.map(({traceId, spanId}) => [traceId, spanId]));
  return chooseFrom(sql`
select r.run_key from json_each(${found}) f
  join trace_facts t on t.trace_id = f.value ->> 0
  join run_facts r on r.trace_key = t.trace_key and r.span_id = f.value ->> 1`);
}

/** The same with the keys that a statement returns. */
export function chooseFrom(keys: Sql): Sql[] {
  return [raw('create temp table chosen (run_key integer primary key)'), sql`\ninsert into chosen${keys}`];
}

/** A window as its complete days, and the parts before and after them. */
function wholeDays({sinceMicros: since, untilMicros: until}: RunFilter): {isDays: boolean; tests: Sql[]}[] {
  const first = since === null ? null : Math.ceil(since / DAY_MICROS) * DAY_MICROS;
  const last = until === null ? null : Math.floor(until / DAY_MICROS) * DAY_MICROS;
  if (first !== null && last !== null && first >= last)
    return [{isDays: false, tests: [sql`s.start_micros >= ${since}`, sql`s.start_micros < ${until}`]}];
  const days = [
    ...(first === null ? [] : [sql`day_micros >= ${first}`]),
    // Spans with an unknown time are in no window.
    ...(last === null ? [] : [sql`day_micros < ${last}`, raw('day_micros >= 0')]),
  ];
  return [
    {isDays: true, tests: days},
    ...(first === since
      ? []
      : [{isDays: false, tests: [sql`s.start_micros >= ${since}`, sql`s.start_micros < ${first}`]}]),
    ...(last === until
      ? []
      : [{isDays: false, tests: [sql`s.start_micros >= ${last}`, sql`s.start_micros < ${until}`]}]),
  ];
}

export function windowTests({sinceMicros, untilMicros}: RunFilter, alias: 's' | 'r'): Sql[] {
  return [
    ...(sinceMicros === null ? [] : [sql`${raw(alias)}.start_micros >= ${sinceMicros}`]),
    ...(untilMicros === null ? [] : [sql`${raw(alias)}.start_micros < ${untilMicros}`]),
  ];
}

const any = (tests: readonly Sql[]): Sql[] => (tests.length === 0 ? [] : [sql`(${anyOf(tests)})`]);

/** Tests on a span `s`, with the same meaning as those of `questions/slowest-tables.ts` on the table itself. */
export function testsOfSpan(filter: RunFilter): Sql[] {
  const {minDurationMs, maxDurationMs} = filter;
  return [
    ...(filter.kinds.length === 0 ? [] : [isAnyOf(raw('s.kind'), filter.kinds)]),
    ...any(filter.models.map(model => matchesGlob(raw('s.model'), model))),
    ...any(filter.tools.map(tool => toolTest(tool))),
    ...any(filter.names.map(name => matchesGlob(raw('s.span_name'), name))),
    ...(filter.statuses.length === 0 ? [] : [isAnyOf(raw('s.status'), filter.statuses)]),
    ...(minDurationMs === null ? [] : [sql`s.stored_ms >= ${minDurationMs}`]),
    ...(maxDurationMs === null ? [] : [sql`s.stored_ms <= ${maxDurationMs}`]),
  ];
}

const toolTest = (tool: string): Sql =>
  sql`(s.kind in ('tool', 'retrieval', 'memory') and ${matchesGlob(raw('s.name'), tool)})`;

/** Tests on a run `r` that its own row answers. */
export function testsOfRun(filter: RunFilter, isChosen: boolean): Sql[] {
  const component = (wanted: readonly string[], kind: 'agent' | 'team' | 'workflow') =>
    any(
      wanted.map(
        item => sql`(${raw(`r.${kind}_id`)} = ${item} or (r.kind = ${kind} and ${matchesGlob(raw('r.name'), item)}))`,
      ),
    );
  return [
    ...(filter.traces.length === 0 ? [] : [isAnyOf(raw('r.trace_id'), filter.traces)]),
    ...(filter.runs.length === 0 ? [] : [isAnyOf(raw('r.run_id'), filter.runs)]),
    ...(filter.sessions.length === 0 ? [] : [isAnyOf(raw('r.session_id'), filter.sessions)]),
    ...(filter.users.length === 0 ? [] : [isAnyOf(raw('r.user_id'), filter.users)]),
    ...component(filter.agents, 'agent'),
    ...component(filter.teams, 'team'),
    ...component(filter.workflows, 'workflow'),
    ...(filter.states.length === 0 ? [] : [isAnyOf(raw('r.state'), filter.states)]),
    ...(filter.minTokens === null ? [] : [sql`r.total_tokens >= ${filter.minTokens}`]),
    ...(isChosen ? [raw('r.run_key in (select run_key from chosen)')] : []),
  ];
}

/** For runs, a filter on spans means that the run contains such a span; durations and statuses are the run's own. */
function testsInRun(filter: RunFilter): Sql[] {
  const {minDurationMs, maxDurationMs, statuses} = filter;
  const runKinds = filter.kinds.filter(kind => kind === 'agent' || kind === 'team' || kind === 'workflow');
  const spanKinds = filter.kinds.filter(kind => !(runKinds as readonly string[]).includes(kind));
  // As a set of its own: tested run by run, it would search all spans of that kind for each run.
  const holds = (test: Sql): Sql => sql`r.run_key in (select s.run_key from span_facts s where ${test})`;
  return [
    ...any([
      ...(runKinds.length === 0 ? [] : [isAnyOf(raw('r.kind'), runKinds)]),
      ...(spanKinds.length === 0 ? [] : [holds(isAnyOf(raw('s.kind'), spanKinds))]),
    ]),
    ...any(filter.models.map(model => holds(matchesGlob(raw('s.model'), model)))),
    ...any(filter.tools.map(tool => holds(toolTest(tool)))),
    ...any(
      filter.names.map(name =>
        holds(sql`(${matchesGlob(raw('s.span_name'), name)} or ${matchesGlob(raw('s.name'), name)})`),
      ),
    ),
    ...(statuses.length === 0 ? [] : [isAnyOf(raw('upper(r.stored_status)'), statuses)]),
    ...(minDurationMs === null ? [] : [sql`r.duration_ms >= ${minDurationMs}`]),
    ...(maxDurationMs === null ? [] : [sql`r.duration_ms <= ${maxDurationMs}`]),
  ];
}

/** A percentile of a group's known values, interpolated; null: there are none. */
export function percentile(value: string, fraction: number): string {
  return `percentile_cont(${value}, ${fraction})`;
}

/** Percentiles and the maximum of `value` by `keys`: columns `p50`, `p95` and `longest` after the keys. */
export function percentiles(relation: Sql, keys: readonly string[], value: string): Sql {
  const by = keys.map(key => `"${key}"`).join(', ');
  return sql`
select ${raw(`${by}, ${percentile(value, 0.5)} as p50, ${percentile(value, 0.95)} as p95, max(${value}) as longest`)}
  from (${relation})
 where ${raw(value)} is not null
 group by ${raw(by)}`;
}
