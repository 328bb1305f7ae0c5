import {agnoTime} from '../src/trace/time.ts';
import type {Backend} from './databases.ts';

/**
 * Rows whose every text is an attack on the terminal, on every screen there is. Our own colours
 * are the only escape sequences that may come out, and only onto a terminal.
 */
export const PAYLOADS: Readonly<Record<string, string>> = {
  // Of an id only the beginning is listed: a cut between the halves of a pair would leave one behind.
  emoji: '😀😀😀😀',
  'emoji, one further': 'x😀😀😀😀',
  'colours that are not ours': '\x1b[7;8mhidden\x1b[0m',
  'clear screen': '\x1b[2J\x1b[H',
  'window title': '\x1b]0;owned\x07',
  'title report': '\x1b[21t',
  clipboard: '\x1b]52;c;cm0gLXJmIH4=\x1b\\',
  link: '\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\',
  nested: '\x1b[\x1b[31m2J',
  unterminated: '\x1b]0;owned',
  'lone ESC': '\x1b',
  'double ESC': '\x1b\x1b[2J',
  DCS: '\x1bP$q"p\x1b\\',
  APC: '\x1b_Gi=1;AAAA\x1b\\',
  PM: '\x1b^secret\x1b\\',
  '8-bit': '\x9b2J\x9d0;owned\x9c\x90$q"p\x9c\x85',
  overwriting: 'rm -rf /\b\b\b\b\rls\x7f',
  bells: '\x07\x05\x0e\x0f\x13\x11',
  NUL: 'a\0b',
  'line breaks': 'a\nok  now  fake-run\r\n\x0b\x0c',
  'Trojan Source': '\u202e}\u2066 if admin\u2069\u2066',
  'right-to-left mark': '\u200f\u061c\u200e',
  'zero width': 'pay\u200bpal\u200c\u200d\u2060\ufeff',
  tags: '\u{e0069}\u{e0067}\u{e006e}\u{e007f}\u{e0100}',
  separators: 'a\u2028b\u2029c',
  fillers: '\u00ad\u3164\u115f\u1160\uffa0\u180e',
  'private use': '\ue000\u{f0000}\ufffe\u{1ffff}',
  'combining marks': `Z${'\u0300\u0301\u0302\u0303'.repeat(20)}`,
  'lone surrogates': 'a\ud800b\udc00',
  selectors: 'a\ufe0fb\ufe0e',
};

/** Sequences that `paint` makes: bold, dim, reversed, the terminal's own colours, and their ends. Nobody else's. */
export const OWN_SEQUENCE = /\x1b\[(?:1|2|7|22|27|3[1-6]|39)m/g;
export const UNSAFE = new RegExp(
  [
    '[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f]',
    '[\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\u{e0000}-\\u{e0fff}\\p{Co}\\p{Cs}]',
    '[\\p{Noncharacter_Code_Point}]|\\p{M}{5}',
  ].join('|'),
  'u',
);

const START = Date.parse('2024-05-06T10:00:00Z') * 1000;
const at = (ms: number) => agnoTime(START + ms * 1000);

export interface Hostile {
  readonly what: string;
  readonly payload: string;
  /** Ids that hold the payload too; each begins with something to tell them apart. */
  readonly trace: string;
  readonly spans: readonly string[];
  readonly run: string;
}

export function hostile(backend: Backend): Hostile[] {
  return Object.entries(PAYLOADS)
    .filter(([what]) => backend === 'sqlite' || !['NUL', 'lone surrogates'].includes(what))
    .map(([what, payload], i) => {
      // Half of a pair cannot be a bound text; in JSON it can be written as an escape.
      const text = payload.replace(/\p{Cs}/gu, '?');
      const id = (prefix: string) => `${prefix}${String(i).padStart(3, '0')}${text}`;
      return {what, payload, trace: id('t'), spans: ['r', 'l', 'u', 'e', 'h'].map(id), run: id('x')};
    });
}

export type Row = (string | number | null)[];

/** A failed run of an agent with a model call, a failed tool and a retrieval, around it an HTTP request: all of it hostile. */
export function hostileRows({payload, trace, spans, run}: Hostile): {traces: Row[]; spans: Row[]} {
  const text = payload.replace(/\p{Cs}/gu, '?');
  const [root, call, tool, retrieval, request] = spans as [string, string, string, string, string];
  const span = (
    id: string,
    parent: string | null,
    name: string,
    from: number,
    attributes: object,
    status = text,
  ): Row => [
    id,
    trace,
    parent,
    `${name}${text}`,
    `INTERNAL${text}`,
    status,
    `message ${text}\nsecond line ${text}`,
    at(from),
    at(from + 500),
    500,
    JSON.stringify({
      ...attributes,
      [`key ${payload}`]: `value ${payload}`,
      [`${payload}.list`]: [payload, {[payload]: payload}],
    }),
    at(from + 501),
  ];
  const message = (direction: string, i: number, role: string) => ({
    [`llm.${direction}_messages.${i}.message.role`]: role + payload,
    [`llm.${direction}_messages.${i}.message.content`]: `content ${payload}`,
    [`llm.${direction}_messages.${i}.message.contents.0.message_content.type`]: `image ${payload}`,
    [`llm.${direction}_messages.${i}.message.tool_call_id`]: payload,
    [`llm.${direction}_messages.${i}.message.tool_calls.0.tool_call.id`]: payload,
    [`llm.${direction}_messages.${i}.message.tool_calls.0.tool_call.function.name`]: `call ${payload}`,
    [`llm.${direction}_messages.${i}.message.tool_calls.0.tool_call.function.arguments`]: JSON.stringify({a: payload}),
  });
  return {
    traces: [
      [
        ...[trace, `name${text}`, text, at(0), at(500), 500, run, `session${text}`, `user${text}`],
        ...[`agent${text}`, `team${text}`, `workflow${text}`, at(501)],
      ],
    ],
    spans: [
      span(request, null, 'GET /', -1000, {
        'http.request.method': payload,
        'http.route': payload,
        'http.response.status_code': payload,
      }),
      span(
        root,
        request,
        'agent.run',
        0,
        {
          'openinference.span.kind': 'AGENT',
          'graph.node.id': payload,
          'agent.name': `agent ${payload}`,
          'agno.agent.id': `agent${payload}`,
          'agno.run.id': run,
          'session.id': `session${text}`,
          'user.id': `user${text}`,
          'input.value': `in ${payload}`,
          'output.value': `out ${payload}`,
          metadata: JSON.stringify({m: payload}),
        },
        'ERROR',
      ),
      span(call, root, 'Model.invoke', 10, {
        'openinference.span.kind': 'LLM',
        'llm.model_name': `model ${payload}`,
        'llm.provider': `provider ${payload}`,
        'llm.invocation_parameters': `{"t": ${JSON.stringify(payload)}}`,
        'llm.tools.0.tool.json_schema': JSON.stringify({function: {name: payload, description: payload}}),
        'llm.token_count.prompt': 3,
        'output.value': payload,
        ...message('input', 0, 'user'),
        ...message('output', 0, 'assistant'),
      }),
      span(
        tool,
        root,
        'look_up',
        20,
        {
          'openinference.span.kind': 'TOOL',
          'tool.name': `tool ${payload}`,
          'tool.parameters': JSON.stringify({[payload]: payload}),
          'tool.description': payload,
          'output.value': payload,
        },
        'ERROR',
      ),
      span(retrieval, root, 'search', 30, {
        'openinference.span.kind': 'RETRIEVER',
        'input.value': payload,
        'retrieval.documents.0.document.id': payload,
        'retrieval.documents.0.document.content': payload,
        'retrieval.documents.0.document.score': payload,
        'retrieval.documents.0.document.metadata': JSON.stringify({[payload]: payload}),
      }),
    ],
  };
}

/** Rows that are bad as well: what is said about them holds their texts again. */
export function badHostileRows({payload, trace}: Hostile, i: number): {traces: Row[]; spans: Row[]} {
  const text = payload.replace(/\p{Cs}/gu, '?');
  const id = `bad${i}${text}`;
  return {
    traces: [[`${id}t`, text, text, text, text, 5, null, null, null, null, null, null, text]],
    spans: [
      [
        `${id}s`,
        `${id}t`,
        `${trace}?`,
        text,
        text,
        text,
        text,
        text,
        text,
        5,
        JSON.stringify({[payload]: payload}),
        text,
      ],
      [`${id}l`, `${id}t`, `${id}?`, text, text, text, text, text, text, 5, '{"openinference.span.kind": "LLM"}', text],
    ],
  };
}
