import {type Attributes, KEY, textOf} from './attributes.ts';
import {parseJson} from './json.ts';
import type {ToolCall} from './tool-calls.ts';

/** One message of a model call. */
export interface Message {
  readonly index: number;
  readonly role: string;
  /** Texts in order; images and other content are named by their type. */
  readonly content: readonly string[];
  /** Those of them that are the model's reasoning. */
  readonly reasoning: readonly string[];
  readonly toolCallId: string | null;
  readonly toolCalls: readonly ToolCall[];
}

export interface Messages {
  readonly messages: readonly Message[];
  /** What is known to be missing, in words; empty if nothing is. */
  readonly notes: readonly string[];
}

const MESSAGE_KEY = /^llm\.(input|output)_messages\.(\d+)\.message\.(.+)$/;
const TOOL_CALL = /^tool_calls\.(\d+)\.tool_call\.(id|function\.name|function\.arguments)$/;
const CONTENT = /^contents\.(\d+)\.message_content\.(.+)$/;

interface Draft {
  role: string;
  content: string | null;
  contents: Map<number, {type: string | null; text: string | null}>;
  toolCallId: string | null;
  toolCalls: Map<number, {callId: string | null; name: string; arguments: string | null}>;
}

/**
 * Rebuilds messages from flattened keys, by the indices that exist. Beyond its limit (128 in Agno 2, 1024 in 3) the
 * SDK drops the oldest attributes, so the first messages can be missing without a mark; roles outside OpenInference's
 * list leave gaps in between (docs/agno.md, Text and JSON). `notes` report both.
 */
export function messagesOf(attributes: Attributes, direction: 'input' | 'output'): Messages {
  const drafts = new Map<number, Draft>();
  const prefix = `llm.${direction}_messages.`;
  for (const key in attributes) {
    const match = key.startsWith(prefix) ? MESSAGE_KEY.exec(key) : null;
    if (!match) continue;
    const index = Number(match[2]);
    const draft = drafts.get(index) ?? emptyDraft();
    drafts.set(index, draft);
    fill(draft, match[3]!, textOf(attributes, key) ?? '');
  }
  const messages = [...drafts].sort(([a], [b]) => a - b).map(([index, draft]) => toMessage(index, draft));
  return {messages, notes: direction === 'input' ? gapsIn(messages, attributes) : []};
}

function emptyDraft(): Draft {
  return {role: '', content: null, contents: new Map(), toolCallId: null, toolCalls: new Map()};
}

function fill(draft: Draft, field: string, value: string): void {
  if (field === 'role') draft.role = value;
  else if (field === 'content') draft.content = value;
  else if (field === 'tool_call_id') draft.toolCallId = value;
  const call = TOOL_CALL.exec(field);
  if (call) {
    const index = Number(call[1]);
    const known = draft.toolCalls.get(index) ?? {callId: null, name: '', arguments: null};
    if (call[2] === 'id') known.callId = value;
    else if (call[2] === 'function.name') known.name = value;
    else known.arguments = decodeTwice(value);
    draft.toolCalls.set(index, known);
  }
  const content = CONTENT.exec(field);
  if (content) {
    const index = Number(content[1]);
    const known = draft.contents.get(index) ?? {type: null, text: null};
    if (content[2] === 'type') known.type = value;
    else if (content[2] === 'text') known.text = value;
    draft.contents.set(index, known);
  }
}

/** Instrumentors before 0.1.35 encoded the arguments of streamed calls twice. */
function decodeTwice(value: string): string {
  if (!value.startsWith('"{')) return value;
  const inner = parseJson(value);
  return typeof inner?.value === 'string' && inner.problems.length === 0 ? inner.value : value;
}

function toMessage(index: number, draft: Draft): Message {
  const parts = [...draft.contents].sort(([a], [b]) => a - b).map(([, part]) => part);
  const contents = parts.map(({type, text}) => text ?? `(${type ?? 'content'} without text)`);
  return {
    index,
    role: draft.role || 'unknown',
    content: draft.content === null || repeats(draft.content, parts) ? contents : [draft.content, ...contents],
    reasoning: parts.flatMap(({type, text}) => (type === 'reasoning' && text !== null ? [text] : [])),
    toolCallId: draft.toolCallId,
    toolCalls: [...draft.toolCalls].sort(([a], [b]) => a - b).map(([, call]) => call),
  };
}

/** Messages with reasoning are stored twice: complete, and in parts. */
function repeats(
  content: string,
  parts: readonly {readonly type: string | null; readonly text: string | null}[],
): boolean {
  const texts = parts.flatMap(({type, text}) => (type === 'reasoning' || text === null ? [] : [text]));
  return texts.length > 0 && [texts.join(''), texts.join('\n'), ...texts].some(text => text.trim() === content.trim());
}

/**
 * The SDK's attribute limit dropped the oldest keys of a model call. `input.value` goes before the messages: if it or
 * the first message is missing while other messages exist, the limit was reached, whatever it was (docs/agno.md, Text
 * and JSON).
 */
export function reachedAttributeLimit(attributes: Attributes): boolean {
  const [first] = messagesOf(attributes, 'input').messages;
  return first !== undefined && (first.index > 0 || attributes[KEY.input] === undefined);
}

function gapsIn(messages: readonly Message[], attributes: Attributes): string[] {
  if (messages.length === 0) return [];
  const notes: string[] = [];
  const first = messages[0]!.index;
  if (first > 0) {
    notes.push(`${first} earlier ${plural(first, 'message')} not recorded: the span reached its attribute limit`);
  } else if (attributes[KEY.input] === undefined) {
    notes.push(
      'input.value is not recorded, and the first messages may be missing: the span reached its attribute limit',
    );
  }
  const last = messages.at(-1)!.index;
  const holes = last - first + 1 - messages.length;
  if (holes > 0)
    notes.push(`${holes} ${plural(holes, 'message')} in between not recorded (the instrumentor omits their role)`);
  return notes;
}

function plural(count: number, word: string): string {
  return count === 1 ? word : `${word}s`;
}
