import {describe, expect, it} from 'vitest';
import {Judge} from '../../src/trace/judge.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {criticalPath, criticalShares, gapsOf, selfMs} from '../../src/trace/timing.ts';
import {modelCalls} from '../../src/trace/tokens.ts';
import {agent, llm, span, tool, traceOf} from './rows.ts';

const run = span('A.run', 0, 100, {id: 'a', attributes: agent({'agent.name': 'A'})});
const call = span('Claude.invoke', 0, 100, {id: 'm', parent: 'a', attributes: llm({'llm.token_count.prompt': 5})});
const request = (id: string, from: number, to: number, parent: string, status: number) =>
  span('POST', from, to, {
    id,
    parent,
    kind: 'CLIENT',
    status: status < 400 ? 'UNSET' : 'ERROR',
    attributes: {'http.request.method': 'POST', 'http.response.status_code': status},
  });

describe('what client libraries write below a call', () => {
  const second = span('ChatCompletion', 10, 90, {
    id: 'second',
    parent: 'm',
    attributes: llm({'llm.token_count.prompt': 5}),
  });
  const sdk = span('anthropic.messages.create', 10, 90, {id: 'sdk', parent: 'm', kind: 'CLIENT', attributes: {}});
  const mcp = span('MCP send tools/call', 2, 9, {id: 'mcp', parent: 't', kind: 'CLIENT'});
  const look = span('look', 1, 10, {id: 't', parent: 'a', attributes: tool({'tool.name': 'look'})});

  it('is one call with it: no time, no failure, no model call of its own', () => {
    const {tops, runs, nodes} = traceOf([
      run,
      call,
      sdk,
      request('429', 20, 40, 'sdk', 429),
      request('200', 50, 80, 'sdk', 200),
    ]);
    const judge = new Judge(tops);
    expect(judge.run(runs[0]!, NO_EVIDENCE, {nowMicros: 0, patience: {stalledAfterMs: 1, lostAfterMs: 1}}).state).toBe(
      'ok',
    );
    expect(criticalShares(criticalPath(runs[0]!)).map(({what}) => what)).toEqual(['model', 'agent']);
    expect(selfMs(nodes.get('m')!)).toBe(100);
    expect(gapsOf(runs[0]!, 1)).toEqual([]);
    expect(['sdk', '429', '200'].map(id => nodes.get(id)!.isPlumbing)).toEqual([true, true, true]);
  });

  it('names the status code where the failed call has no message', () => {
    const failed = span('Claude.invoke', 0, 100, {
      id: 'm',
      parent: 'a',
      status: 'ERROR',
      attributes: {'openinference.span.kind': 'LLM'},
    });
    const {tops, nodes} = traceOf([run, failed, request('529', 20, 40, 'm', 529)]);
    expect(new Judge(tops).node(nodes.get('m')!)).toMatchObject({
      state: 'error',
      reason: 'the model call returned no answer (HTTP 529)',
    });
  });

  it('also of a second instrumentor and below tools, but not what holds a run or is a model call of the tool itself', () => {
    const rows = [
      run,
      call,
      second,
      look,
      mcp,
      span('chat gpt', 3, 4, {id: 'chat', parent: 't', kind: 'CLIENT', attributes: {'gen_ai.operation.name': 'chat'}}),
      span('POST', 5, 8, {id: 'remote', parent: 't', kind: 'CLIENT', attributes: {'http.request.method': 'POST'}}),
      span('B.run', 6, 7, {id: 'b', parent: 'remote', attributes: agent({'agent.name': 'B'})}),
    ];
    const {tops, nodes} = traceOf(rows);
    const marked = rows.map(({span_id}) => String(span_id)).filter(id => nodes.get(id)!.isPlumbing);
    expect(marked).toEqual(['second', 'mcp']);
    expect(modelCalls(tops).map(({spanId}) => spanId)).toEqual(['m', 'chat']);
    expect(nodes.get('chat')!.span!.kind).toBe('llm');
  });
});
