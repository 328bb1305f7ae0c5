import {expect, it} from 'vitest';
import {Judge} from '../../src/trace/judge.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {agent, LONG_AFTER, llm, span, tool, traceOf} from './rows.ts';

const ASKED = 'llm.output_messages.0.message.tool_calls.0.tool_call';
const asks = (name: string) => llm({[`${ASKED}.id`]: 'call', [`${ASKED}.function.name`]: name});
const call = (from: number) => span('pay', from, from + 10, {parent: 'run', attributes: tool({'tool.name': 'pay'})});
const model = (from: number) => span('Chat.invoke', from, from + 10, {parent: 'run', attributes: asks('pay')});

it.each([
  ['was not called', [model(100)], 'waits for pay'],
  ['was called before it was asked for again', [model(100), call(200), model(300)], 'waits for pay'],
  ['was called each time', [model(100), call(200), model(300), call(400)], 'waits for a person'],
])('a run that says it waits, whose tool %s, names the call that is open', (_, spans, reason) => {
  const says = {'output.value': 'I have tools to execute, but I need confirmation.'};
  const trace = traceOf([...spans, span('Payer.run', 0, 1000, {id: 'run', attributes: agent(says)})]);
  const judge = new Judge(trace.tops);
  const judgement = judge.run(trace.runs[0]!, NO_EVIDENCE, {nowMicros: LONG_AFTER, patience: PATIENCE});
  expect(judgement).toEqual({state: 'paused', reason});
});

/** As 3.1.10 stores a route team (`respond_directly`) whose member failed: what the member said is the answer, or nothing is. */
it.each([
  ['is read whole', {'output.value': 'member down'}, 'ERROR'],
  ['is streamed', {'output.value': undefined}, 'OK'],
])('a team that hands on what its member says, whose member failed, failed: its answer %s', (_, answer, toolStatus) => {
  const team = agent({'agno.team.id': 'team', ...answer});
  const delegation = tool({'tool.name': 'delegate_task_to_member', 'tool.parameters': '{"member_id": "m"}'});
  const member = agent({'graph.node.id': 'm', 'graph.node.parent_id': 'node', 'agno.agent.id': 'm'});
  const trace = traceOf([
    span('Route.run', 0, 1000, {id: 'run', attributes: team}),
    span('Chat.invoke', 10, 20, {parent: 'run', attributes: asks('delegate_task_to_member')}),
    span('delegate_task_to_member', 30, 900, {parent: 'run', status: toolStatus, attributes: delegation}),
    span('Member.run', 40, 890, {parent: 'run', id: 'member', status: 'ERROR', attributes: member}),
    span('Chat.invoke', 50, 800, {parent: 'member', status: 'ERROR', message: 'down', attributes: llm()}),
  ]);
  const judge = new Judge(trace.tops);
  const judgement = judge.run(trace.runs[0]!, NO_EVIDENCE, {nowMicros: LONG_AFTER, patience: PATIENCE});
  expect(judgement).toEqual({state: 'error', reason: 'Member failed, and its error is the answer'});
});
