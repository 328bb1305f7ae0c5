import {createHash} from 'node:crypto';
import {append} from '../lists.ts';
import {type Attributes, KEY, textOf} from './attributes.ts';
import {asText} from './cell.ts';
import {formatJson, type Json, parseJson} from './json.ts';
import {type Message, type Messages, messagesOf} from './messages.ts';
import type {ToolCall} from './tool-calls.ts';

/** An image, an audio, a video or another file that a message carries; its bytes are counted, not kept. */
export interface Media {
  readonly type: 'image' | 'audio' | 'video' | 'file';
  readonly mimeType: string | null;
  /** Null: the message has only its address. */
  readonly bytes: number | null;
  readonly url: string | null;
}

/** One message of a conversation. */
export interface Said {
  /**
   * `system`, `user`, `assistant`, `tool`, or another role as written; `input` and `output` for text that is not a
   * message.
   */
  readonly role: string;
  readonly text: string;
  readonly reasoning: string | null;
  readonly media: readonly Media[];
  readonly toolCalls: readonly ToolCall[];
  readonly toolCallId: string | null;
  /** Of a tool's result: whether the call failed; null if the message does not say. */
  readonly failed: boolean | null;
  /** The message is from an earlier run of the session; Agno marks these. */
  readonly fromHistory: boolean;
}

/** The messages that one model call was sent, and its answer. */
export interface Exchange {
  readonly sent: readonly Said[];
  readonly answered: readonly Said[];
  /** How many messages before the first of `sent` the span lost to its attribute limit; null: unknown. */
  readonly lost: number | null;
  /** What is known to be missing, in words. */
  readonly notes: readonly string[];
}

/**
 * The messages of a model call, from its complete row. What was sent comes from `input.value`, which has roles, media
 * and the history mark; if that is missing or cut, from the flattened keys. Both shapes of `output.value` are read
 * (docs/agno.md, Spans by kind).
 */
export function exchangeOf(attributes: Attributes): Exchange {
  const written = writtenMessages(textOf(attributes, KEY.input));
  const flat = written.length > 0 ? NO_MESSAGES : messagesOf(attributes, 'input');
  const sent =
    written.length > 0
      ? written.map(fromJson)
      : flat.messages.length > 0
        ? flat.messages.map(fromFlat)
        : plain(textOf(attributes, KEY.input), 'input');
  const answers = messagesOf(attributes, 'output').messages;
  const output = textOf(attributes, KEY.output);
  const writtenAnswers = writtenMessages(output).map(fromJson);
  const answered =
    answers.length > 0
      ? answers.map((message, i) => withReasoning(fromFlat(message), writtenAnswers[i]))
      : writtenAnswers.length > 0
        ? writtenAnswers
        : plain(output, 'output');
  const isWhole = written.length > 0 || flat.messages.length === 0;
  return {
    sent,
    answered,
    lost: isWhole ? 0 : flat.messages[0]!.index > 0 ? flat.messages[0]!.index : null,
    notes: isWhole ? [] : flat.notes,
  };
}

/** What a model answered, in a line: its words, or the calls that it asked for. What is not a list of messages, or cut off, stays as it is. */
export function answerText(output: string): string {
  const said = writtenMessages(output).map(fromJson);
  const texts = said.map(({text, toolCalls}) =>
    [text, ...toolCalls.map(call => `${call.name}(${call.arguments ?? ''})`)].filter(part => part !== '').join(' '),
  );
  return texts.filter(text => text !== '').join('\n') || output;
}

const NO_MESSAGES: Messages = {messages: [], notes: []};

function withReasoning(said: Said, other: Said | undefined): Said {
  return said.reasoning === null && other?.reasoning ? {...said, reasoning: other.reasoning} : said;
}

type JsonObject = {[key: string]: Json};

function isObject(value: Json | undefined): value is JsonObject {
  return value !== null && value !== undefined && typeof value === 'object' && !Array.isArray(value);
}

/** The messages in a value: `{"messages": […]}` or a list of them; none if it is something else or cut off. */
function writtenMessages(text: string | null): JsonObject[] {
  if (text === null || !/^\s*[[{]/.test(text)) return [];
  const parsed = parseJson(text);
  if (!parsed || parsed.problems.length > 0) return [];
  const list = isObject(parsed.value) ? parsed.value.messages : parsed.value;
  if (!Array.isArray(list) || !list.every(item => isObject(item) && typeof item.role === 'string')) return [];
  return list as JsonObject[];
}

function plain(text: string | null, role: string): Said[] {
  if (text === null) return [];
  const {text: rest, media} = withoutData(text);
  return [
    {role, text: rest, reasoning: null, media, toolCalls: [], toolCallId: null, failed: null, fromHistory: false},
  ];
}

function fromFlat({role, content, reasoning, toolCallId, toolCalls}: Message): Said {
  const texts = content.filter(text => !reasoning.includes(text));
  const {text, media} = withoutData(texts.join('\n'));
  return {
    role,
    text,
    reasoning: reasoning.length > 0 ? reasoning.join('\n') : null,
    media,
    toolCalls,
    toolCallId,
    failed: null,
    fromHistory: false,
  };
}

const MEDIA_KEYS: Readonly<Record<string, Media['type']>> = {
  images: 'image',
  image_output: 'image',
  audio: 'audio',
  audio_output: 'audio',
  videos: 'video',
  video_output: 'video',
  files: 'file',
  file_output: 'file',
};

function fromJson(message: JsonObject): Said {
  const media: Media[] = [];
  const texts: string[] = [];
  for (const part of Array.isArray(message.content) ? message.content : [message.content ?? null]) {
    if (part === null) continue;
    if (!isObject(part)) texts.push(asText(part) ?? '');
    else if (typeof part.text === 'string') texts.push(part.text);
    else texts.push(formatJson(part, 0));
  }
  const {text, media: inText} = withoutData(texts.join('\n'));
  append(media, inText);
  for (const [key, type] of Object.entries(MEDIA_KEYS)) {
    const value = message[key] ?? null;
    for (const item of Array.isArray(value) ? value : [value]) if (item !== null) media.push(mediaOf(type, item));
  }
  const thought = message.reasoning_content ?? message.thinking ?? null;
  const reasoning = typeof thought === 'string' && thought.trim() !== '' ? thought : null;
  return {
    role: String(message.role),
    // Agno passes the reasoning of another model on in a message that contains it twice.
    text: reasoning !== null && text.replace(THINKING, '').trim() === reasoning.trim() ? '' : text,
    reasoning,
    media,
    toolCalls: toolCallsIn(message.tool_calls),
    toolCallId: asText(message.tool_call_id),
    failed: typeof message.tool_call_error === 'boolean' ? message.tool_call_error : null,
    fromHistory: message.from_history === true,
  };
}

const THINKING = /^\s*<think(?:ing)?>|<\/think(?:ing)?>\s*$/g;

function toolCallsIn(value: Json | undefined): ToolCall[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap(call => {
    if (!isObject(call)) return [];
    const called = isObject(call.function) ? call.function : call;
    const asked = called.arguments;
    const text =
      asked === undefined || asked === null ? null : typeof asked === 'string' ? asked : formatJson(asked, 0);
    return [{callId: asText(call.id), name: asText(called.name) ?? '', arguments: text}];
  });
}

function mediaOf(type: Media['type'], item: Json): Media {
  if (typeof item === 'string') return {type, mimeType: null, bytes: base64Bytes(item), url: null};
  if (!isObject(item)) return {type, mimeType: null, bytes: null, url: null};
  const content = item.content ?? item.base64 ?? null;
  const url = item.url ?? item.filepath ?? null;
  const mimeType = item.mime_type ?? item.format ?? null;
  return {
    type,
    mimeType: typeof mimeType === 'string' ? mimeType : null,
    bytes: typeof content === 'string' ? base64Bytes(content) : null,
    url: typeof url === 'string' ? url : null,
  };
}

function base64Bytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  return Math.max(0, Math.floor((text.length * 3) / 4) - padding);
}

const DATA_URL = /data:([\w.+-]+\/[\w.+-]+);base64,([A-Za-z0-9+/=_-]{64,})/g;

/** A text without the bytes of its images and recordings. */
function withoutData(text: string): {text: string; media: Media[]} {
  if (!text.includes(';base64,')) return {text, media: []};
  const media: Media[] = [];
  const rest = text.replace(DATA_URL, (_, mimeType: string, data: string) => {
    const [first] = mimeType.split('/');
    const type = first === 'image' || first === 'audio' || first === 'video' ? first : 'file';
    media.push({type, mimeType, bytes: base64Bytes(data), url: null});
    return `(${mimeType}, ${base64Bytes(data)} bytes)`;
  });
  return {text: rest, media};
}

/**
 * The messages of one conversation. Each counts once, though every call is sent all earlier ones. If one call is sent
 * the same words twice, they are two messages.
 */
export class Thread {
  private readonly shown = new Map<string, number>();
  /** Number of messages of the last call, sent and answered. */
  private known = 0;

  /**
   * The messages of a call that no earlier call was sent or answered; its answers are known from then on.
   * @returns `isLost`: the span lost messages that nobody has seen
   */
  take({sent, answered, lost}: Exchange): {added: Said[]; isLost: boolean} {
    const inCall = new Map<string, number>();
    const added: Said[] = [];
    for (const said of sent) {
      const key = fingerprint(said);
      const count = (inCall.get(key) ?? 0) + 1;
      inCall.set(key, count);
      if (count <= (this.shown.get(key) ?? 0)) continue;
      this.shown.set(key, count);
      added.push(said);
    }
    for (const said of answered) {
      const key = fingerprint(said);
      const count = (inCall.get(key) ?? 0) + 1;
      inCall.set(key, count);
      this.shown.set(key, Math.max(this.shown.get(key) ?? 0, count));
    }
    const isLost = lost === null ? this.known === 0 : lost > this.known;
    this.known = (lost ?? 0) + sent.length + answered.length;
    return {added, isLost};
  }
}

/** Identifies a message: in the next call, an answer comes back without its reasoning, and perhaps trimmed. */
function fingerprint({role, text, toolCalls, toolCallId}: Said): string {
  const calls = toolCalls.map(call => call.callId ?? `${call.name}(${call.arguments})`);
  return digest(JSON.stringify([role === 'output' ? 'assistant' : role, text.trim(), calls, toolCallId]));
}

const SHORT = 64;

/** A short text that is equal only for equal texts. */
export function digest(text: string): string {
  return text.length <= SHORT ? text : createHash('sha256').update(text).digest('base64');
}
