import {type AskedAttributes, askedOf} from './asked-attributes.ts';
import {type Attributes, KEY, listOf, numberOf, parseAttributes, textOf} from './attributes.ts';
import {asText} from './cell.ts';
import type {CostSource} from './cost.ts';
import {type Kind, kindOf} from './kind.ts';
import {grossCounts} from './prompt-tokens.ts';
import {type Purpose, purposeOf} from './purpose.ts';
import {withoutSecrets} from './secrets.ts';
import {parseTime} from './time.ts';
import {type ToolCall, toolCallsOf} from './tool-calls.ts';
import {isFailedTool} from './tool-failure.ts';

/** A row of `agno_spans` as a driver returns it; any column may hold anything (docs/agno.md, Values). */
export interface SpanRow {
  span_id: unknown;
  trace_id: unknown;
  parent_span_id: unknown;
  name: unknown;
  span_kind: unknown;
  status_code: unknown;
  status_message: unknown;
  start_time: unknown;
  end_time: unknown;
  duration_ms: unknown;
  attributes: unknown;
  created_at: unknown;
}

/** A row of `agno_traces` as a driver returns it. */
export interface TraceRow {
  trace_id: unknown;
  name: unknown;
  status: unknown;
  start_time: unknown;
  end_time: unknown;
  run_id: unknown;
  session_id: unknown;
  user_id: unknown;
  agent_id: unknown;
  team_id: unknown;
  workflow_id: unknown;
  created_at: unknown;
}

/** One timed operation, parsed. Times are microseconds since 1970, null if the text is not a time. */
export interface Span {
  readonly spanId: string;
  readonly traceId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  /** OpenTelemetry's kind (`INTERNAL`, `SERVER`, …). */
  readonly otelKind: string;
  /** `openinference.span.kind`, upper case; null on spans of other libraries. */
  readonly openInferenceKind: string | null;
  readonly kind: Kind;
  /** `OK`, `ERROR`, `UNSET`, or any other stored value, upper case. */
  readonly spanStatus: string;
  readonly statusMessage: string | null;
  readonly startMicros: number | null;
  readonly endMicros: number | null;
  readonly createdMicros: number | null;
  /** `start_time` as stored: the table sorts by it. */
  readonly startText: string;
  /** From the two times; the stored column only if a time is missing. */
  readonly durationMs: number | null;
  /** The stored column, which is rounded; from the two times if it is not a number. */
  readonly storedMs: number | null;
  readonly runId: string | null;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly agentId: string | null;
  readonly teamId: string | null;
  readonly workflowId: string | null;
  /** The component's own name; the span name changes it. */
  readonly componentName: string | null;
  readonly nodeId: string | null;
  readonly parentNodeId: string | null;
  readonly steps: readonly string[];
  /**
   * Of a workflow: `Step`, `Loop`, `Router`, … for each of its declared parts; `steps` leaves out those without a
   * name.
   */
  readonly stepTypes: readonly string[];
  readonly toolName: string | null;
  readonly toolArguments: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  /** `llm.system`: the vendor of the model; the provider may be a client that reaches several vendors. */
  readonly system: string | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly cachedTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly grossPromptTokens: number | null;
  readonly grossPromptEstimated: boolean;
  /** `llm.token_count.total`. */
  readonly statedTotalTokens: number | null;
  /** Of a client library's span: the prompt tokens of its call, including cached ones. */
  readonly clientInputTokens: number | null;
  readonly audioPromptTokens: number | null;
  readonly audioCompletionTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly totalTokens: number | null;
  /** The provider's own figure; if there is none, the figure from `prices/`. */
  readonly costUsd: number | null;
  readonly costSource: CostSource | null;
  /** Date of the prices; null for a provider's own figure. */
  readonly costDate: string | null;
  /** What the provider's cache saved by list prices, negative if writing to it cost more; null: unused, or no price. */
  readonly savedUsd: number | null;
  readonly purpose: Purpose | null;
  readonly toolCalls: readonly ToolCall[];
  readonly hasOutput: boolean;
  /** `output.value`; a preview unless the span was read whole. */
  readonly output: string | null;
  readonly http: {
    readonly method: string | null;
    readonly route: string | null;
    /** The route with the actual ids of this request. */
    readonly path: string | null;
    readonly status: string | null;
  } | null;
  /** What was wrong with the row, in words. */
  readonly problems: readonly string[];
  /** Every attribute; only if the span was read whole. */
  readonly attributes: Attributes | null;
  /** The attributes that somebody asked for by name, as far as it has them. */
  readonly asked: AskedAttributes | null;
}

const PREVIEW_HEAD = 1600;
const PREVIEW_TAIL = 400;
/** Longest text kept of one value when spans are read for trees and states, in characters. */
export const PREVIEW_LIMITS = {head: PREVIEW_HEAD, tail: PREVIEW_TAIL} as const;

export interface ToSpanOptions {
  /** Keep every attribute and the complete texts; for one span or for `--io full`. */
  whole?: boolean;
  /** Skip the problems that JSON.parse silently accepts: for many spans whose problems nobody asks for. */
  quick?: boolean;
  /** Attributes to keep, by path. */
  asks?: readonly string[];
}

/** The only way from a row to a span. Never throws: unreadable values are null and named in `problems`. */
export function toSpan(row: SpanRow, {whole = false, quick = false, asks}: ToSpanOptions = {}): Span {
  const {attributes, problems: attributeProblems} = parseAttributes(row.attributes, {thorough: whole && !quick});
  const problems = [...attributeProblems];
  const text = (key: string): string | null => cut(textOf(attributes, key), whole);
  const id = (key: string): string | null => textOf(attributes, key);
  const startMicros = timeOf(row.start_time);
  const endMicros = timeOf(row.end_time);
  for (const [column, micros] of [
    ['start_time', startMicros],
    ['end_time', endMicros],
  ] as const) {
    if (micros === null) problems.push(`${column} ${JSON.stringify(asText(row[column]))} is not a time`);
    else if (lacksZone(row[column])) problems.push(`${column} has no time zone; read as UTC`);
  }
  const isBackwards = startMicros !== null && endMicros !== null && endMicros < startMicros;
  if (isBackwards) problems.push(`ends before it starts, at ${asText(row.end_time)}: its duration is unknown`);
  const durationMs = isBackwards ? null : duration(startMicros, endMicros, row.duration_ms);
  const name = asText(row.name) ?? '';
  const otelKind = (asText(row.span_kind) ?? '').toUpperCase();
  const openInferenceKind = text(KEY.openInferenceKind)?.toUpperCase() ?? null;
  const spanStatus = (asText(row.status_code) ?? 'UNSET').toUpperCase();
  const message = asText(row.status_message);
  const stored = text(KEY.output);
  // The output of a failed call is an error, and errors repeat keys that were refused.
  const isError =
    stored !== null && (spanStatus === 'ERROR' || isFailedTool({openInferenceKind, spanStatus, output: stored}));
  const output = isError ? withoutSecrets(stored) : stored;
  const provider = text(KEY.provider) ?? text('gen_ai.provider.name') ?? text(KEY.system);
  const figure = (key: string, most: number): number | null => {
    const value = numberOf(attributes, key);
    if (value === null || value <= most) return value;
    problems.push(`${key} ${textOf(attributes, key)} is impossible and left out`);
    return null;
  };
  const count = (key: string) => figure(key, MOST_TOKENS);
  const tokens = tokensOf(attributes, count);
  const costUsd = figure(KEY.cost, MOST_USD);
  return {
    spanId: asText(row.span_id) ?? '',
    traceId: asText(row.trace_id) ?? '',
    parentSpanId: asText(row.parent_span_id) || null,
    name,
    otelKind,
    openInferenceKind,
    kind: kindOf({openInferenceKind, otelKind, name, has: key => attributes[key] !== undefined}),
    spanStatus,
    statusMessage: cut(message === null ? null : withoutSecrets(message), whole) || null,
    startMicros,
    endMicros: isBackwards ? null : endMicros,
    createdMicros: timeOf(row.created_at),
    startText: asText(row.start_time) ?? '',
    durationMs,
    storedMs: isBackwards ? null : (duration(null, null, row.duration_ms) ?? durationMs),
    runId: id(KEY.runId) ?? id('run_id'),
    sessionId: id(KEY.sessionId) ?? id('agno.session.id') ?? id('session_id') ?? id('gen_ai.conversation.id'),
    userId: id(KEY.userId) ?? id('agno.user.id') ?? id('user_id'),
    agentId: id(KEY.agentId) ?? id('agent_id') ?? id('gen_ai.agent.id'),
    teamId: id(KEY.teamId) ?? id('team_id'),
    workflowId: id(KEY.workflowId) ?? id('workflow_id'),
    componentName:
      text(KEY.agentName) ?? text(KEY.nodeName) ?? text('agno.team') ?? text('agno.agent') ?? text('gen_ai.agent.name'),
    nodeId: id(KEY.nodeId),
    parentNodeId: id(KEY.parentNodeId),
    steps: listOf(attributes, KEY.steps),
    stepTypes: listOf(attributes, KEY.stepTypes),
    toolName: text(KEY.toolName) ?? text('gen_ai.tool.name'),
    toolArguments: text(KEY.toolParameters),
    model: text(KEY.model) ?? text('gen_ai.response.model') ?? text('gen_ai.request.model'),
    provider,
    system: text(KEY.system),
    ...tokens,
    ...grossCounts({...tokens, provider}),
    clientInputTokens: openInferenceKind === null ? count(KEY.clientInputTokens) : null,
    audioPromptTokens: count(KEY.audioPromptTokens),
    audioCompletionTokens: count(KEY.audioCompletionTokens),
    reasoningTokens: count(KEY.reasoningTokens),
    costUsd,
    costSource: costUsd === null ? null : 'provider',
    costDate: null,
    savedUsd: null,
    purpose: openInferenceKind === 'LLM' ? purposeOf(textOf(attributes, KEY.firstMessage)) : null,
    toolCalls: toolCallsOf(attributes, openInferenceKind),
    hasOutput: attributes[KEY.output] !== undefined && attributes[KEY.output] !== null,
    output,
    http: httpOf(attributes, openInferenceKind),
    problems,
    attributes: whole ? (isError ? {...attributes, [KEY.output]: output} : attributes) : null,
    asked: asks === undefined || asks.length === 0 ? null : askedOf(attributes, asks),
  };
}

function timeOf(cell: unknown): number | null {
  return parseTime(cell instanceof Uint8Array ? asText(cell) : cell);
}

/** ISO text without a zone; epoch numbers need none. */
function lacksZone(cell: unknown): boolean {
  const text = asText(cell) ?? '';
  return (
    !text.endsWith('+00:00') &&
    /^\s*[+-]?\d+-/.test(text) &&
    !/(Z|UTC|[+-]\d{2}(:?\d{2})?)\s*$/i.test(text.trim().slice(10))
  );
}

/**
 * Head and tail of a long text. Counted in code points, as the databases count, so that a text is cut at the same
 * place here and there; cutting twice changes nothing.
 */
function cut(text: string | null, whole: boolean): string | null {
  if (whole || text === null || text.length <= PREVIEW_HEAD + PREVIEW_TAIL) return text;
  // A code point has one or two units: above twice the limit, no counting is needed.
  const isLong = text.length > 2 * (PREVIEW_HEAD + PREVIEW_TAIL + 1);
  if (!isLong && Array.from(text).length <= PREVIEW_HEAD + PREVIEW_TAIL + 1) return text;
  const head = Array.from(text.slice(0, 2 * PREVIEW_HEAD)).slice(0, PREVIEW_HEAD);
  const tail = Array.from(text.slice(-2 * PREVIEW_TAIL)).slice(-PREVIEW_TAIL);
  return `${head.join('')}…${tail.join('')}`;
}

function duration(start: number | null, end: number | null, stored: unknown): number | null {
  if (start !== null && end !== null) return (end - start) / 1000;
  const number = typeof stored === 'bigint' ? Number(stored) : stored;
  const parsed = typeof number === 'string' && number.trim() !== '' ? Number(number) : number;
  return typeof parsed === 'number' && Number.isFinite(parsed) ? parsed : null;
}

/** Larger figures are invalid: sums of them must stay exact in a double and in the facts. */
const MOST_TOKENS = 1e12;
const MOST_USD = 1000;

/**
 * Agno leaves a count out if it is zero. So beside a known count a missing one is zero; alone it is unknown, and so
 * is an unreadable one.
 */
function tokensOf(attributes: Attributes, count: (key: string) => number | null) {
  // A model call of another instrumentor has its own figures; below one of Agno's calls it is plumbing.
  const isOther = attributes[KEY.genAiOperation] !== undefined && attributes[KEY.openInferenceKind] === undefined;
  const prompt = count(isOther ? KEY.clientInputTokens : KEY.promptTokens);
  const completion = count(isOther ? 'gen_ai.usage.output_tokens' : KEY.completionTokens);
  const cached = count(KEY.cachedTokens);
  const isKnown = prompt !== null || completion !== null;
  const beside = (value: number | null, key: string): number | null =>
    value === null && isKnown && attributes[key] == null ? 0 : value;
  return {
    promptTokens: beside(prompt, KEY.promptTokens),
    completionTokens: beside(completion, KEY.completionTokens),
    cachedTokens: beside(cached, KEY.cachedTokens),
    cacheWriteTokens: beside(count(KEY.cacheWriteTokens), KEY.cacheWriteTokens),
    statedTotalTokens: count(KEY.totalTokens),
  };
}

function httpOf(attributes: Attributes, openInferenceKind: string | null): Span['http'] {
  if (openInferenceKind !== null) return null;
  const method = textOf(attributes, KEY.httpMethod) ?? textOf(attributes, 'http.method');
  const route = textOf(attributes, KEY.httpRoute);
  const status = textOf(attributes, KEY.httpStatus) ?? textOf(attributes, 'http.status_code');
  if (method === null && route === null && status === null) return null;
  return {method, route, path: textOf(attributes, KEY.urlPath) ?? textOf(attributes, 'http.target'), status};
}
