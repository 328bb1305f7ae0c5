import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {criticalPath, gapsOf, selfMs} from '../../src/trace/timing.ts';
import {modelCalls, SubtreeTokens, sumTokens} from '../../src/trace/tokens.ts';
import {walk} from '../../src/trace/tree.ts';
import {agent, llm, span, tool, traceOf} from './rows.ts';

describe('self time', () => {
  it('is what no child covers, children counted once where they overlap', () => {
    const trace = traceOf([
      span('A.run', 0, 100, {id: 'a', attributes: agent()}),
      span('one', 10, 40, {parent: 'a', attributes: tool()}),
      span('two', 30, 60, {parent: 'a', attributes: tool()}),
      span('late', 90, 150, {parent: 'a', attributes: tool()}),
    ]);
    expect(selfMs(trace.nodes.get('a')!)).toBe(40);
  });

  it('is never negative and never above the span itself, for any times', () => {
    const times = fc.tuple(fc.integer({min: -500, max: 500}), fc.integer({min: -500, max: 500}));
    fc.assert(
      fc.property(times, fc.array(times, {maxLength: 12}), ([from, to], children) => {
        const trace = traceOf([
          span('A.run', from, to, {id: 'a', attributes: agent()}),
          ...children.map(([start, end]) => span('x', start, end, {parent: 'a', attributes: tool()})),
        ]);
        for (const node of trace.nodes.values()) {
          const own = selfMs(node);
          // One that ends before it starts took nobody knows how long.
          if (node.span!.durationMs === null) expect(own).toBeNull();
          if (own === null) continue;
          expect(own).toBeGreaterThanOrEqual(0);
          expect(own).toBeLessThanOrEqual(node.span!.durationMs!);
        }
      }),
    );
  });
});

describe('the critical path', () => {
  const names = (trace: ReturnType<typeof traceOf>) =>
    [...criticalPath(trace.runs[0]!).keys()].map(node => node.span!.name);

  it('is the chain that decided the end: of parallel branches the longer one', () => {
    const trace = traceOf([
      span('W.run', 0, 100, {id: 'w', attributes: agent()}),
      span('short', 10, 50, {parent: 'w', attributes: tool()}),
      span('long', 10, 80, {parent: 'w', attributes: tool()}),
      span('after', 82, 99, {parent: 'w', attributes: llm()}),
    ]);
    expect(names(trace).sort()).toEqual(['W.run', 'after', 'long']);
  });

  it('adds up to the duration of the run, for any tree', () => {
    const child = fc.tuple(fc.integer({min: 0, max: 300}), fc.integer({min: 0, max: 300}));
    fc.assert(
      fc.property(fc.array(child, {maxLength: 15}), children => {
        const trace = traceOf([
          span('A.run', 0, 200, {id: 'a', attributes: agent()}),
          ...children.map(([start, length]) => span('x', start, start + length, {parent: 'a', attributes: tool()})),
        ]);
        const sum = [...criticalPath(trace.runs[0]!).values()].reduce((a, b) => a + b, 0);
        expect(sum).toBeCloseTo(200, 6);
      }),
    );
  });

  it('does not overflow on a chain of 10,000', () => {
    const rows = Array.from({length: 10_000}, (_, i) =>
      span('A.run', i, 30_000 - i, {id: `n${i}`, parent: i === 0 ? null : `n${i - 1}`, attributes: agent()}),
    );
    expect(criticalPath(traceOf(rows).runs[0]!).size).toBe(10_000);
  });
});

describe('gaps', () => {
  it('are the stretches in which nothing was going on, longest first', () => {
    const trace = traceOf([
      span('A.run', 0, 1000, {id: 'a', attributes: agent()}),
      span('first', 100, 200, {parent: 'a', attributes: llm({'llm.model_name': 'gpt'})}),
      span('second', 600, 990, {parent: 'a', attributes: tool({'tool.name': 'search'})}),
    ]);
    const gaps = gapsOf(trace.runs[0]!, 50);
    expect(gaps.map(({durationMs, after}) => [durationMs, after])).toEqual([
      [400, 'gpt'],
      [100, null],
    ]);
  });
});

describe('tokens', () => {
  const call = (prompt: number | null, completion: number | null, cost?: number) =>
    llm({
      ...(prompt === null ? {} : {'llm.token_count.prompt': prompt}),
      ...(completion === null ? {} : {'llm.token_count.completion': completion}),
      ...(cost === undefined ? {} : {'llm.cost.total': cost}),
    });

  it('of a call inside a call are counted once', () => {
    const trace = traceOf([
      span('A.run', 0, 100, {id: 'a', attributes: agent()}),
      span('MiniMax.invoke_stream', 1, 50, {id: 'l', parent: 'a', attributes: call(10, 5)}),
      span('OpenAILike.invoke_stream', 2, 49, {parent: 'l', attributes: call(10, 5)}),
    ]);
    expect(sumTokens(modelCalls(trace.runs[0]!.tops)).totalTokens).toBe(15);
    expect(new SubtreeTokens(trace.tops).of(trace.nodes.get('a')!).totalTokens).toBe(15);
  });

  it('are unknown, not zero, where no call reports them; a count that is left out beside another is zero', () => {
    const unknown = traceOf([
      span('A.run', 0, 9, {id: 'a', attributes: agent()}),
      span('m', 1, 2, {parent: 'a', attributes: call(null, null)}),
    ]);
    expect(sumTokens(modelCalls(unknown.tops))).toMatchObject({promptTokens: null, totalTokens: null, costUsd: null});
    const half = traceOf([
      span('A.run', 0, 9, {id: 'a', attributes: agent()}),
      span('m', 1, 2, {parent: 'a', attributes: call(7, null)}),
    ]);
    expect(sumTokens(modelCalls(half.tops))).toMatchObject({
      promptTokens: 7,
      completionTokens: 0,
      cachedTokens: 0,
      totalTokens: 7,
    });
  });

  it('have a cost only when every call that was counted has one', () => {
    const rows = (cost?: number) => [
      span('A.run', 0, 9, {id: 'a', attributes: agent()}),
      span('m', 1, 2, {parent: 'a', attributes: call(1, 1, 0.5)}),
      span('m', 3, 4, {parent: 'a', attributes: call(1, 1, cost)}),
    ];
    expect(sumTokens(modelCalls(traceOf(rows(0.25)).tops)).costUsd).toBe(0.75);
    expect(sumTokens(modelCalls(traceOf(rows()).tops)).costUsd).toBeNull();
  });

  it('of every subtree add up to those of the run', () => {
    const trace = traceOf([
      span('T.run', 0, 100, {id: 't', attributes: agent({'agno.team.id': 'x'})}),
      span('m', 1, 2, {parent: 't', attributes: call(1, 2)}),
      span('B.run', 3, 50, {id: 'b', parent: 't', attributes: agent()}),
      span('m', 4, 5, {parent: 'b', attributes: call(10, 20)}),
    ]);
    const sums = new SubtreeTokens(trace.tops);
    for (const node of walk(trace.tops))
      if (node.span?.openInferenceKind === 'AGENT') expect(sums.of(node).totalTokens).toBe(node.id === 't' ? 33 : 30);
  });
});
