import {asText} from './cell.ts';
import {type ExactJson, formatJson, type Json, NumberText, type Parsed, parseExactly, parseJson} from './json.ts';

/** Attribute names exactly as stored: OpenInference's first, then Agno's, then standard ones that spans may gain. */
export const KEY = {
  openInferenceKind: 'openinference.span.kind',
  input: 'input.value',
  inputMimeType: 'input.mime_type',
  output: 'output.value',
  outputMimeType: 'output.mime_type',
  model: 'llm.model_name',
  provider: 'llm.provider',
  system: 'llm.system',
  invocationParameters: 'llm.invocation_parameters',
  promptTokens: 'llm.token_count.prompt',
  completionTokens: 'llm.token_count.completion',
  totalTokens: 'llm.token_count.total',
  cachedTokens: 'llm.token_count.prompt_details.cache_read',
  cacheWriteTokens: 'llm.token_count.prompt_details.cache_write',
  audioPromptTokens: 'llm.token_count.prompt_details.audio',
  audioCompletionTokens: 'llm.token_count.completion_details.audio',
  reasoningTokens: 'llm.token_count.completion_details.reasoning',
  cost: 'llm.cost.total',
  clientInputTokens: 'gen_ai.usage.input_tokens',
  firstMessage: 'llm.input_messages.0.message.content',
  toolName: 'tool.name',
  toolDescription: 'tool.description',
  toolParameters: 'tool.parameters',
  sessionId: 'session.id',
  userId: 'user.id',
  agentName: 'agent.name',
  metadata: 'metadata',
  nodeId: 'graph.node.id',
  parentNodeId: 'graph.node.parent_id',
  nodeName: 'graph.node.name',
  runId: 'agno.run.id',
  agentId: 'agno.agent.id',
  teamId: 'agno.team.id',
  workflowId: 'agno.workflow.id',
  stepsCount: 'agno.workflow.steps_count',
  steps: 'agno.workflow.steps',
  stepTypes: 'agno.workflow.step_types',
  stepType: 'agno.step.type',
  parallelCount: 'agno.parallel.step_count',
  genAiOperation: 'gen_ai.operation.name',
  mcpMethod: 'mcp.method.name',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  urlPath: 'url.path',
  httpStatus: 'http.response.status_code',
} as const;

/** Keys whose values are compared and typed, so they are never shortened. */
export const ID_KEYS: readonly string[] = [
  KEY.runId,
  KEY.sessionId,
  KEY.userId,
  KEY.agentId,
  KEY.teamId,
  KEY.workflowId,
  KEY.nodeId,
  KEY.parentNodeId,
  ...['run_id', 'agno.session.id', 'session_id', 'agno.user.id', 'user_id', 'agent_id', 'team_id', 'workflow_id'],
  ...['gen_ai.agent.id', 'gen_ai.conversation.id'],
];

/** Keys whose values the text search of `-q` searches: a span's displayed name and a run's answer. */
export const TEXT_KEYS: readonly string[] = [
  KEY.output,
  KEY.agentName,
  KEY.nodeName,
  'agno.team',
  'agno.agent',
  KEY.toolName,
  KEY.model,
  'gen_ai.response.model',
  'gen_ai.request.model',
];

/**
 * Keys that hold payload and decide nothing: they stay in the database when only trees and states are needed. They
 * are most of the bytes: every model call stores its whole history twice (docs/agno.md, Text and JSON).
 */
export const PAYLOAD_KEYS: readonly string[] = [
  KEY.input,
  KEY.toolDescription,
  KEY.invocationParameters,
  KEY.metadata,
  'tool.json_schema',
];
export const PAYLOAD_PREFIXES: readonly string[] = [
  'llm.input_messages.',
  'llm.tools.',
  'llm.prompts.',
  'llm.prompt_template.',
  'retrieval.documents.',
  'reranker.',
  'embedding.',
];
/** Output messages are payload, but their tool calls decide whether a run is paused. */
export const OUTPUT_MESSAGES_PREFIX = 'llm.output_messages.';
export const TOOL_CALL_MARK = '.tool_call.';

/**
 * The parsed attributes of one span. Keys are data (`__proto__`, `constructor`): look up only the names in `KEY` and
 * the like, which no prototype has, and go through all others by the object's own keys.
 */
export type Attributes = Readonly<Record<string, Json>>;

export interface ParsedAttributes {
  attributes: Attributes;
  /** What was wrong with the stored text, in words. */
  problems: readonly string[];
}

const NONE: Readonly<Record<string, never>> = Object.freeze(Object.create(null));

/** Parses the attributes of a stored cell of any type. Never throws: `problems` names what cannot be read. */
export function parseAttributes(cell: unknown, options: {thorough?: boolean} = {}): ParsedAttributes {
  if (cell !== null && typeof cell === 'object' && !(cell instanceof Uint8Array)) return fromValue(cell as Json, []);
  return fromText<Json>(asText(cell), text => parseJson(text, options));
}

/** Attributes with every digit kept, for export. */
export type ExactAttributes = Readonly<Record<string, ExactJson>>;

/** Like `parseAttributes` with `thorough`, without any loss. */
export function parseAttributesExactly(cell: unknown): {attributes: ExactAttributes; problems: readonly string[]} {
  return fromText<ExactJson>(asText(cell), parseExactly);
}

interface Found<T> {
  attributes: Readonly<Record<string, T>>;
  problems: readonly string[];
}

function fromText<T extends Json | ExactJson>(
  text: string | null,
  parse: (text: string) => Parsed<T> | null,
): Found<T> {
  if (text === null) return {attributes: NONE, problems: []};
  if (text.trim() === '') return {attributes: NONE, problems: ['attributes are empty']};
  const parsed = parse(text);
  if (!parsed) return {attributes: NONE, problems: ['attributes are not JSON']};
  const problems = parsed.problems.map(problem => `attributes JSON ${problem}`);
  if (typeof parsed.value === 'string') {
    const inner = parse(parsed.value);
    if (inner && typeof inner.value === 'object') {
      const innerProblems = inner.problems.map(problem => `attributes JSON ${problem}`);
      return fromValue(inner.value, [...problems, ...innerProblems, 'attributes were encoded twice']);
    }
  }
  return fromValue(parsed.value, problems);
}

function fromValue<T extends Json | ExactJson>(value: T, problems: readonly string[]): Found<T> {
  if (value === null) return {attributes: NONE, problems};
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof NumberText) {
    return {attributes: NONE, problems: [...problems, 'attributes are not a JSON object']};
  }
  return {attributes: value as Readonly<Record<string, T>>, problems};
}

/** The value as text, or null. Numbers and lists are written as JSON. */
export function textOf(attributes: Attributes, key: string): string | null {
  const value = attributes[key];
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : formatJson(value, 0);
}

/** The value as a finite number that is not negative, or null; numbers stored as text count. */
export function numberOf(attributes: Attributes, key: string): number | null {
  const value = attributes[key];
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) && number >= 0 ? number : null;
}

/** The value as a list of texts; a JSON array, stored as such or as text. */
export function listOf(attributes: Attributes, key: string): string[] {
  const value = attributes[key];
  const list = typeof value === 'string' ? parseJson(value)?.value : value;
  return Array.isArray(list) ? list.map(item => (typeof item === 'string' ? item : formatJson(item, 0))) : [];
}
