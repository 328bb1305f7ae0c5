import {describe, expect, it} from 'vitest';
import {type Details, detailsOf} from '../../src/trace/details.ts';
import {placeWork} from '../../src/trace/placement.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {buildForest} from '../../src/trace/tree.ts';
import {agent, llm, outline, span, tool, traceOf} from './rows.ts';

/** As a reader does it: where the first look leaves something open, once more with the whole rows. */
function placed(rows: readonly SpanRow[]): string[] {
  const place = (details: ReadonlyMap<string, Details>) => {
    const forest = buildForest(
      'trace',
      rows.map(row => toSpan(row)),
    );
    return {forest, unclear: placeWork(forest, details)};
  };
  const {unclear} = place(new Map());
  const whole = rows.map(row => toSpan(row, {whole: true})).filter(({spanId}) => unclear.has(spanId));
  return outline(place(new Map(whole.map(row => [row.spanId, detailsOf(row)]))).forest.tops);
}

const step = (id: string, from: number, to: number, parent: string | null = null) =>
  span('step', from, to, {
    id,
    parent,
    attributes: {'openinference.span.kind': 'CHAIN', 'graph.node.id': `node-${id}`, 'graph.node.parent_id': 'node-w'},
  });
const run = (name: string, from: number, to: number, parent: string, more: object = {}, id = name) =>
  span(name, from, to, {parent, id, attributes: agent({'agno.agent.id': name, 'agent.name': name, ...more})});
const asks = (...calls: [name: string, asked: object, id?: string][]) =>
  Object.fromEntries(
    calls.flatMap(([name, asked, id], i) => {
      const key = `llm.output_messages.0.message.tool_calls.${i}.tool_call`;
      return [
        [`${key}.id`, id ?? `call-${name}-${i}`],
        [`${key}.function.name`, name],
        [`${key}.function.arguments`, JSON.stringify(asked)],
      ];
    }),
  );
const model = (name: string, from: number, to: number, parent: string, more: object = {}) =>
  span(name, from, to, {parent, attributes: llm(more)});
const called = (name: string, from: number, to: number, parent: string, asked: object = {}, id = name) =>
  span(name, from, to, {
    id,
    parent,
    attributes: tool({'tool.name': name, 'tool.parameters': JSON.stringify(asked)}),
  });

describe('delegation', () => {
  const call = (id: string, from: number, to: number, args: object | null) =>
    span('delegate_task_to_member', from, to, {
      id,
      parent: 't',
      attributes: tool({
        'tool.name': 'delegate_task_to_member',
        ...(args ? {'tool.parameters': JSON.stringify(args)} : {}),
      }),
    });
  const member = (name: string, from: number, to: number, id: string) =>
    span(name, from, to, {parent: 't', attributes: agent({'agno.agent.id': id, 'agent.name': name})});
  const team = span('Team.run', 0, 100, {id: 't', attributes: agent({'agno.team.id': 'team'})});

  it('draws a member under the call that named it, also of calls that ran at once', () => {
    const rows = [
      team,
      call('c1', 1, 50, {member_id: 'a'}),
      call('c2', 1, 50, {member_id: 'b'}),
      member('B', 2, 40, 'b'),
      member('A', 3, 45, 'a'),
    ];
    expect(placed(rows)).toEqual([
      'Team.run',
      '  delegate_task_to_member',
      '    A',
      '  delegate_task_to_member',
      '    B',
    ]);
  });

  it('draws every member of a broadcast under the one call', () => {
    const broadcast = span('delegate_task_to_members', 1, 50, {
      parent: 't',
      attributes: tool({'tool.name': 'delegate_task_to_members'}),
    });
    const rows = [team, broadcast, member('A', 2, 40, 'a'), member('B', 3, 45, 'b')];
    expect(placed(rows)).toEqual(['Team.run', '  delegate_task_to_members', '    A', '    B']);
  });

  it('finds a member by the id Agno derives from its name', () => {
    const rows = [team, call('c1', 1, 50, {member_id: 'data-analyst'}), member('Data Analyst', 2, 40, 'x1')];
    expect(placed(rows)).toEqual(['Team.run', '  delegate_task_to_member', '    Data Analyst']);
  });

  it('leaves a run alone that started after the call had ended', () => {
    const rows = [team, call('c1', 1, 50, {member_id: 'a'}), member('A', 60, 70, 'a')];
    expect(placed(rows)).toEqual(['Team.run', '  delegate_task_to_member', '  A']);
  });
});

describe('several delegations to one member at once', () => {
  const ask = (id: string, from: number, task: string) =>
    called('delegate_task_to_member', from, 60, 't', {member_id: 'm', task}, id);
  const team = span('Team.run', 0, 100, {id: 't', attributes: agent({'agno.team.id': 'team'})});
  const member = (from: number, task: string) => run('m', from, 50, 't', {'input.value': task}, `m-${from}`);

  it('go each to the run with its task, whatever their order', () => {
    const rows = [
      team,
      ask('a', 1, 'A'),
      ask('b', 2, 'B'),
      ask('c', 3, 'C'),
      member(4, 'C'),
      member(5, 'A'),
      member(6, 'B'),
    ];
    const forest = buildForest(
      'trace',
      rows.map(row => toSpan(row)),
    );
    const details = new Map(rows.map(row => [String(row.span_id), detailsOf(toSpan(row, {whole: true}))]));
    placeWork(forest, details);
    expect(['a', 'b', 'c'].map(id => forest.nodes.get(id)!.children.map(child => child.id))).toEqual([
      ['m-5'],
      ['m-6'],
      ['m-4'],
    ]);
  });

  it('go in order of start where their tasks are equal, one run each', () => {
    const rows = [team, ask('a', 1, 'A'), ask('b', 2, 'A'), member(4, 'A'), member(5, 'A')];
    expect(placed(rows)).toEqual([
      'Team.run',
      '  delegate_task_to_member',
      '    m',
      '  delegate_task_to_member',
      '    m',
    ]);
  });
});

describe('a streamed step', () => {
  it('gives the calls that are stored at it to its agent, also those of one that outlives it', () => {
    const rows = [
      step('s', 0, 40),
      run('A', 1, 50, 's'),
      model('ask', 2, 10, 's', asks(['add', {a: 1}])),
      called('add', 11, 12, 's', {a: 1}),
      model('answer', 13, 45, 's'),
    ];
    expect(placed(rows)).toEqual(['step', '  A', '    ask', '    add', '    answer']);
  });

  it('keeps what none of its runs was there for', () => {
    const rows = [step('s', 0, 90), model('own', 1, 2, 's'), run('A', 5, 50, 's'), model('later', 60, 70, 's')];
    expect(placed(rows)).toEqual(['step', '  own', '  A', '  later']);
  });

  it('with a team: members hang under their delegation, their calls under them, the rest under the team', () => {
    const rows = [
      step('s', 0, 100),
      span('Team', 1, 99, {id: 'T', parent: 's', attributes: agent({'agno.team.id': 'team'})}),
      model('lead', 2, 10, 's', asks(['delegate_task_to_member', {member_id: 'm', task: 'x'}])),
      called('delegate_task_to_member', 11, 60, 's', {member_id: 'm', task: 'x'}),
      run('m', 12, 59, 's', {'graph.node.parent_id': 'node-s'}),
      model('look', 13, 20, 's', asks(['search', {q: 1}])),
      called('search', 21, 22, 's', {q: 1}),
      model('found', 23, 58, 'm'),
      model('sum up', 61, 90, 's'),
    ];
    expect(placed(rows)).toEqual([
      'step',
      '  Team',
      '    lead',
      '    delegate_task_to_member',
      '      m',
      '        look',
      '        search',
      '        found',
      '    sum up',
    ]);
  });

  it('gives the next word to the team when a member ends late', () => {
    const rows = [
      step('s', 0, 100),
      span('Team', 1, 99, {id: 'T', parent: 's', attributes: agent({'agno.team.id': 'team'})}),
      model('lead', 2, 10, 's', asks(['delegate_task_to_member', {member_id: 'm', task: 'x'}])),
      called('delegate_task_to_member', 11, 60, 's', {member_id: 'm', task: 'x'}),
      run('m', 12, 70, 's'),
      model('said', 13, 58, 's'),
      model('sum up', 61, 90, 's'),
    ];
    expect(placed(rows).slice(-3)).toEqual(['      m', '        said', '    sum up']);
  });

  describe('with two members at work at once', () => {
    const around = [
      step('s', 0, 100),
      span('Team', 1, 99, {id: 'T', parent: 's', attributes: agent({'agno.team.id': 'team'})}),
      model('lead', 2, 5, 's', {
        'llm.model_name': 'big',
        ...asks(
          ['delegate_task_to_member', {member_id: 'a', task: 'find a'}],
          ['delegate_task_to_member', {member_id: 'b', task: 'find b'}],
        ),
      }),
      called('delegate_task_to_member', 6, 80, 's', {member_id: 'a', task: 'find a'}, 'to-a'),
      called('delegate_task_to_member', 7, 80, 's', {member_id: 'b', task: 'find b'}, 'to-b'),
      run('a', 8, 79, 's', {'input.value': 'find a'}),
      run('b', 9, 79, 's', {'input.value': 'find b'}),
    ];
    const said = (text: string, id?: string) => ({
      'input.value': JSON.stringify({
        messages: [{role: 'user', content: text}, ...(id ? [{role: 'tool', tool_call_id: id, content: 'found'}] : [])],
      }),
    });

    it('tells their calls apart by what they were sent and by what they asked for', () => {
      const rows = [
        ...around,
        model('b1', 10, 20, 's', {...said('find b'), ...asks(['search', {q: 'b'}, 'id-b'])}),
        model('a1', 11, 21, 's', {...said('find a'), ...asks(['search', {q: 'a'}, 'id-a'])}),
        called('search', 22, 30, 's', {q: 'a'}, 'search-a'),
        called('search', 23, 31, 's', {q: 'b'}, 'search-b'),
        model('b2', 32, 40, 's', said('find b', 'id-b')),
        model('a2', 33, 41, 's', said('find a', 'id-a')),
      ];
      expect(placed(rows).slice(3)).toEqual([
        '    delegate_task_to_member',
        '      a',
        '        a1',
        '        search',
        '        a2',
        '    delegate_task_to_member',
        '      b',
        '        b1',
        '        search',
        '        b2',
      ]);
    });

    it('leaves at the step what nothing tells of, and says so', () => {
      const rows = [...around, model('whose', 10, 20, 's'), called('other', 22, 30, 's', {}, 'other')];
      const {nodes} = traceOf(rows);
      const left = nodes.get('s')!.children.map(child => [child.span!.name, child.isOwnerUnknown]);
      expect(left).toEqual([
        ['Team', false],
        ['whose', true],
        ['other', true],
      ]);
    });
  });
});

describe('a step in which thousands of runs go on at once', () => {
  const COUNT = 4000;
  const each = <T>(make: (i: number) => T) => Array.from({length: COUNT}, (_, i) => make(i));

  it('gives each the tools that it alone asked for, and leaves the rest where it is', () => {
    const rows = [
      step('s', 0, 100_000),
      ...each(i => run(`r${i}`, 1, 99_999, 's')),
      ...each(i => model('ask', 2, 3, `r${i}`, asks(['search', {q: i}]))),
      ...each(i => called('search', 4 + i, 5 + i, 's', {q: i}, `search-${i}`)),
      ...each(i => model('whose', 50_000 + i, 50_001 + i, 's')),
    ];
    const {nodes} = traceOf(rows);
    for (const i of [0, 1, COUNT / 2, COUNT - 1])
      expect(nodes.get(`r${i}`)!.children.map(({span: said}) => said!.name)).toEqual(['ask', 'search']);
    const left = nodes.get('s')!.children.filter(({span: said}) => said!.name === 'whose');
    expect([left.length, left.every(node => node.isOwnerUnknown)]).toEqual([COUNT, true]);
  });

  it('gives the members of a team to the delegations that named them', () => {
    const rows = [
      step('s', 0, 100_000),
      span('Team', 1, 99_999, {id: 'T', parent: 's', attributes: agent({'agno.team.id': 'team'})}),
      ...each(i => called('delegate_task_to_member', 2, 90_000, 's', {member_id: 'm', task: `t${i}`}, `to-${i}`)),
      ...each(i => run('m', 3 + i, 80_000, 's', {'input.value': `t${i}`}, `m-${i}`)),
    ];
    const {nodes} = traceOf(rows);
    expect(nodes.get('to-0')!.children).toHaveLength(1);
    expect(nodes.get('s')!.children.filter(({span: said}) => said!.name === 'm')).toEqual([]);
  });
});

describe('what began after the span it is stored under had ended', () => {
  it('goes up to the team that was still at work, and its members with it', () => {
    const rows = [
      span('Top', 0, 100, {id: 'top', attributes: agent({'agno.team.id': 'top', 'graph.node.id': 'node-top'})}),
      called('delegate_task_to_member', 1, 30, 'top', {member_id: 'sub', task: 'a'}, 'd1'),
      run('sub', 2, 29, 'top', {'graph.node.id': 'node-sub', 'graph.node.parent_id': 'node-top'}),
      model('inner', 3, 28, 'sub'),
      model('lead', 31, 40, 'sub'),
      called('delegate_task_to_member', 41, 70, 'sub', {member_id: 'b', task: 'b'}, 'd2'),
      run('b', 42, 69, 'sub', {'graph.node.parent_id': 'node-top'}),
      model('said', 43, 68, 'b'),
      model('end', 71, 90, 'b'),
    ];
    expect(placed(rows)).toEqual([
      'Top',
      '  delegate_task_to_member',
      '    sub',
      '      inner',
      '  lead',
      '  delegate_task_to_member',
      '    b',
      '      said',
      '  end',
    ]);
    expect(traceOf(rows).runs).toHaveLength(1);
  });

  it('stays where nothing around it was still going on', () => {
    const rows = [run('A', 0, 10, 'gone'), model('memory', 20, 30, 'A')];
    expect(placed(rows)).toEqual(['ghost', '  A', '    memory']);
  });

  it('goes to a run that is not written yet, where the spans in it say that it is one', () => {
    const rows = [run('sub', 0, 10, 'top', {'graph.node.parent_id': 'node-top'}), model('lead', 20, 30, 'sub')];
    expect(placed(rows)).toEqual(['ghost', '  sub', '  lead']);
  });
});

describe('a run inside another', () => {
  const names = (rows: readonly SpanRow[]) =>
    traceOf([...rows]).runs.map(({name, isDetached}) => `${name}${isDetached ? ' detached' : ''}`);
  const outer = span('W.run', 0, 10, {
    id: 'w',
    attributes: {
      'openinference.span.kind': 'CHAIN',
      'agno.workflow.steps_count': 1,
      'graph.node.id': 'node-w',
      'graph.node.name': 'W',
    },
  });

  it('belongs to the node it names, however late it begins', () => {
    const rows = [outer, step('s', 50, 90, 'w'), run('A', 51, 89, 's', {'graph.node.parent_id': 'node-s'})];
    expect(names(rows)).toEqual(['W']);
  });

  it('is its own when it leaked: after the end of what it hangs under, or in a model call', () => {
    const rows = [
      span('First', 0, 100, {id: 'f', attributes: agent({'agent.name': 'First'})}),
      span('OpenAIChat.invoke_stream', 1, 50, {id: 'm', parent: 'f', attributes: llm()}),
      run('Second', 20, 60, 'm'),
      run('Third', 70, 80, 'Second'),
    ];
    expect(names(rows)).toEqual(['First', 'Second detached', 'Third detached']);
  });

  it('is its own when both streams were read in turn from their start: it outlives the one with the answer, in another session', () => {
    const first = (more: object = {}) =>
      span('First', 0, 100, {id: 'f', attributes: agent({'agent.name': 'First', 'session.id': 's1', ...more})});
    const second = (to: number, more: object = {}) => run('Second', 1, to, 'f', {'session.id': 's2', ...more});
    const detached = ['First', 'Second detached'];
    expect(names([first(), second(110)])).toEqual(detached);
    // Below a team it names the team's node, as members do.
    const team = first({'agno.team.id': 'team', 'graph.node.id': 'node-f'});
    expect(names([team, second(110, {'graph.node.parent_id': 'node-f'})])).toEqual(detached);
    // Agents of hooks, reasoning agents and judges end before; members have their team's session, however late they end.
    expect(names([first(), second(99)])).toEqual(['First']);
    const member = second(110, {'graph.node.parent_id': 'node-f', 'session.id': 's1'});
    expect(names([team, member])).toEqual(['First']);
    // Of a run that was cut short, what it had begun may end later.
    expect(names([first({'output.value': undefined}), second(110)])).toEqual(['First']);
    expect(names([{...first(), status_code: 'UNSET'}, second(110)])).toEqual(['First']);
    expect(names([step('s', 0, 100), run('Second', 1, 110, 's', {'session.id': 's2'})])).toHaveLength(1);
  });

  it('is part of the run whose tool made it', () => {
    const rows = [
      span('First', 0, 100, {id: 'f', attributes: agent({'agent.name': 'First'})}),
      called('fan_out', 1, 90, 'f'),
      run('Second', 2, 20, 'fan_out'),
      run('Third', 30, 40, 'Second'),
    ];
    expect(names(rows)).toEqual(['First']);
    expect(placed(rows)).toEqual(['First', '  fan_out', '    Second', '    Third']);
  });
});

it('what a tool leaves running in the background stays below the tool, though its run still goes on', () => {
  const rows = [
    span('A', 0, 500, {id: 'a', attributes: agent({'agno.agent.id': 'a'})}),
    called('start_job', 10, 100, 'a', {}, 'job'),
    model('Model.invoke', 150, 200, 'job'),
    // Beside it, what its own run asked after the tool.
    model('OpenAIChat.invoke', 300, 400, 'a'),
  ];
  expect(placed(rows)).toEqual(['A', '  start_job', '    Model.invoke', '  OpenAIChat.invoke']);
});
