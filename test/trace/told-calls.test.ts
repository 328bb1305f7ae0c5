import {describe, expect, it} from 'vitest';
import {detailsOf} from '../../src/trace/details.ts';
import {Judge} from '../../src/trace/judge.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {walk} from '../../src/trace/tree.ts';
import {agent, LONG_AFTER, llm, span, tool} from './rows.ts';

const CLOCK = {nowMicros: LONG_AFTER, patience: PATIENCE};
const run = span('A.run', 0, 100, {id: 'a', attributes: agent({'agent.name': 'A'})});

/** A model call that was sent these results and asks for these calls. */
function model(
  at: number,
  asks: readonly [id: string, name: string, asked?: string][],
  results: object[] = [],
): SpanRow {
  const asked = asks.flatMap(([id, name, text], i) => {
    const key = `llm.output_messages.0.message.tool_calls.${i}.tool_call`;
    return [
      [`${key}.id`, id],
      [`${key}.function.name`, name],
      [`${key}.function.arguments`, text ?? '{}'],
    ];
  });
  const messages = [{role: 'user', content: 'go'}, ...results.map(result => ({role: 'tool', ...result}))];
  return span('OpenAIChat.invoke', at, at + 5, {
    id: `m${at}`,
    parent: 'a',
    attributes: llm({'input.value': JSON.stringify({messages}), ...Object.fromEntries(asked)}),
  });
}

/** Name, state and reason of the calls below the run, in drawn order; those without a span in brackets. */
function told(rows: readonly SpanRow[]): {calls: unknown[]; unclear: string[]} {
  const spans = rows.map(row => toSpan(row));
  const first = buildTrace('trace', spans, null, CLOCK);
  const details = rows
    .filter(row => first.unclear.has(String(row.span_id)))
    .map(row => [String(row.span_id), detailsOf(toSpan(row, {whole: true}))] as const);
  const {tops} = buildTrace('trace', spans, null, CLOCK, new Map(details));
  const judge = new Judge(tops);
  return {
    calls: walk(tops).flatMap(node => {
      const name = node.told ? `(${node.told.name})` : node.span?.name;
      return node.parent === null ? [] : [[name, judge.node(node)!.state]];
    }),
    unclear: [...first.unclear],
  };
}

describe('a tool call that left no span', () => {
  const refusals: [string, object, string][] = [
    [
      'refused at the limit',
      {content: 'Tool call limit reached. Tool call look not executed.', tool_call_error: true},
      'error',
    ],
    [
      'of a tool that does not exist',
      {content: 'Error: The requested tool does not exist or is not available.'},
      'error',
    ],
    [
      'with arguments that are no JSON',
      {content: 'Error while decoding function arguments: x', tool_call_error: null},
      'error',
    ],
    ['failed, of an old instrumentor', {content: 'ValueError: no such id'}, 'error'],
    ['failed, in words of its own', {content: 'sorry', tool_call_error: true}, 'error'],
    ['went well, though it speaks of an Error', {content: 'Error: none found', tool_call_error: false}, 'ok'],
    ['went well', {content: 'found'}, 'ok'],
  ];
  it.each(refusals)('is told by the messages of the next model call: %s', (_, result, state) => {
    const rows = [run, model(10, [['c1', 'look']]), model(20, [], [{tool_call_id: 'c1', ...result}])];
    expect(told(rows).calls).toEqual([
      ['OpenAIChat.invoke', 'ok'],
      ['(look)', state],
      ['OpenAIChat.invoke', 'ok'],
    ]);
  });

  it('stands beside others of its turn that have one, and nothing is read where all have', () => {
    const ran = (at: number, name: string) =>
      span(name, at, at + 1, {parent: 'a', attributes: tool({'tool.name': name, 'tool.parameters': '{}'})});
    const mixed = [
      run,
      model(10, [
        ['c1', 'look'],
        ['c2', 'ghost'],
        ['c3', 'look'],
      ]),
      ran(16, 'look'),
      ran(17, 'look'),
      model(20, [], [{tool_call_id: 'c2', content: 'Error: The requested tool does not exist or is not available.'}]),
    ];
    expect(told(mixed).calls.slice(1, 4)).toEqual([
      ['(ghost)', 'error'],
      ['look', 'ok'],
      ['look', 'ok'],
    ]);
    const whole = [run, model(10, [['c1', 'look']]), ran(16, 'look'), model(20, [])];
    expect(told(whole).unclear).toEqual([]);
  });

  it('is not one whose span has another name, nor one that nothing answered', () => {
    const renamed = span('mcp_look', 16, 17, {parent: 'a', attributes: tool({'tool.name': 'mcp_look'})});
    const rows = [run, model(10, [['c1', 'look']]), renamed, model(20, [['c2', 'look']])];
    expect(told(rows)).toMatchObject({
      calls: [
        ['OpenAIChat.invoke', 'ok'],
        ['mcp_look', 'ok'],
        ['OpenAIChat.invoke', 'ok'],
      ],
      unclear: [],
    });
  });

  it('is found behind a model call of something else in between', () => {
    const rows = [
      run,
      model(10, [['c1', 'look']]),
      model(20, []),
      model(30, [], [{tool_call_id: 'c1', content: 'ValueError: x'}]),
    ];
    expect(told(rows).calls.map(call => (call as string[])[0])).toEqual([
      'OpenAIChat.invoke',
      '(look)',
      'OpenAIChat.invoke',
      'OpenAIChat.invoke',
    ]);
  });
});
