import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {wrap} from '../text/width.ts';
import {formatJson, parseJson} from '../trace/json.ts';
import {REDACTED} from '../trace/redacted.ts';
import type {Span} from '../trace/span.ts';
import {type ContentPart, contentSections, spanSections} from './span-sections.ts';

interface ContentOptions {
  readonly columns: number | null;
}

/**
 * Everything in a span, readable: complete messages, arguments, results, documents, and the attributes that no
 * section shows.
 */
export function renderSpanContent(span: Span, options: ContentOptions): Safe {
  return joined(
    spanSections(span).map(({title, body}) =>
      joined([paint(trusted(title), 'bold'), ...body.flatMap(part => partLines(part, options))], '\n'),
    ),
    '\n\n',
  );
}

/** Input and output, for below the row of a tree (`--io full`). */
export function contentLines(span: Span, options: ContentOptions): Safe[] {
  return contentSections(span).flatMap(({title, body}) => [
    paint(trusted(title), 'dim'),
    ...body.flatMap(part => partLines(part, options)),
  ]);
}

function partLines({type, indent, text, rest = ''}: ContentPart, options: ContentOptions): Safe[] {
  const before = trusted(' '.repeat(indent));
  if (type === 'head') return [line`${before}${paint(safe(text), 'cyan')}${safe(rest)}`];
  if (type === 'note') return [line`${before}${paint(line`! ${safe(text)}`, 'yellow')}`];
  return block(type === 'value' ? indented(text) : text, options, indent);
}

/** Indents JSON; other text stays as it is. */
export function indented(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text;
  const parsed = parseJson(text);
  return parsed && parsed.problems.length === 0 ? formatJson(parsed.value) : text;
}

/** A note in place of a text that the instrumentor removed; any other text unchanged. */
export function unredacted(text: string): string {
  return text === REDACTED ? `(removed by the instrumentor: ${REDACTED})` : text;
}

function block(text: string, {columns}: ContentOptions, indentBy: number): Safe[] {
  const whole = safe(unredacted(text), {multiline: true});
  const lines = columns === null ? (whole.split('\n') as Safe[]) : wrap(whole, Math.max(20, columns - indentBy));
  return lines.map(part => trusted(`${' '.repeat(indentBy)}${part}`));
}
