import {parseJson} from './json.ts';
import {isRedacted} from './redacted.ts';
import type {Span} from './span.ts';

const AGNO_CALL = /\.a?invoke(_stream)?$/;

/**
 * A model call that brought nothing. Instrumentor 1.0.15 says ERROR, or UNSET when it was stopped; up to 1.0.3 such a
 * call is stored OK and only lacks output, messages and token counts (docs/agno.md, Stored status). Of other instrumentors an absent
 * output says nothing.
 */
export function isFailedCall(span: Span): boolean {
  if (span.spanStatus === 'ERROR') return true;
  return AGNO_CALL.test(span.name) && !span.hasOutput && span.toolCalls.length === 0 && span.totalTokens === null;
}

/** A model call that was stopped before it had answered: whoever waited for it had gone. */
export function isStoppedCall(span: Span): boolean {
  return span.spanStatus === 'UNSET' && isFailedCall(span);
}

/** A run's last own model call answered with words. */
export function endsWithAnswer(last: Span | null): boolean {
  return last !== null && !isFailedCall(last) && last.toolCalls.length === 0 && answerOf(last) !== '';
}

/** So much of two texts is compared: what was read is only the beginning of a long one. */
const COMPARED = 400;

export function isAnswerOf(call: Span, text: string | null): boolean {
  const [answer, said] = [answerOf(call), text?.trim() ?? ''];
  if (answer === null || said === '') return false;
  const length = Math.min(COMPARED, answer.length, said.length);
  return answer.slice(0, length) === said.slice(0, length) && (length === COMPARED || answer.length === said.length);
}

/**
 * The beginning of a model call's answer: '' if it is empty, null if the stored form is not known. The
 * output is a list of messages, an object with one, or plain text (docs/agno.md, Spans by kind), and may be cut.
 */
export function answerOf({output}: Span): string | null {
  const text = output?.trim() ?? '';
  if (text === '' || isRedacted(text)) return text === '' ? '' : null;
  if (!/^[[{]/.test(text)) return text;
  const content = /"content": ?"((?:[^"\\]|\\.)*)/.exec(text)?.[1];
  if (content === undefined) return '';
  const whole = content.replace(/\\(u[0-9a-fA-F]{0,3})?$/, '');
  return String(parseJson(`"${whole}"`)?.value ?? whole).trim();
}
