import {append} from '../lists.ts';
import {type Attributes, KEY, textOf} from '../trace/attributes.ts';
import {formatJson, parseJson} from '../trace/json.ts';
import {type Message, messagesOf} from '../trace/messages.ts';
import type {Span} from '../trace/span.ts';

/** A heading and the text under it. Titles are our own words; everything else is data and not escaped yet. */
export interface Section {
  readonly title: string;
  readonly body: readonly ContentPart[];
}

/** A text of a span as stored: not escaped, cut or laid out, because it may have megabytes. */
export interface ContentPart {
  /**
   * `head`: names what the following parts are about; `note`: something that the reader must know; `value`: text that
   * may be JSON.
   */
  readonly type: 'head' | 'note' | 'text' | 'value';
  /** Columns before it. */
  readonly indent: number;
  readonly text: string;
  /** Of a head: the rest of its line. */
  readonly rest?: string;
}

/** Not shown to everybody at once: what no other section shows, including unknown attributes. */
export const REST_TITLE = 'Attributes';

/** Titles of the sections with messages; the number of messages follows. */
export const MESSAGE_TITLES = {input: 'Input messages', output: 'Answer'} as const;

/** The parts of a span that its sections show. The span was read whole. */
export type SpanContents = Pick<
  Span,
  'attributes' | 'statusMessage' | 'spanStatus' | 'kind' | 'openInferenceKind' | 'problems'
>;

/** Everything in a span, each text once. `span` was read whole. */
export function spanSections(span: SpanContents): Section[] {
  const shown = new Set<string>();
  return [...contentSections(span, shown), ...restSections(span, shown)];
}

/** Input and output. `span` was read whole. */
export function contentSections(span: SpanContents, shown = new Set<string>()): Section[] {
  const attributes = span.attributes!;
  const take = (key: string): string | null => {
    shown.add(key);
    return textOf(attributes, key);
  };
  const sections: Section[] = [];
  const add = (title: string, text: string | null, type: 'text' | 'value' = 'text') => {
    if (text !== null) sections.push({title, body: [{type, indent: 2, text}]});
  };
  if (span.statusMessage !== null)
    add(span.spanStatus === 'ERROR' ? 'Exception' : 'Status message', span.statusMessage);
  if (span.kind === 'llm') {
    append(sections, messageSections(attributes, shown));
    add('Invocation parameters', take(KEY.invocationParameters), 'value');
    append(sections, toolOfferSections(attributes, shown));
  } else if (span.openInferenceKind === 'TOOL') {
    shown.add(KEY.input);
    add('Arguments', take(KEY.toolParameters) ?? textOf(attributes, KEY.input), 'value');
    const documents = documentSections(span, attributes, shown);
    if (documents.length > 0) append(sections, documents);
    else add(span.spanStatus === 'ERROR' ? 'Output' : 'Result', take(KEY.output));
    add('Description', take(KEY.toolDescription));
  } else {
    add('Input', take(KEY.input));
    append(sections, documentSections(span, attributes, shown));
    add('Output', take(KEY.output));
  }
  return sections;
}

function messageSections(attributes: Attributes, shown: Set<string>): Section[] {
  const sections: Section[] = [];
  for (const [direction, title, key] of [
    ['input', MESSAGE_TITLES.input, KEY.input],
    ['output', MESSAGE_TITLES.output, KEY.output],
  ] as const) {
    const {messages, notes} = messagesOf(attributes, direction);
    for (const name in attributes) if (name.startsWith(`llm.${direction}_messages.`)) shown.add(name);
    // If there are messages, this repeats them as the provider's JSON.
    shown.add(key);
    if (messages.length === 0) {
      const text = textOf(attributes, key);
      if (text !== null) sections.push({title, body: [{type: 'value', indent: 2, text}]});
      continue;
    }
    sections.push({
      title: `${title} (${messages.length})`,
      body: [...notes.map((text): ContentPart => ({type: 'note', indent: 2, text})), ...messages.flatMap(messageParts)],
    });
  }
  return sections;
}

function messageParts(message: Message): ContentPart[] {
  const call = message.toolCallId === null ? '' : `  answers call ${message.toolCallId}`;
  return [
    {type: 'head', indent: 2, text: `[${message.index}] ${message.role}`, rest: call},
    ...message.content.map((text): ContentPart => ({type: 'text', indent: 4, text})),
    ...message.toolCalls.flatMap((asked): ContentPart[] => [
      {
        type: 'text',
        indent: 4,
        text: `calls ${asked.name}${asked.callId === null ? '' : `  (${asked.callId})`}`,
      },
      ...(asked.arguments === null ? [] : [{type: 'value', indent: 6, text: asked.arguments} as const]),
    ]),
  ];
}

function toolOfferSections(attributes: Attributes, shown: Set<string>): Section[] {
  const names: string[] = [];
  for (const key of Object.keys(attributes).sort(byNumber)) {
    if (!key.startsWith('llm.tools.')) continue;
    shown.add(key);
    const schema = parseJson(textOf(attributes, key) ?? '')?.value;
    const called =
      schema !== null && typeof schema === 'object' && !Array.isArray(schema) ? (schema?.function ?? schema) : null;
    const name = called !== null && typeof called === 'object' && !Array.isArray(called) ? called?.name : null;
    names.push(typeof name === 'string' ? name : '(a tool without a name)');
  }
  if (names.length === 0) return [];
  return [{title: `Tools offered (${names.length})`, body: [{type: 'text', indent: 2, text: names.join(', ')}]}];
}

function documentSections(span: SpanContents, attributes: Attributes, shown: Set<string>): Section[] {
  const documents = documentsOf(span, attributes, shown);
  if (documents.length === 0) return [];
  return [{title: `Documents (${documents.length})`, body: documents.flatMap(documentParts)}];
}

interface RetrievedDocument {
  name: string | null;
  id: string | null;
  score: string | null;
  content: string;
  metadata: string | null;
}

/**
 * Documents of a retrieval: OpenInference's standard attributes if a span has them, or else the JSON list that Agno's
 * knowledge tool returns; Agno stores no scores (docs/agno.md, Spans by kind).
 */
function documentsOf(span: SpanContents, attributes: Attributes, shown: Set<string>): RetrievedDocument[] {
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
  const output = textOf(attributes, KEY.output) ?? '';
  if (span.kind !== 'retrieval' || output.length > LONGEST_LIST) return [];
  const list = parseJson(output)?.value;
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

/** A longer list is shown as it is: parsing it takes seconds. */
const LONGEST_LIST = 5_000_000;

function documentParts(document: RetrievedDocument): ContentPart[] {
  const head = [
    document.name ?? document.id ?? 'document',
    document.score === null ? null : `score ${document.score}`,
    document.metadata,
  ];
  return [
    {type: 'head', indent: 2, text: head.filter(part => part !== null).join('  ')},
    {type: 'text', indent: 4, text: document.content},
  ];
}

/** Attributes that no section has shown, including unknown ones: nothing in a span is left out. */
function restSections(span: SpanContents, shown: ReadonlySet<string>): Section[] {
  const attributes = span.attributes!;
  const keys = Object.keys(attributes)
    .filter(key => !shown.has(key))
    .sort(byNumber);
  const body = keys.flatMap((key): ContentPart[] => {
    const text = textOf(attributes, key) ?? 'null';
    if (!text.includes('\n') && text.length <= LONGEST_INLINE)
      return [{type: 'head', indent: 2, text: key, rest: ` = ${text}`}];
    return [
      {type: 'head', indent: 2, text: key, rest: ' ='},
      {type: 'value', indent: 4, text},
    ];
  });
  const problems = span.problems.map((text): ContentPart => ({type: 'note', indent: 2, text}));
  return [
    ...(body.length > 0 ? [{title: REST_TITLE, body}] : []),
    ...(problems.length > 0 ? [{title: 'Bad data', body: problems}] : []),
  ];
}
const LONGEST_INLINE = 200;

/** `messages.2` before `messages.10`, so that the order is the same on both databases. */
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
