/*
 * The relations that questions over many runs are asked of (docs/design.md, Three ways to an answer): what `trace/` computed, typed, without JSON,
 * and without a word of prompts, arguments or outputs; texts of errors are shortened. docs/facts.md is written after this
 * file. Times are microseconds since 1970 (UTC), durations milliseconds unless the name says otherwise, unknown is null.
 */

/** Raised whenever the relations or what they hold change: files of another version are made anew. */
export const FACTS_VERSION = 12;

/** In the header of each file of ours ("AGTF"): tables in a file without it are not ours to drop. */
export const FACTS_APPLICATION_ID = 0x41475446;

type ColumnType = 'text' | 'integer' | 'real';

/** Columns in order: name, type, and what it means. */
type Columns = Readonly<Record<string, readonly [ColumnType, string]>>;

/** A row for every run, loose part and (traffic) trace without any span of Agno's: what `list` shows. */
export const RUN_FACTS = {
  run_key: ['integer', 'key of the row; not stable'],
  trace_key: ['integer', 'its trace in trace_facts'],
  trace_id: ['text', 'trace id'],
  span_id: ['text', 'its run span, or the ghost of an unfinished run'],
  run_id: ['text', "Agno's run id; null while the run span is missing"],
  name: ['text', 'name of the agent, team or workflow'],
  kind: ['text', 'agent, team, workflow; of a part its own kind; null while the run span is missing'],
  state: ['text', 'as computed'],
  state_reason: ['text', 'why it is error, degraded or cancelled, shortened'],
  stored_status: ['text', 'of the trace row'],
  span_status: ['text', 'of the run span'],
  start_micros: ['integer', 'start'],
  end_micros: ['integer', 'end'],
  duration_ms: ['real', 'from the two times; null while the run span is missing'],
  agent_id: ['text', ''],
  team_id: ['text', ''],
  workflow_id: ['text', ''],
  user_id: ['text', ''],
  session_id: ['text', ''],
  model: ['text', 'the one that did most of its own calls'],
  provider: ['text', ''],
  span_count: ['integer', 'spans that belong to it'],
  error_count: ['integer', 'of them, those that failed'],
  prompt_tokens: ['integer', 'of its model calls, each once, as stored'],
  completion_tokens: ['integer', ''],
  cached_tokens: ['integer', ''],
  cache_write_tokens: ['integer', ''],
  gross_prompt_tokens: ['integer', 'with what came from the cache and went into it'],
  gross_estimated: ['integer', '1: of a call of it is not known whether its count holds the cached tokens'],
  total_tokens: ['integer', 'with gross_prompt_tokens'],
  cost_pusd: ['integer', 'US dollars times 10^12; null unless every counted call has a cost'],
  known_cost_pusd: ['integer', 'of the calls whose cost is known'],
  unpriced_calls: ['integer', 'counted calls without a cost'],
  last_seen_micros: ['integer', 'newest created_at of its spans'],
  missing: ['integer', '1: the run span is not there'],
  part: ['integer', '1: finished work outside any run'],
  traffic: ['integer', "1: no span of Agno's in the trace"],
  detached: ['integer', '1: it leaked into the trace of another run'],
  sequel: ['integer', '1: a continuation whose beginning is here; it counts with that'],
  whole_key: ['integer', 'run_key of the run it counts with: of a sequel where that began, else its own'],
  agno_status: ['text', "the run's status in Agno's own table, where that is here"],
} as const satisfies Columns;

/** A row for every span, and for every tool call without one that messages tell of. */
export const SPAN_FACTS = {
  span_key: ['integer', 'key of the row; not stable'],
  trace_key: ['integer', 'its trace in trace_facts'],
  run_key: ['integer', 'its run in run_facts; null for surroundings'],
  span_id: ['text', 'span id; of a call without a span that of the model call that asked for it'],
  from_messages: ['integer', '1: a tool call without a span, as the messages of model calls tell it'],
  own_run_id: ['text', 'run id of a run span'],
  begin_key: ['integer', 'of a run span with an id: span_key of the one it continues, else its own'],
  kind: ['text', 'agent, team, workflow, step, parallel, llm, tool, retrieval, …, http, other'],
  span_name: ['text', 'as stored'],
  name: ['text', 'as a person calls it: component, model or tool'],
  start_micros: ['integer', 'start'],
  day: ['text', 'first ten characters of the stored start_time'],
  duration_ms: ['real', 'from the two times'],
  stored_ms: ['real', 'the stored duration_ms; from the two times where it is no number'],
  self_ms: ['real', 'duration without the union of its children'],
  critical_ms: ['real', 'own time on the critical path of its finished run; null when it is not on it'],
  status: ['text', 'OK, ERROR, UNSET as stored'],
  state: ['text', 'as computed'],
  failed: ['integer', '1: ERROR, or a model call that brought nothing'],
  cause: ['integer', '1: it failed, or its state is error, and nothing below it did'],
  error: ['text', 'first line of the status message or of why it failed, shortened; null unless it failed'],
  error_kind: ['text', 'exception class where the message names it'],
  error_shape: [
    'text',
    'the error with what differs from case to case left out: numbers, ids, quoted values, addresses',
  ],
  agent: ['text', 'innermost agent around it, itself included'],
  team: ['text', 'innermost team'],
  workflow: ['text', 'innermost workflow'],
  step: ['text', 'innermost step, as "workflow / step"'],
  component_id: ['text', 'of a run span: id of its agent, team or workflow'],
  caller: [
    'text',
    'of a run span inside a run: the agent, team or workflow around it; of a delegation that reached nobody: the team',
  ],
  via: ['text', 'what made that call: the tool, or "step …"; null: the caller itself'],
  in_run: ['integer', '1: of a finished run, no loose part'],
  within_tokens: ['integer', 'of run spans, steps and tools: total tokens of the counted calls inside'],
  within_cost_pusd: ['integer', 'of them, what is known to have been paid'],
  within_unpriced: ['integer', 'of them, calls that took tokens, or may have, and have no cost'],
  main_model: ['text', 'of run spans and steps: the one that did most of their calls'],
  model: ['text', 'of a model call'],
  provider: ['text', ''],
  model_system: ['text', 'llm.system'],
  counted: ['integer', '1: a model call that counts; of nested ones the outermost'],
  prompt_tokens: ['integer', 'of counted calls, as the next ones; as stored'],
  gross_prompt_tokens: ['integer', 'with what came from the cache and went into it'],
  gross_estimated: ['integer', '1: it is not known whether prompt_tokens holds the cached tokens'],
  completion_tokens: ['integer', ''],
  cached_tokens: ['integer', ''],
  cache_write_tokens: ['integer', ''],
  audio_prompt_tokens: ['integer', ''],
  audio_completion_tokens: ['integer', ''],
  reasoning_tokens: ['integer', ''],
  total_tokens: ['integer', ''],
  cost_pusd: ['integer', 'US dollars times 10^12; null: unknown'],
  unpriced: ['integer', '1: a counted call that took tokens, or may have, and has no cost'],
  cost_source: ['text', 'provider, file, library'],
  cost_date: ['text', 'date of the prices'],
  arguments_hash: ['text', 'of a tool call: equal arguments, equal hash'],
  output_hash: ['text', 'of a tool call: equal results, equal hash'],
  output_chars: ['integer', "length of a tool call's result, characters"],
  retry: ['integer', '1: the call of this tool before it in the same run failed'],
  documents: ['integer', 'of a retrieval: documents in its result'],
  loop_calls: ['integer', 'of the first call of a loop: all its calls; same tools, same arguments'],
  loop_tools: ['text', 'its tools in turn'],
  loop_results: [
    'text',
    'same; differ: one tool was asked the same five times and more, and did not always bring the same',
  ],
  loop_wasted_ms: ['real', 'time in which only its repeats, or model calls that asked for nothing else, went on'],
  loop_wasted_tokens: ['integer', 'of those calls'],
  loop_wasted_pusd: ['integer', 'what is known to have been paid for them'],
  loop_unpriced: ['integer', 'of them, model calls that took tokens, or may have, and have no cost'],
} as const satisfies Columns;

/** A row for every trace; whose `spans` rows of span_facts begin at `first_span_key`. */
export const TRACE_FACTS = {
  trace_key: ['integer', 'key of the row; not stable'],
  trace_id: ['text', 'trace id'],
  first_span_key: ['integer', 'its rows in span_facts lie side by side'],
  spans: ['integer', 'how many'],
  settles_micros: ['integer', 'from then on silence changes its states; null: nothing does'],
  has_row: ['integer', '1: it has a row in agno_traces'],
} as const satisfies Columns;

/** What a day's spans have in common. */
export const DAY_DIMENSIONS = {
  day_micros: ['integer', 'start of the day, UTC'],
  kind: ['text', 'these as in span_facts'],
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

/** What adds up. Whole numbers, so that adding and taking away end where they began. */
export const SUM_COLUMNS = {
  calls: ['integer', 'spans'],
  failed: ['integer', 'of them, failed as computed'],
  errors: ['integer', 'of them, stored as ERROR'],
  timed_calls: ['integer', 'of them, those with a duration'],
  run_calls: ['integer', 'of them, those of finished runs'],
  duration_us: ['integer', 'their durations, microseconds'],
  stored_us: ['integer', 'their stored durations, microseconds'],
  self_us: ['integer', ''],
  run_self_us: ['integer', 'of finished runs'],
  critical_us: ['integer', 'of finished runs'],
  counted_calls: ['integer', 'model calls that count'],
  token_calls: ['integer', 'of them, those that say their tokens'],
  prompt_tokens: ['integer', ''],
  gross_prompt_tokens: ['integer', ''],
  estimated_calls: ['integer', 'calls with gross_estimated'],
  completion_tokens: ['integer', ''],
  cached_tokens: ['integer', ''],
  cache_write_tokens: ['integer', ''],
  total_tokens: ['integer', ''],
  answered_us: ['integer', 'durations of the calls with completion tokens, microseconds'],
  cost_pusd: ['integer', 'of the calls whose cost is known'],
  priced_calls: ['integer', 'calls with a cost'],
  unpriced_calls: ['integer', 'calls that took tokens, or may have, and have no cost'],
  retries: ['integer', ''],
  output_chars: ['integer', ''],
  sized_calls: ['integer', 'calls with output_chars'],
  documents: ['integer', ''],
  document_calls: ['integer', 'retrievals that say how many documents they found'],
  empty_calls: ['integer', 'of them, those that found none'],
} as const satisfies Columns;

export type RunColumn = keyof typeof RUN_FACTS;
export type SpanColumn = keyof typeof SPAN_FACTS;
export type DayDimension = keyof typeof DAY_DIMENSIONS;
export type SumColumn = keyof typeof SUM_COLUMNS;

export const RUN_NAMES = Object.keys(RUN_FACTS) as RunColumn[];
export const SPAN_NAMES = Object.keys(SPAN_FACTS) as SpanColumn[];
export const DIMENSION_NAMES = Object.keys(DAY_DIMENSIONS) as DayDimension[];
export const SUM_NAMES = Object.keys(SUM_COLUMNS) as SumColumn[];

const columns = (list: Columns) =>
  Object.entries(list)
    .map(([name, [type]], i) => `${name} ${type}${i === 0 ? ' primary key' : ''}`)
    .join(', ');

/** Calls of models and tools; a statement that says it in these words can be answered from their index alone. */
export const IS_CALL = "kind in ('llm', 'memory', 'retrieval', 'tool')";

/** The statements that make an empty file. */
export const SCHEMA: readonly string[] = [
  `create table trace_facts (${columns(TRACE_FACTS)}) strict`,
  'create unique index trace_facts_by_id on trace_facts (trace_id)',
  'create index trace_facts_unsettled on trace_facts (settles_micros) where settles_micros is not null',
  `create table run_facts (${columns(RUN_FACTS)}) strict`,
  'create index run_facts_by_trace on run_facts (trace_key)',
  'create index run_facts_by_run_id on run_facts (run_id) where run_id is not null',
  'create index run_facts_by_user on run_facts (user_id) where user_id is not null and missing = 0',
  'create index run_facts_by_start on run_facts (start_micros)',
  'create index run_facts_of_agno on run_facts (start_micros) where traffic = 0',
  'create index run_facts_own on run_facts (start_micros) where part = 0 and traffic = 0',
  'create index run_facts_by_last_seen on run_facts (last_seen_micros)',
  "create index run_facts_paused on run_facts (run_key) where state = 'paused'",
  `create table span_facts (${columns(SPAN_FACTS)}) strict`,
  'create index span_facts_by_start on span_facts (start_micros)',
  'create index span_facts_by_name on span_facts (kind, span_name, stored_ms, from_messages)',
  // Of calls all that questions about their times need, so that the rows stay unread; requests are most of many tables.
  `create index span_facts_of_calls on span_facts (kind, name, duration_ms, stored_ms, provider, start_micros, from_messages) where ${IS_CALL}`,
  'create index span_facts_failed on span_facts (start_micros) where failed = 1',
  'create index span_facts_causes on span_facts (start_micros) where cause = 1',
  'create index span_facts_counted on span_facts (run_key) where counted = 1',
  'create index span_facts_loops on span_facts (start_micros) where loop_calls is not null',
  'create index span_facts_by_run_id on span_facts (own_run_id) where own_run_id is not null',
  // Null is a value of a dimension like any other, so it stands as an empty text here.
  `create table span_days (${[
    ...Object.entries(DAY_DIMENSIONS).map(([name, [type]]) => `${name} ${type} not null`),
    ...Object.entries(SUM_COLUMNS).map(([name, [type]]) => `${name} ${type} not null`),
    `primary key (${DIMENSION_NAMES.join(', ')})`,
  ].join(', ')}) strict, without rowid`,
  'create index span_days_empty on span_days (calls) where calls = 0',
  'create table ranges (from_day text not null primary key, until_day text not null) strict, without rowid',
  // `unlike`: how many more the source has under that day, though the same ids are there: their times read otherwise.
  'create table day_spans (day text not null primary key, spans integer not null, unlike integer not null default 0) strict, without rowid',
  'create table facts_about (key text not null primary key, value text not null) strict, without rowid',
];
