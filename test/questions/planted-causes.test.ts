import {describe, expect, it} from 'vitest';
import type {SpanRow} from '../../src/trace/span.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS} from '../databases.ts';
import {databaseOf} from '../databases-of-traces.ts';
import {agent, llm, span, tool} from '../trace/rows.ts';

const named = (name: string, runId: string, more: object = {}) =>
  agent({'agent.name': name, 'agno.agent.id': name.toLowerCase(), 'agno.run.id': runId, 'session.id': 's', ...more});
const team = (name: string, runId: string) => ({
  ...named(name, runId, {'agno.team.id': name.toLowerCase()}),
  'agno.agent.id': undefined,
});
const asks = (tokens: number) => llm({'llm.token_count.prompt': tokens, 'llm.token_count.completion': 1});
const call = (name: string, parameters: object, result: string) =>
  tool({'tool.name': name, 'tool.parameters': JSON.stringify(parameters), 'output.value': result});

/** An agent that asks, calls a tool, asks again, …: every call with what it was asked and what it brought. */
function runOf(name: string, calls: readonly (readonly [string, object, string])[]): SpanRow[] {
  const inside = calls.flatMap(([of, parameters, result], i) => [
    span('Chat.invoke', i * 100, i * 100 + 60, {parent: 'run', attributes: asks(99)}),
    span(of, i * 100 + 60, i * 100 + 100, {parent: 'run', attributes: call(of, parameters, result)}),
  ]);
  const end = calls.length * 100;
  return [
    span(`${name}.run`, 0, end + 50, {id: 'run', attributes: named(name, `run-of-${name}`)}),
    ...inside,
    span('Chat.invoke', end, end + 50, {parent: 'run', attributes: asks(99)}),
  ];
}

const HEALTHY: readonly (readonly SpanRow[])[] = [
  runOf('Searcher', [
    ['search', {q: 'a'}, 'one'],
    ['search', {q: 'b'}, 'two'],
    ['read', {page: 1}, 'text'],
    ['search', {q: 'a'}, 'one'],
  ]),
  runOf('Poller', [
    ['status', {}, '10%'],
    ['status', {}, '50%'],
    ['status', {}, 'done'],
  ]),
];

describe.each(BACKENDS)('on %s', backend => {
  it('loops names the run that went round, what that wasted, and nothing else', async () => {
    const looping = runOf('Looper', [
      ['search', {q: 'x', page: 1}, 'nothing found'],
      ['search', {page: 1, q: 'x'}, 'nothing found'],
      ['search', {q: 'x', page: 1}, 'nothing found'],
      ['search', {q: 'x', page: 1}, 'nothing found'],
    ]);
    const turning = runOf('Turner', [
      ['open', {f: 1}, 'a'],
      ['close', {f: 1}, 'b'],
      ['open', {f: 1}, 'a'],
      ['close', {f: 1}, 'b'],
    ]);
    const db = await databaseOf(backend, [...HEALTHY, looping, turning]);
    const {data} = await json(['loops', '--db', db]);
    expect(data).toMatchObject([
      // Three repeats of 40 ms, and the three model calls of 60 ms and 100 tokens that asked for them.
      {
        tool: 'search',
        agent: 'Looper',
        calls: 4,
        wastedMs: 300,
        wastedTokens: 300,
        wastedUsd: null,
        state: 'ok',
        runId: 'run-of-Looper',
      },
      {tool: 'open → close', agent: 'Turner', calls: 4, wastedMs: 200, wastedTokens: 200, runId: 'run-of-Turner'},
    ]);
    expect((await json(['show', data[0].sample, '--db', db])).data.spans[0]).toMatchObject({name: 'search'});
    expect((await json(['loops', '--min-calls', '5', '--db', db])).data).toEqual([]);
    expect((await json(['loops', '--agent', 'Turn*', '--db', db])).data).toHaveLength(1);
  });

  it('loops, delegations are silent on data without one', async () => {
    const db = await databaseOf(backend, HEALTHY);
    expect((await json(['loops', '--db', db])).data).toEqual([]);
    expect((await json(['delegations', '--db', db])).data).toEqual([]);
    expect((await cli(['loops', '--db', db])).err).toContain('nothing matches');
  });

  it('where names what would make an agent faster, not what is slow beside it', async () => {
    const slow = (runId: string) => [
      span('Slow.run', 0, 1000, {id: 'run', attributes: named('Slow', runId)}),
      span('Chat.invoke', 0, 100, {parent: 'run', attributes: asks(9)}),
      span('wide', 100, 750, {parent: 'run', attributes: call('wide', {}, 'x')}),
      span('slow_db', 100, 900, {parent: 'run', attributes: call('slow_db', {}, 'y')}),
      span('Chat.invoke', 900, 990, {parent: 'run', attributes: asks(9)}),
    ];
    const unfinished = slow('never').slice(1);
    const db = await databaseOf(backend, [slow('one'), slow('two'), ...HEALTHY, unfinished]);
    const {data, notes} = await json(['where', '--agent', 'Slow', '--db', db]);
    expect(
      data.map((row: {name: string; criticalMs: number; share: number; perRunMs: number; callsPerRun: number}) => [
        row.name,
        row.criticalMs,
        row.share,
        row.perRunMs,
        row.callsPerRun,
      ]),
    ).toEqual([
      ['slow_db', 1600, 0.8, 800, 1],
      ['gpt', 380, 0.19, 190, 2],
      ['Slow', 20, 0.01, 10, 1],
      ['wide', 0, 0, 0, 1],
    ]);
    expect(notes[0]).toBe('2 finished runs');
    const all = await json(['where', '--db', db]);
    expect(all.notes[0]).toBe('4 finished runs, 1 unfinished one left out');
    expect(all.data[0].name).toBe('slow_db');
    expect((await json(['where', '--agent', 'Poller', '--db', db])).data[0]).toMatchObject({name: 'gpt', kind: 'llm'});
  });

  it('delegations counts a call to a member that was refused and left no span', async () => {
    const asking = 'llm.output_messages.0.message.tool_calls.0.tool_call';
    const refused = {
      role: 'tool',
      tool_call_id: 'c1',
      content: 'Tool call limit reached. Tool call delegate_task_to_member not executed. Do not try again.',
      tool_call_error: true,
    };
    const db = await databaseOf(backend, [
      [
        span('Desk.run', 0, 1000, {id: 'run', attributes: team('Desk', 'desk-refused')}),
        span('Chat.invoke', 100, 200, {
          parent: 'run',
          attributes: {
            ...asks(9),
            [`${asking}.id`]: 'c1',
            [`${asking}.function.name`]: 'delegate_task_to_member',
            [`${asking}.function.arguments`]: '{"member_id": "clerk", "task": "t"}',
          },
        }),
        span('Chat.invoke', 300, 400, {
          parent: 'run',
          attributes: {...asks(9), 'input.value': JSON.stringify({messages: [{role: 'user', content: 'go'}, refused]})},
        }),
      ],
    ]);
    expect((await json(['delegations', '--db', db])).data).toMatchObject([
      {caller: 'Desk', member: null, calls: 1, via: 'delegate_task_to_member'},
    ]);
  });

  it('delegations names who was asked, by whom and how, what failed, and what reached nobody', async () => {
    const asked = (member: string, status: string, message?: string) => [
      span('Desk.run', 0, 1000, {id: 'run', attributes: team('Desk', `desk-${member}`)}),
      span('delegate_task_to_member', 100, 800, {
        id: 'call',
        parent: 'run',
        attributes: call('delegate_task_to_member', {member_id: member.toLowerCase(), task: 't'}, 'r'),
      }),
      ...(status === ''
        ? []
        : [
            span(`${member}.run`, 150, 650, {
              id: 'member',
              parent: 'run',
              status,
              message,
              attributes: named(member, `${member}-run`, {'graph.node.parent_id': 'node'}),
            }),
            span('Chat.invoke', 200, 600, {
              parent: 'member',
              status,
              message,
              attributes: status === 'OK' ? asks(9) : {'openinference.span.kind': 'LLM'},
            }),
          ]),
    ];
    const db = await databaseOf(backend, [
      asked('Clerk', 'OK'),
      asked('Broken', 'ERROR', 'run status: error'),
      asked('Nobody', ''),
      ...HEALTHY,
    ]);
    const {data} = await json(['delegations', '--sort', 'failedShare', '--db', db]);
    expect(data).toMatchObject([
      {
        caller: 'Desk',
        member: 'Broken',
        calls: 1,
        failedShare: 1,
        error: 1,
        avgMs: 500,
        totalTokens: null,
        sample: 'member-1',
        via: 'delegate_task_to_member',
      },
      {caller: 'Desk', member: null, calls: 1, failedShare: 0, avgMs: 700, via: 'delegate_task_to_member'},
      {caller: 'Desk', member: 'Clerk', calls: 1, failedShare: 0, ok: 1, avgMs: 500, totalTokens: 10},
    ]);
    const {data: agents} = await json(['agents', '--db', db]);
    expect(
      agents.map((row: {agent: string; runs: number; inner: number}) => `${row.agent} ${row.runs} ${row.inner}`).sort(),
    ).toEqual(['Broken 0 1', 'Clerk 0 1', 'Poller 1 0', 'Searcher 1 0']);
  });

  it('a run that paused, went on and failed is one run, with the time of both parts and the end of the last', async () => {
    const wants = 'llm.output_messages.0.message.tool_calls.0.tool_call.function.name';
    const said = 'I have tools to execute, but I need confirmation.';
    const paused = [
      span('Careful.run', 0, 100, {
        id: 'run',
        attributes: named('Careful', 'same', {'user.id': 'u', 'output.value': said}),
      }),
      span('Chat.invoke', 10, 90, {parent: 'run', attributes: {...asks(9), [wants]: 'wipe'}}),
    ];
    const failed = {status: 'ERROR', message: 'run status: error'};
    const continued = [
      span('Careful.continue_run', 5000, 5300, {
        id: 'run',
        ...failed,
        attributes: named('Careful', 'same', {'user.id': 'u'}),
      }),
      span('Chat.invoke', 5010, 5290, {parent: 'run', ...failed, attributes: {'openinference.span.kind': 'LLM'}}),
    ];
    const one = {runs: 1, avgMs: 400, p50Ms: 400, totalTokens: 10, error: 1, paused: 0, failedShare: 1};
    const db = await databaseOf(backend, [paused, continued]);
    expect((await json(['agents', '--db', db])).data).toMatchObject([{...one, inner: 0}]);
    expect((await json(['users', '--db', db])).data).toMatchObject([{...one, user: 'u', sessions: 1}]);
    expect((await json(['sessions', '--db', db])).data).toMatchObject([
      {...one, session: 's', user: 'u', components: 1},
    ]);
    expect((await json(['where', '--by', 'kind', '--db', db])).notes[0]).toBe('1 finished run');
    const waiting = await databaseOf(backend, [paused]);
    expect((await json(['agents', '--db', waiting])).data).toMatchObject([{runs: 1, paused: 1, error: 0}]);
  });

  it('a name with control characters is shown escaped, and one name with several ids is one row', async () => {
    const two = ['a', 'b'].map(id => [
      span('x.run', 0, 10, {
        id: 'run',
        attributes: named('Bad\u001b[31mName', `run-${id}`, {'agno.agent.id': id, 'user.id': null}),
      }),
    ]);
    const db = await databaseOf(backend, two);
    const {data} = await json(['agents', '--db', db]);
    expect(data).toMatchObject([{runs: 2, id: null, ids: 2}]);
    const {out} = await cli(['agents', '--db', db]);
    expect(out).not.toContain('\u001b');
    expect((await json(['users', '--db', db])).data).toMatchObject([{user: null, runs: 2}]);
  });
});

it.each([
  ['x', /--min-calls "x"/],
  ['1', /--min-calls "1"/],
  ['-3', /--min-calls/],
])('loops --min-calls %s is refused', async (text, message) => {
  const db = await databaseOf('sqlite', HEALTHY);
  const {code, err} = await cli(['loops', `--min-calls=${text}`, '--db', db]);
  expect(code).toBe(2);
  expect(err).toMatch(message);
});
