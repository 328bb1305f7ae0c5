import {IS_OF_AGENT} from '../runs/kind.ts';
import {withPromptForms} from '../runs/prompt-forms.ts';
import {charLength, orOpaque, time} from '../sql/fragments.ts';
import {either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {isCounted} from '../trace/cost.ts';
import {isPlumbing} from '../trace/plumbing.ts';
import {isFailedSpan} from '../trace/record.ts';
import {type Span, type SpanRow, toSpan} from '../trace/span.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import {displayName} from '../trace/tree.ts';
import type {Facts, FactsOptions} from './facts.ts';
import {FactsFile} from './file.ts';
import type {SpanFacts} from './rows.ts';
import {SPAN_NAMES} from './schema.ts';
import {costOf, pusd, wholeNumber} from './sums.ts';

/*
 * Facts of model and tool calls only, from their spans. They are enough for sums over calls, if the database reads
 * the few columns of all of them in one pass. No tree is built and no run is judged.
 */

/** The keys by which a call is counted; the database extracts these values from the attributes. */
const PICKED = [
  ...[KEY.openInferenceKind, KEY.genAiOperation, KEY.model, 'gen_ai.response.model', 'gen_ai.request.model'],
  ...[KEY.provider, 'gen_ai.provider.name', KEY.system, KEY.toolName, 'gen_ai.tool.name'],
  ...[KEY.promptTokens, KEY.completionTokens, KEY.totalTokens, KEY.cachedTokens, KEY.cacheWriteTokens],
  ...[KEY.audioPromptTokens, KEY.audioCompletionTokens, KEY.reasoningTokens, KEY.cost],
  ...[KEY.clientInputTokens, 'gen_ai.usage.output_tokens', KEY.output],
];
/** For a tool, as much of its result as can show a failure; for a model, only whether it has an answer. */
const OUTPUT_CHARS = 400;
/** Approximate number of spans per statement: a month is read in as many slices as necessary. */
const SPANS_AT_ONCE = 2_000_000;

interface CallRow extends SpanRow {
  /** In the order of `PICKED`. */
  readonly picked: readonly (string | null)[];
  readonly output_chars: number | null;
  readonly asks_tools: number;
}

const attributesOf = raw('c.attributes');
const picked = (i: number): Sql => raw(`tupleElement(c.picked, ${i + 1})`);
const outputAt = PICKED.indexOf(KEY.output);

/** Calls between two moments; if the attributes are not valid JSON, their complete text. */
function callsBetween(fromMicros: number, untilMicros: number): Sql {
  const kind = picked(PICKED.indexOf(KEY.openInferenceKind));
  const names = PICKED.map(key => `"${key}" Nullable(String)`).join(', ');
  const values = PICKED.map((_, i) =>
    i === outputAt
      ? sql`substringUTF8(${picked(i)}, 1, if(upper(${kind}) = 'TOOL', ${raw(String(OUTPUT_CHARS))}, 1))`
      : picked(i),
  );
  const calls = sql`
select c.span_id, c.trace_id, c.parent_span_id, c.name, c.span_kind, c.status_code, null as status_message, c.start_time, c.end_time,
       c.duration_ms, c.created_at, if(${kind} is null, ${attributesOf}, '') as attributes, [${join(values, ', ')}] as picked,
       ${charLength(picked(outputAt))} as output_chars,
       ${picked(PICKED.indexOf(KEY.completionTokens))} is null and match(${attributesOf}, '"llm\\\\.output_messages\\\\.[0-9]+\\\\.message\\\\.tool_calls') as asks_tools
  from (
    select s.*, JSONExtract(s.attributes, ${`Tuple(${names})`}) as picked
      from ${table('spans')} s
     where s.start_time >= ${time(agnoTime(fromMicros))} and s.start_time < ${time(agnoTime(untilMicros))}
       and ${orOpaque('s', IS_OF_AGENT, true)}
  ) c
 where ${kind} is null or upper(${kind}) in ('LLM', 'TOOL', 'RETRIEVER')`;
  return either({sqlite: raw(''), postgres: raw(''), clickhouse: calls});
}

/** Reads the calls of a window into facts in memory. */
export async function openCallFacts(
  store: Store,
  {sinceMicros, untilMicros, prices, onProgress}: FactsOptions,
): Promise<Facts> {
  const file = await FactsFile.open(null, 0);
  try {
    let calls = 0;
    for (const {fromMicros, untilMicros: end} of await slices(store, sinceMicros, untilMicros)) {
      const found = new Map<string, {span: Span; outputChars: number | null}>();
      for (const row of await store.all<CallRow>(callsBetween(fromMicros, end))) {
        const span = toSpan(row.attributes === '' ? {...row, attributes: attributesAsPicked(row)} : row);
        found.set(`${span.traceId} ${span.spanId}`, {span, outputChars: row.output_chars});
      }
      const rows = [...found.values()];
      const formed = await withPromptForms(
        store,
        rows.map(({span}) => span),
      );
      const spans = await prices.priced(formed);
      const facts = factsOfCalls(
        spans,
        rows.map(({outputChars}) => outputChars),
      );
      file.write(file.generation, () =>
        file.replace([
          {
            traceId: `calls from ${fromMicros}`,
            hasRow: false,
            settlesMicros: null,
            runs: [],
            attributes: [],
            spans: facts,
          },
        ]),
      );
      calls += facts.length;
      onProgress?.(calls, null);
    }
    const notices = ['from the spans of calls: no run was judged, and calls without a span are not counted'];
    return {
      all: query => file.all(query),
      run: query => file.run(query),
      path: null,
      attributes: [],
      spansRead: calls,
      notices,
      close: () => file.close(),
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

interface Slice {
  readonly fromMicros: number;
  readonly untilMicros: number;
}

/** The months of a window, oldest first, each in slices that one statement reads. */
async function slices(store: Store, sinceMicros: number | null, untilMicros: number | null): Promise<Slice[]> {
  const tests = [
    ...(sinceMicros === null ? [] : [sql`s.start_time >= ${time(agnoTime(sinceMicros))}`]),
    ...(untilMicros === null ? [] : [sql`s.start_time < ${time(agnoTime(untilMicros))}`]),
  ];
  const months = await store.all<{month: number; first: unknown; last: unknown; spans: number}>(
    either({
      sqlite: raw(''),
      postgres: raw(''),
      clickhouse: sql`
select toYYYYMM(s.start_time) as month, min(s.start_time) as first, max(s.start_time) as last, count(*) as spans
  from ${table('spans')} s
 where ${join(tests, ' and ', raw('true'))}
 group by month
 order by month`,
    }),
  );
  return months.flatMap(({first, last, spans}) => {
    const [from, until] = [parseTime(first), parseTime(last)];
    if (from === null || until === null) return [];
    const count = Math.ceil(spans / SPANS_AT_ONCE);
    const length = Math.ceil((until + 1 - from) / count);
    return Array.from({length: count}, (_, i) => ({
      fromMicros: from + i * length,
      untilMicros: Math.min(from + (i + 1) * length, until + 1),
    }));
  });
}

function attributesAsPicked({picked: values, asks_tools}: CallRow): string {
  const known: [string, string][] = PICKED.flatMap((key, i) => (values[i] == null ? [] : [[key, values[i]!]]));
  // For a model's answer, only whether it asked for tools matters.
  if (Number(asks_tools) === 1) known.push(['llm.output_messages.0.message.tool_calls.0.tool_call.function.name', '']);
  return JSON.stringify(Object.fromEntries(known));
}

const UNKNOWN = Object.fromEntries(SPAN_NAMES.map(name => [name, null])) as unknown as SpanFacts;

/**
 * Columns have the values that `rows.ts` gives them, which writes them as one literal for its speed; those that need a
 * judged run stay null. `test/commands/clickhouse.test.ts` compares the answers of both.
 */
function factsOfCalls(
  spans: readonly Span[],
  outputChars: readonly (number | null)[],
): {readonly run: null; readonly facts: SpanFacts}[] {
  const byId = new Map(spans.map(span => [`${span.traceId} ${span.spanId}`, span]));
  const retries = retriesAmong(spans);
  const isOwn = (span: Span) => !isPlumbing(span, callAround(span, byId));
  const asking = new Set(
    spans.flatMap(span => (span.kind === 'llm' && isOwn(span) ? (parentOf(span, byId) ?? []) : [])),
  );
  return spans.flatMap((span, i) => {
    const {kind} = span;
    if (kind !== 'llm' && kind !== 'tool' && kind !== 'retrieval' && kind !== 'memory') return [];
    if (!isOwn(span)) return [];
    const isCall = kind === 'llm' && (span.totalTokens !== null || !asking.has(span)) && !isInCounted(span, byId);
    const facts: SpanFacts = {
      ...UNKNOWN,
      span_id: span.spanId,
      from_messages: 0,
      kind,
      span_name: span.name,
      name: displayName(span),
      start_micros: wholeNumber(span.startMicros),
      day: span.startText.slice(0, 10),
      duration_ms: span.durationMs,
      stored_ms: span.storedMs,
      status: span.spanStatus,
      failed: Number(isFailedSpan(span)),
      cause: 0,
      in_run: 0,
      model: kind === 'llm' ? span.model : null,
      provider: kind === 'llm' ? span.provider : null,
      model_system: kind === 'llm' ? span.system : null,
      counted: Number(isCall),
      prompt_tokens: isCall ? wholeNumber(span.promptTokens) : null,
      gross_prompt_tokens: isCall ? wholeNumber(span.grossPromptTokens) : null,
      gross_estimated: Number(isCall && span.grossPromptEstimated),
      completion_tokens: isCall ? wholeNumber(span.completionTokens) : null,
      cached_tokens: isCall ? wholeNumber(span.cachedTokens) : null,
      cache_write_tokens: isCall ? wholeNumber(span.cacheWriteTokens) : null,
      total_tokens: isCall ? wholeNumber(span.totalTokens) : null,
      cost_pusd: isCall ? costOf(span) : null,
      unpriced: Number(isCall && isCounted(span) && costOf(span) === null),
      saved_pusd: isCall && span.savedUsd !== null ? pusd(span.savedUsd) : null,
      cost_source: isCall ? span.costSource : null,
      cost_date: isCall ? span.costDate : null,
      output_chars: span.openInferenceKind === 'TOOL' ? (outputChars[i] ?? null) : null,
      retry: Number(retries.has(span)),
    };
    return [{run: null, facts}];
  });
}

/** A call inside another one whose counts include it (`modelCalls` of `trace/tokens.ts`). */
function isInCounted(span: Span, byId: ReadonlyMap<string, Span>): boolean {
  const seen = new Set<Span>();
  for (let up = parentOf(span, byId); up?.kind === 'llm' && !seen.has(up); up = parentOf(up, byId)) {
    if (up.totalTokens !== null) return true;
    seen.add(up);
  }
  return false;
}

/** The kind of the call around it, as long as calls directly contain each other. */
function callAround(span: Span, byId: ReadonlyMap<string, Span>): 'llm' | 'tool' | null {
  const seen = new Set<Span>();
  for (let up = parentOf(span, byId); up && !seen.has(up); up = parentOf(up, byId)) {
    if (up.kind === 'llm') return 'llm';
    if (up.openInferenceKind === 'TOOL') return 'tool';
    seen.add(up);
  }
  return null;
}

function parentOf({traceId, parentSpanId}: Span, byId: ReadonlyMap<string, Span>): Span | undefined {
  return parentSpanId === null ? undefined : byId.get(`${traceId} ${parentSpanId}`);
}

/** Calls that repeat a call that has just failed: the same tool or model, under the same parent. */
function retriesAmong(spans: readonly Span[]): ReadonlySet<Span> {
  const retries = new Set<Span>();
  const failed = new Map<string, boolean>();
  const inOrder = [...spans].sort(
    (a, b) => (a.startMicros ?? 0) - (b.startMicros ?? 0) || (a.spanId < b.spanId ? -1 : 1),
  );
  for (const span of inOrder) {
    if (span.parentSpanId === null || (span.openInferenceKind !== 'TOOL' && span.kind !== 'llm')) continue;
    const asked = `${span.traceId} ${span.parentSpanId} ${span.kind} ${displayName(span)}`;
    if (failed.get(asked)) retries.add(span);
    failed.set(asked, isFailedSpan(span));
  }
  return retries;
}
