import {describe, expect, it} from 'vitest';
import {toSpan} from '../../src/trace/span.ts';
import {buildForest} from '../../src/trace/tree.ts';
import {agent, llm, outline, span, tool, traceOf} from './rows.ts';

const forest = (rows: ReturnType<typeof span>[]) =>
  buildForest(
    'trace',
    rows.map(row => toSpan(row)),
  );

describe('a tree', () => {
  it('is drawn by start, then by id, whatever the order of the rows', () => {
    const rows = [
      span('root', 0, 10, {id: 'r'}),
      span('late', 5, 6, {parent: 'r'}),
      span('b', 1, 2, {parent: 'r', id: 'b'}),
      span('a', 1, 2, {parent: 'r', id: 'a'}),
    ];
    const expected = ['root', '  a', '  b', '  late'];
    expect(outline(forest(rows).tops)).toEqual(expected);
    expect(outline(forest([...rows].reverse()).tops)).toEqual(expected);
  });

  it('shows one ghost for a missing parent, however many name it', () => {
    const rows = [span('one', 1, 2, {parent: 'x'}), span('two', 3, 4, {parent: 'x'})];
    expect(outline(forest(rows).tops)).toEqual(['ghost', '  one', '  two']);
  });

  it('puts the real span in the place of its ghost when it lands', () => {
    const child = span('child', 1, 2, {parent: 'x'});
    expect(outline(forest([child]).tops)).toEqual(['ghost', '  child']);
    expect(outline(forest([child, span('parent', 0, 3, {id: 'x'})]).tops)).toEqual(['parent', '  child']);
  });

  it('cuts a circle of parents at its earliest span and keeps every row', () => {
    const rows = [
      span('second', 2, 3, {id: 'b', parent: 'a'}),
      span('first', 1, 2, {id: 'a', parent: 'c'}),
      span('third', 3, 4, {id: 'c', parent: 'b'}),
      span('self', 5, 6, {id: 's', parent: 's'}),
    ];
    expect(outline(forest(rows).tops)).toEqual(['first', '  second', '    third', 'self']);
  });

  it('keeps the last of two rows with one id', () => {
    expect(outline(forest([span('old', 0, 1, {id: 'a'}), span('new', 0, 1, {id: 'a'})]).tops)).toEqual(['new']);
  });
});

describe('the runs of a trace', () => {
  const summary = (rows: ReturnType<typeof span>[]) =>
    traceOf(rows).runs.map(run =>
      [run.name ?? '?', run.isMissing && 'missing', run.isPart && 'part', run.isDetached && 'detached']
        .filter(Boolean)
        .join(' '),
    );

  it('are the outermost run spans; members and sub-agents are part of them', () => {
    const rows = [
      span('Outer.run', 0, 100, {id: 'o', attributes: agent({'agent.name': 'Outer'})}),
      span('tool', 1, 50, {id: 't', parent: 'o', attributes: tool()}),
      span('Inner.run', 2, 40, {parent: 't', attributes: agent({'agent.name': 'Inner'})}),
    ];
    expect(summary(rows)).toEqual(['Outer']);
  });

  it('stand on their own when they began after the run above had ended', () => {
    const rows = [
      span('First.run', 0, 10, {id: 'f', attributes: agent({'agent.name': 'First'})}),
      span('Second.run', 20, 30, {id: 's', parent: 'f', attributes: agent({'agent.name': 'Second'})}),
      span('Third.run', 40, 50, {parent: 's', attributes: agent({'agent.name': 'Third'})}),
    ];
    expect(summary(rows)).toEqual(['First', 'Second detached', 'Third detached']);
  });

  it('are found under spans of other libraries and under chains that users draw around them', () => {
    const rows = [
      span('POST /x', 0, 100, {id: 'h', kind: 'SERVER', status: 'UNSET'}),
      span('my pipeline', 1, 99, {id: 'c', parent: 'h', attributes: {'openinference.span.kind': 'CHAIN'}}),
      span('A.run', 2, 50, {parent: 'c', attributes: agent({'agent.name': 'A'})}),
      span('B.run', 51, 98, {parent: 'c', attributes: agent({'agent.name': 'B'})}),
    ];
    expect(summary(rows)).toEqual(['A', 'B']);
  });

  it('are not the model call of a memory manager, nor a resumed step with an agent inside: those are loose parts', () => {
    expect(summary([span('OpenAIChat.invoke', 0, 5, {attributes: llm()})])).toEqual(['gpt part']);
    const step = span('send.execute', 0, 9, {
      id: 's',
      attributes: {'openinference.span.kind': 'CHAIN', 'graph.node.id': 'n', 'graph.node.name': 'send'},
    });
    expect(summary([step, span('A.run', 1, 8, {parent: 's', attributes: agent()})])).toEqual(['send part']);
  });

  it('that are unfinished are one, named by the ghost of their earliest part, with the session of the runs inside', () => {
    const rows = [
      span('OpenAIChat.invoke', 0, 5, {parent: 'team', attributes: llm()}),
      span('OpenAIChat.invoke', 6, 9, {parent: 'member', attributes: llm()}),
      span('Done.run', 10, 20, {
        parent: 'team',
        attributes: agent({'session.id': 's-1', 'user.id': 'u-1', 'graph.node.parent_id': 'n'}),
      }),
    ];
    const [run, ...others] = traceOf(rows).runs;
    expect(others).toEqual([]);
    expect(run).toMatchObject({isMissing: true, sessionId: 's-1', userId: 'u-1', runId: null, kind: null});
    expect(run!.root.id).toBe('team');
    expect(run!.tops.map(top => top.id)).toEqual(['team', 'member']);
  });

  it('end with their run span, while the request around them is still open', () => {
    const rows = [
      span('fastapi.dependencies', 0, 1, {parent: 'request', status: 'UNSET'}),
      span('fastapi.endpoint', 1, 2, {parent: 'request', status: 'UNSET'}),
      span('A.arun', 3, 50, {parent: 'request', attributes: agent({'agent.name': 'A'})}),
    ];
    const [run] = traceOf(rows, Date.parse('2026-11-22T12:00:01Z') * 1000).runs;
    expect(run).toMatchObject({isMissing: false, surroundings: 'request-open', name: 'A'});
  });
});
