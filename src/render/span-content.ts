import {joined, line, own, type Safe, safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {wrap} from '../text/width.ts';
import {type Attributes, KEY, textOf} from '../trace/attributes.ts';
import {formatJson, parseJson} from '../trace/json.ts';
import {type Message, messagesOf} from '../trace/messages.ts';
import type {Span} from '../trace/span.ts';

interface ContentOptions {
  readonly columns: number | null;
}

/** OpenInference's mark for what a switch of the instrumentor took out. */
const REDACTED = '__REDACTED__';

/** A heading and what stands under it. */
interface Section {
  readonly title: Safe;
  readonly body: readonly Safe[];
}

/** Everything a span holds, readable: whole messages, arguments, results, documents, and the attributes no section shows. */
export function renderSpanContent(span: Span, options: ContentOptions): Safe {
  const shown = new Set<string>();
  const sections = [...contentSections(span, options, shown), ...restSection(span, shown, options)];
  return joined(
    sections.map(section => joined([paint(section.title, 'bold'), ...section.body], '\n')),
    '\n\n',
  );
}

/** What went in and what came out, for below the row of a tree (`--io full`). */
export function contentLines(span: Span, options: ContentOptions): Safe[] {
  return contentSections(span, options, new Set()).flatMap(section => [paint(section.title, 'dim'), ...section.body]);
}

function contentSections(span: Span, options: ContentOptions, shown: Set<string>): Section[] {
  const attributes = span.attributes!;
  const take = (key: string): string | null => {
    shown.add(key);
    return textOf(attributes, key);
  };
  const sections: Section[] = [];
  const add = (title: string, text: string | null, note?: Safe) => {
    if (text === null) return;
    sections.push({title: own(title), body: [...(note ? [indent(note)] : []), ...block(text, options)]});
  };
  if (span.statusMessage !== null)
    add(span.spanStatus === 'ERROR' ? 'Exception' : 'Status message', span.statusMessage);
  if (span.kind === 'llm') {
    sections.push(...messageSections(attributes, options, shown));
    add('Invocation parameters', pretty(take(KEY.invocationParameters)));
    sections.push(...toolOfferSection(attributes, options, shown));
  } else if (span.openInferenceKind === 'TOOL') {
    shown.add(KEY.input);
    add('Arguments', pretty(take(KEY.toolParameters) ?? textOf(attributes, KEY.input)));
    const documents = documentsOf(span, attributes, shown);
    if (documents.length > 0)
      sections.push({
        title: own(`Documents (${documents.length})`),
        body: documents.flatMap(document => documentLines(document, options)),
      });
    else add(span.spanStatus === 'ERROR' ? 'Output' : 'Result', take(KEY.output));
    add('Description', take(KEY.toolDescription));
  } else {
    add('Input', take(KEY.input));
    const documents = documentsOf(span, attributes, shown);
    if (documents.length > 0)
      sections.push({
        title: own(`Documents (${documents.length})`),
        body: documents.flatMap(document => documentLines(document, options)),
      });
    add('Output', take(KEY.output));
  }
  return sections;
}

function messageSections(attributes: Attributes, options: ContentOptions, shown: Set<string>): Section[] {
  const sections: Section[] = [];
  for (const [direction, title, key] of [
    ['input', 'Input messages', KEY.input],
    ['output', 'Answer', KEY.output],
  ] as const) {
    const {messages, notes} = messagesOf(attributes, direction);
    for (const name in attributes) if (name.startsWith(`llm.${direction}_messages.`)) shown.add(name);
    if (messages.length === 0) {
      const text = textOf(attributes, key);
      shown.add(key);
      if (text !== null) sections.push({title: own(title), body: block(pretty(text) ?? '', options)});
      continue;
    }
    // The same messages again, as the provider's JSON.
    shown.add(key);
    sections.push({
      title: own(`${title} (${messages.length})`),
      body: [
        ...notes.map(note => indent(paint(line`! ${safe(note)}`, 'yellow'))),
        ...messages.flatMap(message => messageLines(message, options)),
      ],
    });
  }
  return sections;
}

function messageLines(message: Message, options: ContentOptions): Safe[] {
  const call = message.toolCallId === null ? own('') : line`  answers call ${safe(message.toolCallId)}`;
  return [
    indent(line`${paint(line`[${message.index}] ${safe(message.role)}`, 'cyan')}${call}`),
    ...message.content.flatMap(text => block(text, options, 4)),
    ...message.toolCalls.flatMap(asked => [
      indent(line`  calls ${safe(asked.name)}${asked.callId === null ? own('') : line`  (${safe(asked.callId)})`}`),
      ...(asked.arguments === null ? [] : block(pretty(asked.arguments) ?? '', options, 6)),
    ]),
  ];
}

function toolOfferSection(attributes: Attributes, options: ContentOptions, shown: Set<string>): Section[] {
  const names: Safe[] = [];
  for (const key of Object.keys(attributes).sort(byNumber)) {
    if (!key.startsWith('llm.tools.')) continue;
    shown.add(key);
    const schema = parseJson(textOf(attributes, key) ?? '')?.value;
    const called =
      schema !== null && typeof schema === 'object' && !Array.isArray(schema) ? (schema?.function ?? schema) : null;
    const name = called !== null && typeof called === 'object' && !Array.isArray(called) ? called?.name : null;
    names.push(safe(typeof name === 'string' ? name : '(a tool without a name)'));
  }
  if (names.length === 0) return [];
  return [{title: own(`Tools offered (${names.length})`), body: flow(names, options)}];
}

interface RetrievedDocument {
  name: string | null;
  id: string | null;
  score: string | null;
  content: string;
  metadata: string | null;
}

/**
 * Documents of a retrieval: OpenInference's standard attributes where a span has them, else the JSON list that Agno's
 * knowledge tool returns; Agno stores no scores (agno.md 3.4).
 */
function documentsOf(span: Span, attributes: Attributes, shown: Set<string>): RetrievedDocument[] {
  const standard = new Map<number, RetrievedDocument>();
  for (const key in attributes) {
    const match = /^retrieval\.documents\.(\d+)\.document\.(id|score|content|metadata)$/.exec(key);
    if (!match) continue;
    shown.add(key);
    const index = Number(match[1]);
    const document = standard.get(index) ?? {name: null, id: null, score: null, content: '', metadata: null};
    const value = textOf(attributes, key);
    if (match[2] === 'content') document.content = value ?? '';
    else document[match[2] as 'id' | 'score' | 'metadata'] = value;
    standard.set(index, document);
  }
  if (standard.size > 0) return [...standard].sort(([a], [b]) => a - b).map(([, document]) => document);
  if (span.kind !== 'retrieval') return [];
  const list = parseJson(textOf(attributes, KEY.output) ?? '')?.value;
  if (!Array.isArray(list) || list.length === 0) return [];
  const documents = list.map(item => {
    if (item === null || typeof item !== 'object' || Array.isArray(item) || typeof item.content !== 'string')
      return null;
    return {
      name: typeof item.name === 'string' ? item.name : null,
      id: typeof item.id === 'string' ? item.id : null,
      score: item.score === undefined || item.score === null ? null : String(item.score),
      content: item.content,
      metadata: item.meta_data === undefined || item.meta_data === null ? null : formatJson(item.meta_data, 0),
    };
  });
  if (documents.some(document => document === null)) return [];
  shown.add(KEY.output);
  return documents as RetrievedDocument[];
}

function documentLines(document: RetrievedDocument, options: ContentOptions): Safe[] {
  const head = [
    document.name ?? document.id ?? 'document',
    document.score === null ? null : `score ${document.score}`,
    document.metadata,
  ];
  return [
    indent(paint(safe(head.filter(part => part !== null).join('  ')), 'cyan')),
    ...block(document.content, options, 4),
  ];
}

/** Attributes that no section has shown, unknown ones among them: nothing a span holds is left out. */
function restSection(span: Span, shown: ReadonlySet<string>, options: ContentOptions): Section[] {
  const attributes = span.attributes!;
  const keys = Object.keys(attributes)
    .filter(key => !shown.has(key))
    .sort(byNumber);
  const body = keys.flatMap(key => {
    const text = textOf(attributes, key) ?? 'null';
    const inline = line`${paint(safe(key), 'cyan')} = ${safe(text)}`;
    if (!text.includes('\n') && text.length <= 200) return [indent(inline)];
    return [indent(line`${paint(safe(key), 'cyan')} =`), ...block(pretty(text) ?? '', options, 4)];
  });
  const problems = span.problems.map(problem => indent(paint(line`! ${safe(problem)}`, 'yellow')));
  return [
    ...(body.length > 0 ? [{title: own('Attributes'), body}] : []),
    ...(problems.length > 0 ? [{title: own('Bad data'), body: problems}] : []),
  ];
}

/** `messages.2` before `messages.10`, so that the order is that of the data on both databases. */
function byNumber(a: string, b: string): number {
  const [left, right] = [a.split('.'), b.split('.')];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    if (left[i] === right[i]) continue;
    const [x, y] = [Number(left[i]), Number(right[i])];
    if (Number.isInteger(x) && Number.isInteger(y)) return x - y;
    return left[i]! < right[i]! ? -1 : 1;
  }
  return left.length - right.length;
}

/** JSON indented, other text as it is. */
function pretty(text: string | null): string | null {
  if (text === null || !/^\s*[[{]/.test(text)) return text;
  const parsed = parseJson(text);
  return parsed && parsed.problems.length === 0 ? formatJson(parsed.value) : text;
}

function block(text: string, {columns}: ContentOptions, indentBy = 2): Safe[] {
  if (text === REDACTED) return [own(`${' '.repeat(indentBy)}(taken out by the instrumentor: ${REDACTED})`)];
  const whole = safe(text, {multiline: true});
  const lines = columns === null ? (whole.split('\n') as Safe[]) : wrap(whole, Math.max(20, columns - indentBy));
  return lines.map(part => own(`${' '.repeat(indentBy)}${part}`));
}

function indent(text: Safe): Safe {
  return line`  ${text}`;
}

function flow(names: readonly Safe[], {columns}: ContentOptions): Safe[] {
  const text = joined(names, ', ');
  return (columns === null ? [text] : wrap(text, columns - 2)).map(indent);
}
