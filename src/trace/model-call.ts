import {parseJson} from './json.ts';
import {isRedacted} from './redacted.ts';
import type {Span} from './span.ts';

const AGNO_CALL = /\.a?invoke(_stream)?$/;

/**
 * A model call without a result. Instrumentor 1.0.15 stores ERROR, or UNSET if the call was stopped. Up to 1.0.3 such
 * a call is stored as OK and only lacks output, messages and token counts (docs/agno.md, Stored status). For other
 * instrumentors a missing output means nothing.
 */
export function isFailedCall(span: Span): boolean {
  if (span.spanStatus === 'ERROR') return true;
  return AGNO_CALL.test(span.name) && !span.hasOutput && span.toolCalls.length === 0 && span.totalTokens === null;
}

/** A model call that was stopped before it answered: its caller was gone. */
export function isStoppedCall(span: Span): boolean {
  return span.spanStatus === 'UNSET' && isFailedCall(span);
}

/** Whether a run's last own model call answered with words. */
export function endsWithAnswer(last: Span | null): boolean {
  return last !== null && !isFailedCall(last) && last.toolCalls.length === 0 && answerOf(last) !== '';
}

/** How many characters of two texts are compared: only the beginning of a long text was read. */
const COMPARED = 400;

export function isAnswerOf(call: Span, text: string | null): boolean {
  const [answer, said] = [answerOf(call), text?.trim() ?? ''];
  if (answer === null || said === '') return false;
  const length = Math.min(COMPARED, answer.length, said.length);
  return answer.slice(0, length) === said.slice(0, length) && (length === COMPARED || answer.length === said.length);
}

/**
 * The beginning of a model call's answer: '' if it is empty, null if its stored form is unknown. The output is a list
 * of messages, an object with one, or plain text (docs/agno.md, Spans by kind), and may be cut.
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
