import {type Attributes, KEY, OUTPUT_MESSAGES_PREFIX, TOOL_CALL_MARK, textOf} from './attributes.ts';
import {asText} from './cell.ts';
import {type Json, parseJson} from './json.ts';

/** A tool call that a model asked for. */
export interface ToolCall {
  callId: string | null;
  name: string;
  /** JSON text as the model wrote it. */
  arguments: string | null;
}

const TOOL_CALL_KEY = /\.message\.tool_calls\.(\d+)\.tool_call\.(id|function\.name|function\.arguments)$/;

/**
 * Tool calls of the answer: from flattened keys, or from the output itself if an old instrumentor (< 0.1.35) wrote no
 * keys.
 */
export function toolCallsOf(attributes: Attributes, openInferenceKind: string | null): ToolCall[] {
  if (openInferenceKind !== 'LLM') return [];
  const calls = new Map<string, ToolCall>();
  let hasMessages = false;
  for (const key in attributes) {
    if (!key.startsWith(OUTPUT_MESSAGES_PREFIX)) continue;
    hasMessages = true;
    if (!key.includes(TOOL_CALL_MARK)) continue;
    const match = TOOL_CALL_KEY.exec(key);
    if (!match) continue;
    const place = key.slice(0, match.index) + match[1];
    const call = calls.get(place) ?? {callId: null, name: '', arguments: null};
    const value = textOf(attributes, key);
    if (match[2] === 'id') call.callId = value;
    else if (match[2] === 'function.name') call.name = value ?? '';
    else call.arguments = value;
    calls.set(place, call);
  }
  if (calls.size > 0 || hasMessages) return [...calls.values()];
  return toolCallsOfOutput(textOf(attributes, KEY.output));
}

function toolCallsOfOutput(output: string | null): ToolCall[] {
  if (output === null || !output.includes('tool_calls')) return [];
  const value = parseJson(output)?.value;
  if (value === null || typeof value !== 'object') return [];
  const messages = Array.isArray(value) ? value : value.messages;
  if (!Array.isArray(messages)) return [];
  return messages.flatMap(message => {
    const calls =
      message !== null && typeof message === 'object' && !Array.isArray(message) ? message.tool_calls : null;
    if (!Array.isArray(calls)) return [];
    return calls.flatMap(call => {
      if (call === null || typeof call !== 'object' || Array.isArray(call)) return [];
      const called = call.function;
      if (called === null || typeof called !== 'object' || Array.isArray(called)) return [];
      return [{callId: asText(call.id), name: asText(called.name) ?? '', arguments: asText(called.arguments)}];
    });
  });
}

/** Arguments by name; null if the text is not a JSON object, as in a malformed call. */
export function argumentsByName(text: string): [name: string, value: Json][] | null {
  const parsed = parseJson(text);
  const value = parsed?.value ?? null;
  if (parsed === null || value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  return entries.length === 0 && parsed.problems.length > 0 ? null : entries;
}
