import {expect, it} from 'vitest';
import {modelCalls, sumTokens} from '../../src/trace/tokens.ts';
import {agent, llm, span, traceOf} from './rows.ts';

const counted = (prompt: number, completion: number) =>
  llm({
    'llm.token_count.prompt': prompt,
    'llm.token_count.completion': completion,
    'llm.token_count.total': prompt + completion,
  });
const totalOf = (outer: object, inner: object) => {
  const {tops} = traceOf([
    span('A.run', 0, 100, {id: 'a', attributes: agent({'agent.name': 'A'})}),
    span('Proxy.invoke', 10, 50, {id: 'outer', parent: 'a', attributes: outer}),
    span('OpenAIChat.invoke', 11, 49, {parent: 'outer', attributes: inner}),
  ]);
  return sumTokens(modelCalls(tops)).totalTokens;
};

it('a call that another one makes inside itself is counted once, by whichever has the numbers', () => {
  expect(totalOf(counted(7, 3), counted(7, 3))).toBe(10);
  expect(totalOf(counted(7, 3), llm({}))).toBe(10);
  expect(totalOf(llm({}), counted(7, 3))).toBe(10);
  expect(totalOf(llm({}), llm({}))).toBeNull();
});
