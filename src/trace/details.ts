import {KEY, textOf} from './attributes.ts';
import {digest, exchangeOf} from './exchange.ts';
import type {Span} from './span.ts';

/** The result of a tool call as the next model call was sent it. */
export interface SentResult {
  readonly callId: string;
  /** What Agno's message says: null where it says nothing, as before 3 and for calls that never reached a tool. */
  readonly failed: boolean | null;
  readonly text: string;
}

/** What only the whole row of a span tells, as far as it decides whose work it is and what became of calls without spans. */
export interface Details {
  /** What a run was given. */
  readonly input: string | null;
  /** Arguments of a tool call. */
  readonly arguments: string | null;
  /** Of a model call: results it was sent, in order. */
  readonly results: readonly SentResult[];
  /** Of a model call: what its user said, in order. */
  readonly asked: readonly string[];
  /** Of a model call: who speaks, as far as model and system message tell. */
  readonly voice: string | null;
}

const KEPT_CHARS = 1000;

/** Texts are compared by their beginning. */
export function kept(text: string): string {
  return text.trim().slice(0, KEPT_CHARS);
}

/** @param span read whole */
export function detailsOf(span: Span): Details {
  const attributes = span.attributes ?? {};
  const isModelCall = span.kind === 'llm';
  const sent = isModelCall ? exchangeOf(attributes).sent : [];
  const system = sent.flatMap(({role, text}) => (role === 'system' || role === 'developer' ? text : []));
  const input = isModelCall ? null : textOf(attributes, KEY.input);
  return {
    input: input === null ? null : kept(input),
    arguments: textOf(attributes, KEY.toolParameters),
    results: sent.flatMap(({toolCallId, failed, text}) =>
      toolCallId === null ? [] : {callId: toolCallId, failed, text: kept(text)},
    ),
    asked: sent.flatMap(({role, text}) => (role === 'user' ? kept(text) : [])),
    voice: isModelCall ? digest(JSON.stringify([span.model, system])) : null,
  };
}
