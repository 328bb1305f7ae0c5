import {agnoTime} from '../../src/trace/time.ts';

/** A cell as it is bound; `{sql}` is written into the statement, for what no driver would bind. */
export type Cell = string | number | bigint | Buffer | null | {readonly sql: string};
export type Row = Readonly<Record<string, Cell>>;

export interface Rows {
  readonly traces: readonly Row[];
  readonly spans: readonly Row[];
}

export const START = Date.parse('2024-05-06T10:00:00Z') * 1000;
/** When the commands are asked: long after all that is not said to be under way. */
export const NOW = START + 30 * 86_400_000_000;
export const at = (ms: number): string => agnoTime(START + ms * 1000);

export interface Ids {
  readonly trace: string;
  readonly root: string;
  readonly call: string;
  readonly run: string;
  readonly session: string;
}
export const idsOf = (word: string): Ids => ({
  trace: word.repeat(8),
  root: `${word}00000000000a`,
  call: `${word}00000000000b`,
  run: `${word}0000-0000-4000-8000-000000000001`,
  session: `session of ${word}`,
});
export const GOOD = idsOf('600d');
export const BAD = idsOf('bad0');

export const agentAttributes = (ids: Ids): Record<string, unknown> => ({
  'openinference.span.kind': 'AGENT',
  'graph.node.id': 'node',
  'agent.name': `agent ${ids.run.slice(0, 4)}`,
  'agno.agent.id': `agent-${ids.run.slice(0, 4)}`,
  'agno.run.id': ids.run,
  'session.id': ids.session,
  'user.id': 'user',
  'input.value': 'a question',
  'output.value': 'an answer',
});
export const callAttributes = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
  'openinference.span.kind': 'LLM',
  'llm.model_name': 'model-1',
  'llm.provider': 'Provider',
  'input.value': '{"messages": []}',
  'llm.input_messages.0.message.role': 'user',
  'llm.input_messages.0.message.content': 'a question',
  'llm.output_messages.0.message.role': 'assistant',
  'llm.output_messages.0.message.content': 'an answer',
  'output.value': '[]',
  'llm.token_count.prompt': 7,
  'llm.token_count.completion': 5,
  ...more,
});

export function traceRow(ids: Ids, changed: Row = {}): Row {
  return {
    trace_id: ids.trace,
    name: 'agent.run',
    status: 'OK',
    start_time: at(0),
    end_time: at(1000),
    duration_ms: 1000,
    run_id: ids.run,
    session_id: ids.session,
    user_id: 'user',
    agent_id: `agent-${ids.run.slice(0, 4)}`,
    team_id: null,
    workflow_id: null,
    created_at: at(1001),
    ...changed,
  };
}

export function spanRow(ids: Ids, id: string, changed: Row = {}): Row {
  return {
    span_id: id,
    trace_id: ids.trace,
    parent_span_id: null,
    name: 'some.work',
    span_kind: 'INTERNAL',
    status_code: 'OK',
    status_message: null,
    start_time: at(100),
    end_time: at(900),
    duration_ms: 800,
    attributes: '{}',
    created_at: at(901),
    ...changed,
  };
}

export interface Changes {
  readonly ids?: Ids;
  readonly trace?: Row;
  /** The run span's columns, and attributes that are added to it. */
  readonly root?: Row;
  readonly rootMore?: Record<string, unknown>;
  /** The model call's. */
  readonly call?: Row;
  readonly callMore?: Record<string, unknown>;
}

/** A run of one agent with one model call, as Agno writes it, but for what is changed. */
export function run({ids = BAD, trace, root, rootMore, call, callMore}: Changes = {}): Rows {
  return {
    traces: [traceRow(ids, trace)],
    spans: [
      spanRow(ids, ids.call, {
        parent_span_id: ids.root,
        name: 'Model.invoke',
        attributes: JSON.stringify(callAttributes(callMore)),
        ...call,
      }),
      spanRow(ids, ids.root, {
        name: 'agent.run',
        start_time: at(0),
        end_time: at(1000),
        duration_ms: 1000,
        created_at: at(1001),
        attributes: JSON.stringify({...agentAttributes(ids), ...rootMore}),
        ...root,
      }),
    ],
  };
}

export const rows = (...parts: readonly Partial<Rows>[]): Rows => ({
  traces: parts.flatMap(part => part.traces ?? []),
  spans: parts.flatMap(part => part.spans ?? []),
});

export const OTHER = idsOf('07e2');
