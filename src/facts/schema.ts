/*
 * The relations for questions over many runs (docs/design.md, Three ways to an answer): results of `trace/` in typed
 * columns, without JSON and without any text of prompts, arguments or outputs; texts of errors are shortened.
 * docs/facts.md describes the same columns. Times are microseconds since 1970 (UTC), durations milliseconds unless
 * the name says otherwise, unknown is null.
 */

/** Increase it whenever the relations or their contents change: files of another version are built again. */
export const FACTS_VERSION = 15;

/** In the header of each of our files ("AGTF"): we must not drop tables in a file without it. */
export const FACTS_APPLICATION_ID = 0x41475446;

type ColumnType = 'text' | 'integer' | 'real';

/** Columns in order: name, type, and meaning. */
type Columns = Readonly<Record<string, readonly [ColumnType, string]>>;

/** A row for every run, loose part and (traffic) trace without any span of Agno's: the rows of `list`. */
export const RUN_FACTS = {
  run_key: ['integer', 'key of the row; not stable'],
  trace_key: ['integer', 'its trace in trace_facts'],
  trace_id: ['text', 'trace id'],
  span_id: ['text', 'its run span, or the ghost of an unfinished run'],
  run_id: ['text', "Agno's run id; null while the run span is missing"],
  name: ['text', 'name of the agent, team or workflow'],
  kind: ['text', 'agent, team or workflow; the kind of a loose part; null while the run span is missing'],
  state: ['text', 'as computed'],
  state_reason: ['text', 'why it is error, degraded or cancelled; shortened'],
  stored_status: ['text', 'of the trace row'],
  span_status: ['text', 'of the run span'],
  start_micros: ['integer', 'start'],
  end_micros: ['integer', 'end'],
  duration_ms: ['real', 'end minus start; null while the run span is missing'],
  agent_id: ['text', ''],
  team_id: ['text', ''],
  workflow_id: ['text', ''],
  user_id: ['text', ''],
  session_id: ['text', ''],
  model: ['text', 'the model of most of its own calls'],
  provider: ['text', ''],
  span_count: ['integer', 'spans that belong to it'],
  error_count: ['integer', 'spans of it that failed'],
  prompt_tokens: ['integer', 'of its model calls, each counted once, as stored'],
  completion_tokens: ['integer', ''],
  cached_tokens: ['integer', ''],
  cache_write_tokens: ['integer', ''],
  gross_prompt_tokens: ['integer', 'including tokens read from and written to the cache'],
  gross_estimated: ['integer', '1: for some call it is unknown whether the stored count includes cached tokens'],
  total_tokens: ['integer', 'computed with gross_prompt_tokens'],
  cost_pusd: ['integer', 'US dollars times 10^12; null unless every counted call has a cost'],
  known_cost_pusd: ['integer', 'cost of the calls whose cost is known'],
  unpriced_calls: ['integer', 'counted calls without a known cost'],
  retry_count: ['integer', 'spans with retry'],
  last_seen_micros: ['integer', 'newest created_at of its spans'],
  missing: ['integer', '1: the run span is missing'],
  part: ['integer', '1: finished work outside any run'],
  traffic: ['integer', "1: no span of Agno's in the trace"],
  detached: ['integer', '1: it leaked into the trace of another run'],
  sequel: ['integer', '1: a continuation; its first part is here, and both count as one run'],
  whole_key: ['integer', 'run_key of the run it counts as: for a continuation that of the first part, else its own'],
  agno_status: ['text', "the run's status in Agno's own run table, if known"],
} as const satisfies Columns;

/** A row for every span, and for every tool call without a span that messages mention. */
export const SPAN_FACTS = {
  span_key: ['integer', 'key of the row; not stable'],
  trace_key: ['integer', 'its trace in trace_facts'],
  run_key: ['integer', 'its run in run_facts; null for surroundings'],
  span_id: ['text', 'span id; for a call without a span, that of the model call that asked for it'],
  from_messages: ['integer', '1: a tool call without a span, found in the messages of model calls'],
  own_run_id: ['text', 'run id of a run span'],
  begin_key: ['integer', 'run spans with an id: span_key of the span that it continues, else its own'],
  kind: ['text', 'agent, team, workflow, step, parallel, llm, tool, retrieval, …, http, other'],
  span_name: ['text', 'as stored'],
  name: ['text', 'the readable name: component, model or tool'],
  start_micros: ['integer', 'start'],
  day: ['text', 'first ten characters of the stored start_time'],
  duration_ms: ['real', 'end minus start'],
  stored_ms: ['real', 'the stored duration_ms; end minus start if that is not a number'],
  self_ms: ['real', 'duration without the union of its children'],
  critical_ms: ['real', 'own time on the critical path of its finished run; null if not on it'],
  status: ['text', 'OK, ERROR, UNSET as stored'],
  state: ['text', 'as computed'],
  failed: ['integer', '1: ERROR, or a model call that returned nothing'],
  cause: ['integer', '1: it failed or its state is error, and nothing below it failed'],
  error: ['text', 'first line of the status message or of the reason, shortened; null unless it failed'],
  error_kind: ['text', 'exception class, if the message names it'],
  error_shape: ['text', 'the error without numbers, ids, quoted values and addresses'],
  agent: ['text', 'innermost agent around it, or itself'],
  team: ['text', 'innermost team'],
  workflow: ['text', 'innermost workflow'],
  step: ['text', 'innermost step, as "workflow / step"'],
  component_id: ['text', 'run spans: id of the agent, team or workflow'],
  caller: ['text', 'run spans inside a run: the agent, team or workflow around it; delegations to nobody: the team'],
  via: ['text', 'what made that call: the tool, or "step …"; null: the caller itself'],
  in_run: ['integer', '1: part of a finished run, not of a loose part'],
  within_tokens: ['integer', 'run spans, steps and tools: total tokens of the counted calls inside'],
  within_cost_pusd: ['integer', 'known cost of these calls'],
  within_unpriced: ['integer', 'those of these calls that used tokens, or may have, and have no known cost'],
  main_model: ['text', 'run spans and steps: the model of most of their calls'],
  model: ['text', 'model calls: the model'],
  provider: ['text', ''],
  model_system: ['text', 'llm.system'],
  counted: ['integer', '1: a model call that counts; of nested calls only the outermost'],
  prompt_tokens: ['integer', 'counted calls only, like the next columns; as stored'],
  gross_prompt_tokens: ['integer', 'including tokens read from and written to the cache'],
  gross_estimated: ['integer', '1: it is unknown whether prompt_tokens includes cached tokens'],
  completion_tokens: ['integer', ''],
  cached_tokens: ['integer', ''],
  cache_write_tokens: ['integer', ''],
  audio_prompt_tokens: ['integer', ''],
  audio_completion_tokens: ['integer', ''],
  reasoning_tokens: ['integer', ''],
  total_tokens: ['integer', ''],
  cost_pusd: ['integer', 'US dollars times 10^12; null: unknown'],
  unpriced: ['integer', '1: a counted call that used tokens, or may have, and has no known cost'],
  saved_pusd: ['integer', 'what the cache saved by list prices; null: it was not used, or no price is known'],
  cost_source: ['text', 'provider, file, library'],
  cost_date: ['text', 'date of the prices'],
  arguments_hash: ['text', 'tool calls: equal arguments have equal hashes'],
  output_hash: ['text', 'tool calls: equal results have equal hashes'],
  output_chars: ['integer', 'tool calls: length of the result in characters'],
  retry: ['integer', '1: the previous call of this tool in the same run failed'],
  documents: ['integer', 'retrievals: documents in the result'],
  loop_calls: ['integer', 'first call of a loop: number of calls in the loop (same tools, same arguments)'],
  loop_tools: ['text', 'the tools of the loop, in order'],
  loop_results: [
    'text',
    'same; or differ: one tool was called five times or more with equal arguments, with different results',
  ],
  loop_wasted_ms: ['real', 'time in which only its repeats, or model calls that asked for nothing else, were running'],
  loop_wasted_tokens: ['integer', 'tokens of those calls'],
  loop_wasted_pusd: ['integer', 'known cost of those calls'],
  loop_unpriced: ['integer', 'those model calls that used tokens, or may have, and have no known cost'],
} as const satisfies Columns;

/** A row for every trace. Its `spans` rows of span_facts begin at `first_span_key`. */
export const TRACE_FACTS = {
  trace_key: ['integer', 'key of the row; not stable'],
  trace_id: ['text', 'trace id'],
  first_span_key: ['integer', 'its first row in span_facts; the others follow directly'],
  spans: ['integer', 'number of spans'],
  settles_micros: ['integer', 'when its states change if nothing more is written; null: never'],
  has_row: ['integer', '1: it has a row in agno_traces'],
} as const satisfies Columns;

/** A row for every run and attribute that is kept, and known of the run. */
export const RUN_ATTRIBUTES = {
  run_key: ['integer', 'the run, loose part or trace in run_facts'],
  attribute: ['text', 'its name, as in attr.NAME'],
  value: ['text', 'JSON: a text, a number, true, false, or a list of these'],
  text: ['text', 'the same for people; items of a list are separated by commas'],
} as const satisfies Columns;

/** The dimensions by which a day's spans are grouped. */
export const DAY_DIMENSIONS = {
  day_micros: ['integer', 'start of the day, UTC'],
  kind: ['text', 'this and the next columns as in span_facts'],
  span_name: ['text', ''],
  name: ['text', ''],
  provider: ['text', ''],
  agent: ['text', ''],
  team: ['text', ''],
  workflow: ['text', ''],
  step: ['text', ''],
  cost_source: ['text', ''],
  cost_date: ['text', ''],
  from_messages: ['integer', ''],
} as const satisfies Columns;

/** The sums. Whole numbers, so that adding and then subtracting returns to the same value. */
export const SUM_COLUMNS = {
  calls: ['integer', 'spans'],
  failed: ['integer', 'spans that failed (computed)'],
  errors: ['integer', 'spans stored as ERROR'],
  timed_calls: ['integer', 'spans with a duration'],
  run_calls: ['integer', 'spans of finished runs'],
  duration_us: ['integer', 'sum of durations, microseconds'],
  stored_us: ['integer', 'sum of stored durations, microseconds'],
  self_us: ['integer', ''],
  run_self_us: ['integer', 'finished runs only'],
  critical_us: ['integer', 'finished runs only'],
  counted_calls: ['integer', 'model calls that count'],
  token_calls: ['integer', 'those that report their tokens'],
  prompt_tokens: ['integer', ''],
  gross_prompt_tokens: ['integer', ''],
  estimated_calls: ['integer', 'calls with gross_estimated'],
  completion_tokens: ['integer', ''],
  cached_tokens: ['integer', ''],
  cache_write_tokens: ['integer', ''],
  total_tokens: ['integer', ''],
  answered_us: ['integer', 'durations of calls with completion tokens, microseconds'],
  cost_pusd: ['integer', 'cost of the calls whose cost is known'],
  priced_calls: ['integer', 'calls with a cost'],
  unpriced_calls: ['integer', 'calls that used tokens, or may have, and have no known cost'],
  cache_calls: ['integer', 'calls that read tokens from the cache or wrote some to it'],
  saved_pusd: ['integer', 'what the cache saved in those of them where that is known'],
  saved_calls: ['integer', 'those where it is known'],
  retries: ['integer', ''],
  output_chars: ['integer', ''],
  sized_calls: ['integer', 'calls with output_chars'],
  documents: ['integer', ''],
  document_calls: ['integer', 'retrievals that report how many documents they found'],
  empty_calls: ['integer', 'those that found none'],
} as const satisfies Columns;

export type RunColumn = keyof typeof RUN_FACTS;
export type SpanColumn = keyof typeof SPAN_FACTS;
export type DayDimension = keyof typeof DAY_DIMENSIONS;
export type SumColumn = keyof typeof SUM_COLUMNS;

export const RUN_NAMES = Object.keys(RUN_FACTS) as RunColumn[];
export const SPAN_NAMES = Object.keys(SPAN_FACTS) as SpanColumn[];
export const DIMENSION_NAMES = Object.keys(DAY_DIMENSIONS) as DayDimension[];
export const SUM_NAMES = Object.keys(SUM_COLUMNS) as SumColumn[];

/** Also created in files that were made without them. */
export const ATTRIBUTE_SCHEMA: readonly string[] = [
  `create table if not exists run_attributes (${Object.entries(RUN_ATTRIBUTES)
    .map(([name, [type]]) => `${name} ${type} not null`)
    .join(', ')}, primary key (run_key, attribute)) strict, without rowid`,
  'create index if not exists run_attributes_by_value on run_attributes (attribute, value)',
];

const columns = (list: Columns) =>
  Object.entries(list)
    .map(([name, [type]], i) => `${name} ${type}${i === 0 ? ' primary key' : ''}`)
    .join(', ');

/** Calls of models and tools; a statement with exactly this condition can be answered from their index alone. */
export const IS_CALL = "kind in ('llm', 'memory', 'retrieval', 'tool')";

/** Run spans, and calls for a member that is not there; for their index, as above. */
export const IS_RUN_SPAN = "(kind in ('agent', 'team', 'workflow') or caller is not null)";

/** Everything that questions about whole runs need. */
const OF_RUNS: readonly RunColumn[] = [
  ...(['start_micros', 'part', 'sequel', 'whole_key', 'kind', 'name', 'state', 'missing', 'duration_ms'] as const),
  ...(['span_count', 'total_tokens', 'cost_pusd', 'known_cost_pusd', 'unpriced_calls', 'model'] as const),
  ...(['run_id', 'span_id', 'user_id', 'session_id'] as const),
];
/** The same of runs inside others. */
const OF_RUN_SPANS: readonly SpanColumn[] = [
  ...([
    'kind',
    'run_key',
    'name',
    'begin_key',
    'own_run_id',
    'span_id',
    'start_micros',
    'state',
    'duration_ms',
  ] as const),
  ...(['within_tokens', 'within_cost_pusd', 'within_unpriced', 'main_model', 'component_id', 'caller', 'via'] as const),
];

/** The statements that create an empty file, with the indexes that writing needs. */
export const SCHEMA: readonly string[] = [
  `create table trace_facts (${columns(TRACE_FACTS)}) strict`,
  'create unique index trace_facts_by_id on trace_facts (trace_id)',
  `create table run_facts (${columns(RUN_FACTS)}) strict`,
  'create index run_facts_by_trace on run_facts (trace_key)',
  'create index run_facts_by_run_id on run_facts (run_id) where run_id is not null',
  `create table span_facts (${columns(SPAN_FACTS)}) strict`,
  'create index span_facts_by_run_id on span_facts (own_run_id) where own_run_id is not null',
  // Null is a normal value of a dimension; here it is stored as an empty text.
  `create table span_days (${[
    ...Object.entries(DAY_DIMENSIONS).map(([name, [type]]) => `${name} ${type} not null`),
    ...Object.entries(SUM_COLUMNS).map(([name, [type]]) => `${name} ${type} not null`),
    `primary key (${DIMENSION_NAMES.join(', ')})`,
  ].join(', ')}) strict, without rowid`,
  'create index span_days_empty on span_days (calls) where calls = 0',
  'create table ranges (from_day text not null primary key, until_day text not null) strict, without rowid',
  // `unlike`: how many more spans the source has under that day although the ids are the same: their times are read
  // as another day.
  'create table day_spans (day text not null primary key, spans integer not null, unlike integer not null default 0) strict, without rowid',
  'create table facts_about (key text not null primary key, value text not null) strict, without rowid',
];

/**
 * The indexes that only questions use. They are created when the rows are there: keeping them up to date takes almost as
 * long as writing the rows.
 */
export const QUESTION_INDEXES: readonly string[] = [
  'create index if not exists trace_facts_unsettled on trace_facts (settles_micros) where settles_micros is not null',
  'create index if not exists run_facts_by_user on run_facts (user_id) where user_id is not null and missing = 0',
  'create index if not exists run_facts_by_start on run_facts (start_micros)',
  `create index if not exists run_facts_of_agno on run_facts (${OF_RUNS.join(', ')}) where traffic = 0`,
  'create index if not exists run_facts_sequels on run_facts (whole_key) where sequel = 1',
  'create index if not exists run_facts_by_last_seen on run_facts (last_seen_micros)',
  "create index if not exists run_facts_paused on run_facts (run_key) where state = 'paused'",
  'create index if not exists span_facts_by_start on span_facts (start_micros)',
  'create index if not exists span_facts_by_name on span_facts (kind, span_name, stored_ms, from_messages)',
  // Contains everything that questions about times of calls need, so that the rows are not read; in many tables most
  // rows are requests.
  `create index if not exists span_facts_of_calls on span_facts (kind, name, duration_ms, stored_ms, provider, start_micros, from_messages) where ${IS_CALL}`,
  `create index if not exists span_facts_of_runs on span_facts (${OF_RUN_SPANS.join(', ')}) where ${IS_RUN_SPAN}`,
  'create index if not exists span_facts_failed on span_facts (start_micros) where failed = 1',
  'create index if not exists span_facts_causes on span_facts (start_micros) where cause = 1',
  'create index if not exists span_facts_counted on span_facts (run_key) where counted = 1',
  'create index if not exists span_facts_loops on span_facts (start_micros) where loop_calls is not null',
];
