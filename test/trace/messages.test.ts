import {describe, expect, it} from 'vitest';
import {parseAttributes} from '../../src/trace/attributes.ts';
import type {Json} from '../../src/trace/json.ts';
import {messagesOf} from '../../src/trace/messages.ts';

const LIMIT_NOTE = 'not recorded: the span reached its attribute limit';

function input(attributes: Record<string, Json>) {
  return messagesOf(parseAttributes(attributes).attributes, 'input');
}

/** Flattened keys of plain messages with the given indices. */
function plain(...indices: number[]): Record<string, Json> {
  return Object.fromEntries(
    indices.flatMap(i => [
      [`llm.input_messages.${i}.message.role`, 'user'],
      [`llm.input_messages.${i}.message.content`, `text ${i}`],
    ]),
  );
}

describe('messages are rebuilt from flattened keys', () => {
  it('in order, whatever the order of the keys', () => {
    const {messages, notes} = input({'input.value': '{}', ...plain(10, 2, 0), ...plain(1, 3, 4, 5, 6, 7, 8, 9)});
    expect(messages.map(message => message.index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(messages[10]).toEqual({
      index: 10,
      role: 'user',
      content: ['text 10'],
      reasoning: [],
      toolCallId: null,
      toolCalls: [],
    });
    expect(notes).toEqual([]);
  });

  it('of one direction only', () => {
    const {attributes} = parseAttributes({
      ...plain(0),
      'llm.output_messages.0.message.role': 'assistant',
      'llm.output_messages.0.message.content': 'answer',
      'llm.token_count.total': 3,
    });
    expect(messagesOf(attributes, 'output').messages).toEqual([
      {index: 0, role: 'assistant', content: ['answer'], reasoning: [], toolCallId: null, toolCalls: []},
    ]);
    expect(messagesOf(attributes, 'input').messages).toHaveLength(1);
  });

  it('with the call that a tool message answers', () => {
    const {messages} = input({
      'input.value': '{}',
      'llm.input_messages.0.message.role': 'tool',
      'llm.input_messages.0.message.content': '42',
      'llm.input_messages.0.message.tool_call_id': 'call_1',
    });
    expect(messages[0]).toMatchObject({role: 'tool', content: ['42'], toolCallId: 'call_1'});
  });

  it('with the texts of a contents array in order, after the content; images are named by their type', () => {
    const key = 'llm.input_messages.0.message.contents';
    const {messages} = input({
      'input.value': '{}',
      'llm.input_messages.0.message.role': 'user',
      [`${key}.10.message_content.type`]: 'text',
      [`${key}.10.message_content.text`]: 'last',
      [`${key}.0.message_content.type`]: 'text',
      [`${key}.0.message_content.text`]: 'look at this',
      [`${key}.1.message_content.type`]: 'image',
      [`${key}.1.message_content.image.image.url`]: 'data:image/png;base64,AAAA',
      [`${key}.2.message_content.audio`]: 'x',
    });
    expect(messages[0]!.content).toEqual(['look at this', '(image without text)', '(content without text)', 'last']);
  });

  it('with reasoning beside the answer', () => {
    const {attributes} = parseAttributes({
      'llm.output_messages.0.message.role': 'assistant',
      'llm.output_messages.0.message.content': 'Paris.',
      'llm.output_messages.0.message.contents.0.message_content.type': 'reasoning',
      'llm.output_messages.0.message.contents.0.message_content.text': 'France, so …',
    });
    expect(messagesOf(attributes, 'output').messages[0]!.content).toEqual(['Paris.', 'France, so …']);
  });

  it('with tool calls in order, each with its id, name and arguments', () => {
    const key = (i: number) => `llm.output_messages.0.message.tool_calls.${i}.tool_call`;
    const {attributes} = parseAttributes({
      'llm.output_messages.0.message.role': 'assistant',
      [`${key(10)}.function.name`]: 'third',
      [`${key(1)}.id`]: 'call_b',
      [`${key(1)}.function.name`]: 'second',
      [`${key(1)}.function.arguments`]: '{"x": 1}',
      [`${key(0)}.function.arguments`]: '{"order_id": 4417}',
      [`${key(0)}.function.name`]: 'first',
      [`${key(0)}.id`]: 'call_a',
    });
    const [message] = messagesOf(attributes, 'output').messages;
    expect(message!.content).toEqual([]);
    expect(message!.toolCalls).toEqual([
      {callId: 'call_a', name: 'first', arguments: '{"order_id": 4417}'},
      {callId: 'call_b', name: 'second', arguments: '{"x": 1}'},
      {callId: null, name: 'third', arguments: null},
    ]);
  });

  it.each<[string, Json, string]>([
    ['encoded twice, as streamed calls were before 0.1.35', '"{\\"city\\": \\"Z\\u00fcrich\\"}"', '{"city": "Zürich"}'],
    ['encoded once', '{"city": "Zürich"}', '{"city": "Zürich"}'],
    ['encoded twice and cut off, left as they are', '"{\\"city\\": \\"Z', '"{\\"city\\": \\"Z'],
    ['a string of their own', '"plain"', '"plain"'],
    ['no JSON', 'city=Zürich', 'city=Zürich'],
    ['stored as an object', {city: 'Zürich'}, '{"city":"Zürich"}'],
  ])('with arguments %s', (_, stored, shown) => {
    const key = 'llm.output_messages.0.message.tool_calls.0.tool_call';
    const {attributes} = parseAttributes({[`${key}.function.name`]: 'weather', [`${key}.function.arguments`]: stored});
    expect(messagesOf(attributes, 'output').messages[0]!.toolCalls[0]!.arguments).toBe(shown);
  });

  it('also where a message has no role or no content', () => {
    const {messages} = input({
      'input.value': '{}',
      'llm.input_messages.0.message.content': 'who said this?',
      'llm.input_messages.1.message.role': 'assistant',
    });
    expect(messages).toMatchObject([
      {role: 'unknown', content: ['who said this?']},
      {role: 'assistant', content: []},
    ]);
  });

  it('with content that is no text', () => {
    const {messages} = input({
      'llm.input_messages.0.message.role': 'user',
      'llm.input_messages.0.message.content': [{type: 'text', text: 'hi'}],
      'llm.input_messages.1.message.role': 7,
      'llm.input_messages.1.message.content': null,
    });
    expect(messages[0]!.content).toEqual(['[{"type":"text","text":"hi"}]']);
    expect(messages[1]!.role).toBe('7');
  });

  it('A19 with JSON inside content left as the text it is', () => {
    const nested = JSON.stringify({answer: JSON.stringify({deep: '{"er": 1}'})});
    const {messages} = input({
      'llm.input_messages.0.message.role': 'tool',
      'llm.input_messages.0.message.content': nested,
    });
    expect(messages[0]!.content).toEqual([nested]);
  });

  it('not from keys that only look like theirs', () => {
    const {messages, notes} = input({
      'llm.input_messages': '[]',
      'llm.input_messages.x.message.role': 'user',
      'llm.input_messages.0.role': 'user',
      'xllm.input_messages.0.message.role': 'user',
      'llm.input_messages.-1.message.role': 'user',
    });
    expect(messages).toEqual([]);
    expect(notes).toEqual([]);
  });
});

describe('what is not recorded is said', () => {
  it('the first messages, evicted by the attribute limit', () => {
    expect(input(plain(92, 93, 94)).notes).toEqual([`92 earlier messages ${LIMIT_NOTE}`]);
    expect(input(plain(1, 2)).notes).toEqual([`1 earlier message ${LIMIT_NOTE}`]);
  });

  it('input.value, which goes first and may take messages with it', () => {
    expect(input(plain(0, 1)).notes).toEqual([
      'input.value is not recorded, and the first messages may be missing: the span reached its attribute limit',
    ]);
    expect(input({'input.value': '', ...plain(0, 1)}).notes).toEqual([]);
  });

  it('messages in between, of roles that the instrumentor leaves out', () => {
    expect(input({'input.value': '{}', ...plain(0, 2)}).notes).toEqual([
      '1 message in between not recorded (the instrumentor omits their role)',
    ]);
    expect(input({'input.value': '{}', ...plain(0, 3, 5)}).notes).toEqual([
      '3 messages in between not recorded (the instrumentor omits their role)',
    ]);
  });

  it('both at once', () => {
    expect(input(plain(5, 7)).notes).toEqual([
      `5 earlier messages ${LIMIT_NOTE}`,
      '1 message in between not recorded (the instrumentor omits their role)',
    ]);
  });

  it('an index beyond all reason costs nothing', () => {
    const {messages, notes} = input({'llm.input_messages.999999999999.message.role': 'user', 'input.value': '{}'});
    expect(messages).toHaveLength(1);
    expect(notes).toEqual([`999999999999 earlier messages ${LIMIT_NOTE}`]);
  });

  it('nothing where there are no messages, and nothing of answers', () => {
    expect(input({'input.value': '{}'})).toEqual({messages: [], notes: []});
    expect(input({})).toEqual({messages: [], notes: []});
    const {attributes} = parseAttributes({'llm.output_messages.3.message.content': 'x'});
    expect(messagesOf(attributes, 'output').notes).toEqual([]);
  });
});
