import {describe, expect, it} from 'vitest';
import {type CallKeys, loopsOf} from '../../src/trace/loops.ts';
import type {SpanRow} from '../../src/trace/span.ts';
import type {Node} from '../../src/trace/tree.ts';
import {agent, llm, span, tool, traceOf} from './rows.ts';

/** One call of a run, in words: `search(x)=found`; a failed one ends with `!`. `?` is a model call. */
function runOf(...words: readonly string[]): SpanRow[] {
  let at = 0;
  const inside = words.map(word => {
    at += 10;
    const from = at;
    if (word === '?') return span('Chat.invoke', from, from + 5, {parent: 'run', attributes: llm()});
    const [, name, argument, result, failed] = /^(\w+)\((.*?)\)=(.*?)(!?)$/.exec(word)!;
    return span(name!, from, from + 4, {
      parent: 'run',
      id: `${name}-${from}`,
      status: failed ? 'ERROR' : 'OK',
      attributes: tool({'tool.name': name, 'tool.parameters': `{"q": "${argument}"}`, 'output.value': result}),
    });
  });
  return [span('A.run', 0, at + 10, {id: 'run', attributes: agent()}), ...inside];
}

function keysOf({span: of}: Node): CallKeys {
  return {
    asked: of!.toolArguments === null ? null : `${of!.toolName} ${of!.toolArguments}`,
    result: of!.spanStatus === 'ERROR' ? null : of!.output,
  };
}

function loopsIn(rows: SpanRow[]) {
  const [run] = traceOf(rows).runs;
  return loopsOf(run!, keysOf).map(({first, tools, calls, repeats, asks, wastedMs}) => ({
    first: first.id,
    tools: tools.join(' '),
    calls,
    repeats: repeats.length,
    asks: asks.length,
    wastedMs,
  }));
}

describe('a loop', () => {
  it('is the same tool asked the same and answered the same, with the model calls that asked for nothing else', () => {
    expect(loopsIn(runOf('?', 'search(a)=x', '?', 'search(a)=x', '?', 'search(a)=x', '?'))).toEqual([
      {first: 'search-20', tools: 'search', calls: 3, repeats: 2, asks: 2, wastedMs: 2 * 4 + 2 * 5},
    ]);
  });

  it('goes on whatever is called between, and a model call that asked for something new too is not wasted', () => {
    const words = ['?', 'search(a)=x', '?', 'read(1)=r1', 'search(a)=x', '?', 'read(2)=r2', 'search(a)=x'];
    expect(loopsIn(runOf(...words))).toEqual([
      {first: 'search-20', tools: 'search', calls: 3, repeats: 2, asks: 0, wastedMs: 8},
    ]);
  });

  it('is no retry after an error, and no call whose result changed', () => {
    expect(loopsIn(runOf('?', 'a(1)=no!', '?', 'a(1)=no!', '?', 'a(1)=no!', '?', 'a(1)=yes'))).toEqual([]);
    expect(loopsIn(runOf('?', 'a(1)=yes', '?', 'a(1)=no!', '?', 'a(1)=yes'))).toEqual([]);
    expect(loopsIn(runOf('?', 'poll(1)=1%', '?', 'poll(1)=2%', '?', 'poll(1)=3%'))).toEqual([]);
    expect(loopsIn(runOf('?', 'poll(1)=1%', '?', 'poll(1)=1%', '?', 'poll(1)=2%', '?', 'poll(1)=1%'))).toMatchObject([
      {first: 'poll-20', calls: 2},
    ]);
  });

  it('is also a tool that was asked the same five times and more, whatever it answered', () => {
    const polls = ['1%', '2%', '3%', '4%', '5%'].flatMap(result => ['?', `poll(1)=${result}`]);
    const of = (...words: string[]) => loopsOf(traceOf(runOf(...words)).runs[0]!, keysOf).map(loop => loop.results);
    expect(loopsIn(runOf(...polls))).toEqual([
      {first: 'poll-20', tools: 'poll', calls: 5, repeats: 4, asks: 4, wastedMs: 4 * 4 + 4 * 5},
    ]);
    expect(of(...polls)).toEqual(['differ']);
    expect(loopsIn(runOf(...polls.slice(2)))).toEqual([]);
    // Equal ones among them are a loop of their own, as ever; failed ones are retried.
    expect(of('?', 'poll(1)=5%', ...polls)).toEqual(['differ']);
    expect(of(...polls, '?', 'poll(1)=5%')).toEqual(['same']);
    expect(of(...polls.slice(2), '?', 'poll(1)=6%!')).toEqual([]);
  });

  it('is not made of other arguments, or of what is not known', () => {
    expect(loopsIn(runOf('?', 'a(1)=x', '?', 'a(2)=x', '?', 'a(3)=x'))).toEqual([]);
    const hidden = runOf('?', 'a(1)=x', '?', 'a(1)=x').map(row => {
      const {'tool.parameters': _, ...rest} = JSON.parse(String(row.attributes));
      return {...row, attributes: JSON.stringify(rest)};
    });
    expect(loopsIn(hidden)).toEqual([]);
  });

  it('may be a cycle of several tools, asked one after the other or at once', () => {
    expect(loopsIn(runOf('?', 'a(1)=x', '?', 'b(1)=y', '?', 'a(1)=x', '?', 'b(1)=y'))).toEqual([
      {first: 'a-20', tools: 'a b', calls: 4, repeats: 2, asks: 2, wastedMs: 18},
    ]);
    expect(loopsIn(runOf('?', 'a(1)=x', 'b(1)=y', '?', 'b(1)=y', 'a(1)=x', '?', 'a(1)=x', 'b(1)=y'))).toMatchObject([
      {tools: 'a b', calls: 6, repeats: 4, asks: 2},
    ]);
    expect(
      loopsIn(
        runOf('?', 'a(1)=x', '?', 'b(1)=y', '?', 'c(1)=z', '?', 'a(1)=x', '?', 'b(1)=y', '?', 'c(1)=z', '?', 'd(1)=w'),
      ),
    ).toMatchObject([{tools: 'a b c', calls: 6, repeats: 3}]);
    expect(loopsIn(runOf('?', 'a(1)=x', '?', 'b(1)=y', '?', 'a(1)=x', '?', 'b(1)=changed'))).toMatchObject([
      {tools: 'a', calls: 2},
    ]);
  });

  it('of two tools in the same turns counts the model call once', () => {
    const both = loopsIn(
      runOf('?', 'a(1)=x', 'b(1)=y', '?', 'c(1)=z', '?', 'a(1)=x', 'b(1)=y', '?', 'd(1)=w', '?', 'a(1)=x', 'b(1)=y'),
    );
    expect(both.map(({tools, calls}) => `${tools} ${calls}`)).toEqual(['a 3', 'b 3']);
    expect(both.reduce((sum, {asks}) => sum + asks, 0)).toBe(2);
  });

  it('stays within one run: members asked the same are no loop of the one who asked', () => {
    const member = (id: string, from: number) => [
      span('M.run', from, from + 8, {id, parent: 'run', attributes: agent({'graph.node.parent_id': 'node'})}),
      span('a', from + 1, from + 3, {
        parent: id,
        attributes: tool({'tool.name': 'a', 'tool.parameters': '{}', 'output.value': 'x'}),
      }),
    ];
    expect(
      loopsIn([span('T.run', 0, 90, {id: 'run', attributes: agent()}), ...member('m1', 10), ...member('m2', 30)]),
    ).toEqual([]);
  });

  it('is found in a run that has no run span yet', () => {
    const [, ...unfinished] = runOf('?', 'a(1)=x', '?', 'a(1)=x', '?', 'a(1)=x');
    expect(loopsIn(unfinished)).toMatchObject([{tools: 'a', calls: 3, asks: 2}]);
  });

  it('of 20,000 calls is found in a moment', () => {
    expect(loopsIn(runOf(...Array(20_000).fill('a(1)=x')))).toMatchObject([{calls: 20_000}]);
  });
});
