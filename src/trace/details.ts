import {KEY, textOf} from './attributes.ts';
import {digest, exchangeOf} from './exchange.ts';
import type {Span} from './span.ts';

/** The result of a tool call, as it was sent to the next model call. */
export interface SentResult {
  readonly callId: string;
  /**
   * According to Agno's message; null if it does not say so, as before Agno 3 and for calls that never reached a
   * tool.
   */
  readonly failed: boolean | null;
  readonly text: string;
}

/**
 * The facts that only a span's complete row has, as far as they decide whose work it is and what became of calls
 * without spans.
 */
export interface Details {
  /** The input of a run. */
  readonly input: string | null;
  /** Arguments of a tool call. */
  readonly arguments: string | null;
  /** Of a model call: the results that it was sent, in order. */
  readonly results: readonly SentResult[];
  /** Of a model call: the user messages that it was sent, in order. */
  readonly asked: readonly string[];
  /** Of a model call: identifies the speaker, as far as model and system message do. */
  readonly voice: string | null;
}

const KEPT_CHARS = 1000;

/** Only the beginnings of texts are compared. */
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
