import {describe, expect, it} from 'vitest';
import type {Attributes} from '../../src/trace/attributes.ts';
import {exchangeOf, Thread} from '../../src/trace/exchange.ts';

const call = (messages: object[], answer: object, more: Attributes = {}): Attributes => ({
  'input.value': JSON.stringify({messages}),
  'output.value': JSON.stringify([answer]),
  ...more,
});
const texts = (said: readonly {role: string; text: string}[]) => said.map(({role, text}) => `${role}: ${text}`);

describe('what a model call was sent and answered', () => {
  it('is read from both shapes of the output, and from words', () => {
    const shapes = ['[{"role":"assistant","content":"yes"}]', '{"messages":[{"role":"assistant","content":"yes"}]}'];
    for (const output of shapes)
      expect(texts(exchangeOf({'output.value': output}).answered)).toEqual(['assistant: yes']);
    expect(texts(exchangeOf({'output.value': 'yes'}).answered)).toEqual(['output: yes']);
    expect(texts(exchangeOf({'output.value': '{"title": "yes"}'}).answered)).toEqual(['output: {"title": "yes"}']);
  });

  it('has roles that the flattened keys leave out, and what came from history', () => {
    const attributes = call(
      [
        {role: 'developer', content: 'be brief', from_history: true},
        {role: 'user', content: 'hi'},
      ],
      {
        role: 'assistant',
        content: 'yes',
      },
    );
    const {sent, lost} = exchangeOf({
      ...attributes,
      'llm.input_messages.1.message.role': 'user',
      'llm.input_messages.1.message.content': 'hi',
    });
    expect(sent.map(({role, fromHistory}) => [role, fromHistory])).toEqual([
      ['developer', true],
      ['user', false],
    ]);
    expect(lost).toBe(0);
  });

  it('is read from the flattened keys where the input is gone or cut off, and says what is lost', () => {
    const flat: Attributes = {
      'llm.input_messages.3.message.role': 'user',
      'llm.input_messages.3.message.content': 'late',
    };
    for (const attributes of [flat, {...flat, 'input.value': '{"messages": [{"role": "user", "content": "la'}]) {
      const {sent, lost, notes} = exchangeOf(attributes);
      expect(texts(sent)).toEqual(['user: late']);
      expect(lost).toBe(3);
      expect(notes[0]).toMatch(/^3 earlier messages not recorded/);
    }
  });

  it('keeps reasoning apart from the answer', () => {
    const answer: Attributes = {
      'llm.output_messages.0.message.role': 'assistant',
      'llm.output_messages.0.message.contents.0.message_content.type': 'reasoning',
      'llm.output_messages.0.message.contents.0.message_content.text': 'let me see',
      'llm.output_messages.0.message.contents.1.message_content.type': 'text',
      'llm.output_messages.0.message.contents.1.message_content.text': 'yes',
    };
    expect(exchangeOf(answer).answered[0]).toMatchObject({text: 'yes', reasoning: 'let me see'});
    const {sent} = exchangeOf(
      call([{role: 'assistant', content: '<thinking>\nlet me see\n</thinking>', reasoning_content: 'let me see'}], {
        role: 'assistant',
        content: 'x',
      }),
    );
    expect(sent[0]).toMatchObject({text: '', reasoning: 'let me see'});
  });

  it('reads parts, media and calls of whatever form, and never fails', () => {
    const {sent} = exchangeOf(
      call(
        [
          {
            role: 'user',
            content: [{type: 'text', text: 'look'}, {type: 'x', y: 1}, 'and say'],
            images: [{url: 'http://a/b.png'}, 'AAAA'],
            audio: {base64: 'AAAA'},
          },
          {
            role: 'assistant',
            content: null,
            tool_calls: [{id: 7, function: {name: 'f', arguments: {a: 1}}}, null, {name: 'g'}],
          },
          {role: 'tool', content: {a: 1}, tool_call_id: 7},
        ],
        {role: 'assistant', content: 'x'},
      ),
    );
    expect(sent[0]!.text).toBe('look\n{"type":"x","y":1}\nand say');
    expect(sent[0]!.media.map(({type, bytes, url}) => [type, bytes, url])).toEqual([
      ['image', null, 'http://a/b.png'],
      ['image', 3, null],
      ['audio', 3, null],
    ]);
    expect(sent[1]!.toolCalls).toEqual([
      {callId: '7', name: 'f', arguments: '{"a":1}'},
      {callId: null, name: 'g', arguments: null},
    ]);
    expect(sent[2]).toMatchObject({text: '{"a":1}', toolCallId: '7'});
    for (const input of ['null', '[]', '[1]', '{"messages": 5}', '{"messages": [null]}', '[{"role": 5}]', 'NaN', ''])
      exchangeOf({'input.value': input, 'output.value': input});
  });
});

describe('a conversation', () => {
  const user = (content: string) => ({role: 'user', content});
  const assistant = (content: string) => ({role: 'assistant', content});

  it('has every message once, though each call is sent all that came before', () => {
    const thread = new Thread();
    const said: string[] = [];
    const history: object[] = [{role: 'system', content: 's'}];
    for (const [ask, answer] of [
      ['a', 'b'],
      ['yes', 'ok'],
      ['yes', 'ok'],
    ] as const) {
      history.push(user(ask));
      const exchange = exchangeOf(call(history, assistant(answer)));
      said.push(...texts(thread.take(exchange).added), ...texts(exchange.answered));
      history.push(assistant(`${answer} `));
    }
    // The same words said twice are two messages.
    expect(said).toEqual([
      'system: s',
      'user: a',
      'assistant: b',
      'user: yes',
      'assistant: ok',
      'user: yes',
      'assistant: ok',
    ]);
  });

  it('adds nothing when a call that failed is made again', () => {
    const thread = new Thread();
    const attempt = exchangeOf({'input.value': JSON.stringify({messages: [user('go')]})});
    expect(texts(thread.take(attempt).added)).toEqual(['user: go']);
    expect(thread.take(attempt).added).toEqual([]);
  });

  it('misses messages only where nobody has seen them', () => {
    const flat = (from: number, to: number): Attributes =>
      Object.fromEntries(
        Array.from({length: to - from}, (_, i) => from + i).flatMap(i => [
          [`llm.input_messages.${i}.message.role`, 'user'],
          [`llm.input_messages.${i}.message.content`, `m${i}`],
        ]),
      );
    const thread = new Thread();
    expect(thread.take(exchangeOf({...flat(0, 4), 'input.value': '…'})).isLost).toBe(true);
    const whole = new Thread();
    whole.take(exchangeOf(call([user('m0'), user('m1'), user('m2')], assistant('x'))));
    expect(whole.take(exchangeOf(flat(2, 6))).isLost).toBe(false);
    expect(new Thread().take(exchangeOf(flat(2, 6))).isLost).toBe(true);
  });
});
