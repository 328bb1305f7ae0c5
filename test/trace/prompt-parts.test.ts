import {describe, expect, it} from 'vitest';
import {type PromptPart, Prompts} from '../../src/trace/prompt-parts.ts';
import {toSpan} from '../../src/trace/span.ts';
import {llm, span} from './rows.ts';

type Message = Readonly<Record<string, unknown>>;
const said = (role: string, content: string, more: object = {}): Message => ({role, content, ...more});
const asks = (id: string, name: string, asked: string) =>
  said('assistant', '', {tool_calls: [{id, function: {name, arguments: asked}}]});
const brings = (id: string, content: string) => said('tool', content, {tool_call_id: id});

/** A model call that was sent these messages and tool definitions, read whole. */
function call(tokens: number | null, messages: readonly Message[], tools: readonly string[] = []) {
  const attributes = {
    'input.value': JSON.stringify({messages}),
    ...Object.fromEntries(tools.map((schema, i) => [`llm.tools.${i}.tool.json_schema`, schema])),
    ...(tokens === null ? {} : {'llm.token_count.prompt': tokens, 'llm.token_count.completion': 1}),
  };
  return toSpan(span('Chat.invoke', 0, 10, {attributes: llm(attributes)}), {whole: true});
}

/** Characters by part; those that are none are left out. */
const sizes = ({parts}: {parts: readonly {part: PromptPart; chars: number}[]}) =>
  Object.fromEntries(parts.flatMap(({part, chars}) => (chars === 0 ? [] : [[part, chars]])));

describe('a prompt', () => {
  it('is measured in proportion to its length, whatever is in it', () => {
    const text = '<references>'.repeat(200_000);
    const prompt = new Prompts().take(call(1, [said('user', `a<references>d</references>b${text}`)]), 'a');
    expect(sizes(prompt)).toEqual({documents: 26, input: 2 + text.length});
  });

  it('gives no tokens to anything if some texts were hidden before they were stored', () => {
    const prompt = new Prompts().take(call(100, [said('system', '__REDACTED__'), said('user', 'abc')], ['{}']), 'a');
    expect(prompt).toMatchObject({promptTokens: 100, chars: 5, isHidden: true});
    expect(prompt.parts.filter(({estimatedTokens}) => estimatedTokens !== null)).toEqual([]);
    const hidden = {
      'input.value': '__REDACTED__',
      'llm.input_messages.0.message.role': 'user',
      'llm.input_messages.0.message.content': '__REDACTED__',
    };
    const input = toSpan(span('Chat.invoke', 0, 10, {attributes: llm(hidden)}), {whole: true});
    expect(new Prompts().take(input, 'a')).toMatchObject({chars: 0, isHidden: true, isCut: false});
    const later = Object.fromEntries(Object.entries(hidden).map(([key, value]) => [key.replace('.0.', '.2.'), value]));
    const cut = toSpan(span('Chat.invoke', 0, 10, {attributes: llm(later)}), {whole: true});
    expect(new Prompts().take(cut, 'a')).toMatchObject({isHidden: true, isCut: true});
  });

  it('is told apart by what its messages are', () => {
    const prompt = new Prompts().take(
      call(
        100,
        [
          said('system', 'S'.repeat(10)),
          said('user', 'h'.repeat(20), {from_history: true}),
          said('assistant', 'h'.repeat(30)),
          said('user', `${'q'.repeat(7)}<references>dd</references>`),
          asks('1', 'search_knowledge_base', '{}'),
          brings('1', 'k'.repeat(11)),
          asks('2', 'look', '{"a":1}'),
          brings('2', 'ü'.repeat(5)),
        ],
        ['{"x":1}', '{}'],
      ),
      'a',
    );
    const asked = 'search_knowledge_base{}'.length + 'look{"a":1}'.length;
    expect(sizes(prompt)).toEqual({
      system: 10,
      tools: 9,
      documents: '<references>dd</references>'.length + 11,
      history: 20 + 30 + asked,
      input: 7,
      results: 5,
    });
    expect(prompt.parts.reduce((sum, {share}) => sum + share, 0)).toBeCloseTo(1, 12);
    // Whole tokens, and no more nor less than were reported.
    expect(prompt.parts.reduce((sum, {estimatedTokens}) => sum + estimatedTokens!, 0)).toBe(100);
    expect(prompt).toMatchObject({promptTokens: 100, growthTokens: null, removedMessages: 0, isCut: false, media: 0});
    expect(prompt.addedResults).toMatchObject([
      {tool: 'search_knowledge_base', chars: 11},
      {tool: 'look', chars: 5},
    ]);
  });

  it('is told beside the one before it of the same component', () => {
    const prompts = new Prompts();
    const first = [said('system', 'be brief'), said('user', 'why?')];
    prompts.take(call(10, first), 'a');
    prompts.take(call(99, [said('user', 'of somebody else')]), 'b');
    const second = prompts.take(call(40, [...first, asks('1', 'look', '{}'), brings('1', 'found it')]), 'a');
    expect(second).toMatchObject({
      growthTokens: 30,
      addedResults: [{tool: 'look', chars: 8, estimatedTokens: 12}],
      removedMessages: 0,
    });
    // After compaction: what the tool brought and who asked for it are gone.
    const third = prompts.take(call(12, [...first, said('user', 'in short: found')]), 'a');
    expect(third).toMatchObject({growthTokens: -28, addedResults: [], removedMessages: 2, removedChars: 8 + 6});
    expect(sizes(third)).toEqual({system: 8, history: 4, input: 15});
  });

  it('has no tokens where none are reported, and says what it lost', () => {
    const prompts = new Prompts();
    const unreported = prompts.take(call(null, [said('user', 'x')]), 'a');
    expect(unreported.parts.every(({estimatedTokens}) => estimatedTokens === null)).toBe(true);
    expect(prompts.take(call(5, [said('user', '')]), 'a')).toMatchObject({chars: 0, growthTokens: null});
    const flat = toSpan(
      span('Chat.invoke', 0, 10, {
        attributes: llm({
          'llm.input_messages.7.message.role': 'user',
          'llm.input_messages.7.message.content': 'the last one',
        }),
      }),
      {whole: true},
    );
    expect(prompts.take(flat, 'b')).toMatchObject({isCut: true, chars: 12});
  });
});
