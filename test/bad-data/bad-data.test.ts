import path from 'node:path';
import Database from 'better-sqlite3';
import type pg from 'pg';
import {beforeAll, describe, expect, it} from 'vitest';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {quoteIdentifier} from '../../src/sql/sql.ts';
import {Judge} from '../../src/trace/judge.ts';
import {drawnSpans, drawnTops, judgedRun} from '../../src/trace/record.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {type CliResult, cli} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';

/**
 * The catalogue of bad data: each case is a database with the bad rows beside one good
 * run. Every command must answer with its documented exit code, without a stack, and still show the good run; what can be
 * read of the bad rows is shown too.
 */

/** A cell as it is bound; `{sql}` is written into the statement, for what no driver would bind. */
type Cell = string | number | bigint | Buffer | null | {readonly sql: string};
type Row = Readonly<Record<string, Cell>>;

interface Rows {
  readonly traces: readonly Row[];
  readonly spans: readonly Row[];
}

const START = Date.parse('2024-05-06T10:00:00Z') * 1000;
const at = (ms: number): string => agnoTime(START + ms * 1000);

interface Ids {
  readonly trace: string;
  readonly root: string;
  readonly call: string;
  readonly run: string;
  readonly session: string;
}
const idsOf = (word: string): Ids => ({
  trace: word.repeat(8),
  root: `${word}00000000000a`,
  call: `${word}00000000000b`,
  run: `${word}0000-0000-4000-8000-000000000001`,
  session: `session of ${word}`,
});
const GOOD = idsOf('600d');
const BAD = idsOf('bad0');

const agentAttributes = (ids: Ids): Record<string, unknown> => ({
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
const callAttributes = (more: Record<string, unknown> = {}): Record<string, unknown> => ({
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

function traceRow(ids: Ids, changed: Row = {}): Row {
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

function spanRow(ids: Ids, id: string, changed: Row = {}): Row {
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

interface Changes {
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
function run({ids = BAD, trace, root, rootMore, call, callMore}: Changes = {}): Rows {
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

const rows = (...parts: readonly Partial<Rows>[]): Rows => ({
  traces: parts.flatMap(part => part.traces ?? []),
  spans: parts.flatMap(part => part.spans ?? []),
});

/** What a case's commands answered, for the facts it states beyond surviving. */
interface Seen {
  /** `list --limit 0 --json`, and the same with `--traffic`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the contract says
  readonly runs: any[];
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly withTraffic: any[];
  /** `show <bad trace> --json --io full`. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly shown: {runs: any[]; spans: any[]} | null;
  /** `show <bad trace> --span <bad span>`. */
  readonly detail: string;
  readonly ask: (...argv: string[]) => Promise<CliResult>;
}

interface Case {
  readonly name: string;
  /** Rows beside the good run. */
  readonly bad: Rows;
  /** Databases that can hold it; jsonb and Postgres' text refuse much. Default: both. */
  readonly on?: readonly Backend[];
  /** Agno's statements changed before they are run. */
  readonly tables?: (statement: string, backend: Backend) => string;
  /** Statements run after the rows are in. */
  readonly after?: (backend: Backend) => readonly string[];
  /** Flags of every command. */
  readonly flags?: readonly string[];
  /** The bad thing: what `show` is given. Default: the ids of BAD. */
  readonly trace?: string;
  readonly span?: string;
  /** Where the bad trace is listed. Default: as a run or loose part, without any flag. */
  readonly listed?: 'run' | 'traffic' | 'nowhere';
  /** Exit codes of `show` for the bad trace and for its span. Default: 0. */
  readonly showsTrace?: number;
  readonly showsSpan?: number;
  /** The tables cannot be read at all: every command ends with this exit code, and its message holds this. */
  readonly refused?: {readonly exit: number; readonly says: string};
  /** So large that a handful of commands is enough. */
  readonly isLarge?: boolean;
  /** A type that no Agno makes: any command may say so instead of answering. */
  readonly mayRefuse?: number;
  readonly facts?: (seen: Seen, backend: Backend) => void | Promise<void>;
}

const badRuns = (seen: Seen) => seen.runs.filter(record => record.traceId === BAD.trace);
const badRun = (seen: Seen) => {
  const [record, ...more] = badRuns(seen);
  expect(more).toEqual([]);
  return record;
};
const shownSpan = (seen: Seen, id: string) => seen.shown!.spans.find(record => record.spanId === id);
/** The run is whole in spite of its bad cell. */
const isWholeRun = (seen: Seen) => {
  expect(badRun(seen)).toMatchObject({runId: BAD.run, sessionId: BAD.session, state: 'ok', kind: 'agent', part: false});
};
const withProblem =
  (text: RegExp, id = BAD.root) =>
  (seen: Seen) => {
    isWholeRun(seen);
    expect(shownSpan(seen, id).problems).toEqual([expect.stringMatching(text)]);
    expect(seen.detail).toMatch(text);
  };

/** Attributes of the run span as raw text, for what JSON.stringify would not write. */
const agentText = (more: string): string => JSON.stringify(agentAttributes(BAD)).replace(/\}$/, `, ${more}}`);
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const ATTRIBUTES: Case[] = [
  {
    name: 'A1 attributes that are no JSON, on the run span',
    on: ['sqlite'],
    bad: run({root: {attributes: 'this is not JSON'}}),
    facts: seen => expect(shownSpan(seen, BAD.root).problems).toEqual(['attributes are not JSON']),
  },
  {
    name: 'A1 attributes that are no JSON, on every span',
    on: ['sqlite'],
    bad: run({root: {attributes: "{'single': 'quotes'}"}, call: {attributes: '<html>'}}),
    listed: 'traffic',
  },
  {
    name: 'A2 attributes that are cut off',
    on: ['sqlite'],
    bad: run({root: {attributes: JSON.stringify(agentAttributes(BAD)).slice(0, -4)}}),
    facts: withProblem(/attributes JSON is cut off/),
  },
  {
    name: 'A2 attributes of 200 KB that are cut off',
    on: ['sqlite'],
    bad: run({root: {attributes: agentText(`"metadata": "${'m'.repeat(200_000)}`).replace(/\}$/, '')}}),
    facts: withProblem(/attributes JSON is cut off/),
  },
  {
    name: 'A3 attributes that were encoded twice',
    bad: run({root: {attributes: JSON.stringify(JSON.stringify(agentAttributes(BAD)))}}),
    facts: withProblem(/attributes were encoded twice/),
  },
  {name: 'A4 attributes that are NULL', bad: run({root: {attributes: null}})},
  {
    name: 'A4 attributes that are NULL on every span',
    bad: run({root: {attributes: null}, call: {attributes: null}}),
    listed: 'traffic',
  },
  {name: 'A5 attributes that are JSON null', bad: run({root: {attributes: 'null'}})},
  {name: 'A6 attributes that are empty text', on: ['sqlite'], bad: run({root: {attributes: ''}})},
  ...['[1, {"a": 2}]', '["openinference.span.kind"]', '42', '1.5', '"text"', '"openinference.span.kind"', 'true'].map(
    (attributes): Case => ({
      name: `A7 attributes that are ${attributes}`,
      bad: run({root: {attributes}}),
      facts: seen => expect(shownSpan(seen, BAD.root).problems).toEqual(['attributes are no JSON object']),
    }),
  ),
  {
    name: 'A8 attributes after a byte order mark',
    on: ['sqlite'],
    bad: run({root: {attributes: `\ufeff${JSON.stringify(agentAttributes(BAD))}`}}),
    facts: withProblem(/starts with a byte order mark/),
  },
  {
    name: 'A9 NaN and Infinity, as Python writes them',
    on: ['sqlite'],
    bad: run({root: {attributes: agentText('"score": NaN, "best": Infinity, "worst": -Infinity')}}),
    facts: async seen => {
      isWholeRun(seen);
      expect(shownSpan(seen, BAD.root).attributes).toMatchObject({score: 'NaN', best: 'Infinity', worst: '-Infinity'});
      // To SQLite's own functions it is no JSON, so no statement can look into it; filters still find it.
      for (const filter of [
        ['--session', BAD.session],
        ['--run', BAD.run],
        ['--agent', 'agent-bad0'],
        ['--user', 'user'],
        ['--kind', 'agent'],
        ['--state', 'ok'],
      ])
        expect((await seen.ask('list', ...filter)).out, filter.join(' ')).toContain(BAD.run);
    },
  },
  {
    name: 'A9 NaN on a model call',
    on: ['sqlite'],
    bad: run({call: {attributes: JSON.stringify(callAttributes()).replace(/\}$/, ', "llm.logprob": NaN}')}}),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen)).toMatchObject({spanCount: 2, totalTokens: 12, model: 'model-1'});
    },
  },
  {
    // The run id comes last, as in Agno's rows: whatever is cut off to spare payload, it must not be that.
    name: 'A9 NaN in attributes of 200 KB',
    on: ['sqlite'],
    bad: run({
      root: {
        attributes: JSON.stringify({metadata: 'm'.repeat(200_000), ...agentAttributes(BAD)}).replace(
          '{',
          '{"n": NaN, ',
        ),
      },
    }),
    facts: isWholeRun,
  },
  {
    name: 'A9 NaN on spans whose names are not Agno’s',
    on: ['sqlite'],
    bad: run({
      root: {name: 'invoke_agent', attributes: agentText('"score": NaN')},
      call: {name: 'chat', attributes: JSON.stringify(callAttributes()).replace(/\}$/, ', "llm.logprob": NaN}')},
    }),
    facts: isWholeRun,
  },
  {
    name: 'A10 half of a surrogate pair',
    on: ['sqlite'],
    bad: run({root: {attributes: agentText(String.raw`"output.value": "half \ud800 of one", "\udc00": 1`)}}),
    facts: isWholeRun,
  },
  {
    name: 'A11 an escaped NUL',
    on: ['sqlite'],
    bad: run({root: {attributes: agentText(String.raw`"output.value": "before\u0000after"`)}}),
    facts: seen => {
      isWholeRun(seen);
      expect(shownSpan(seen, BAD.root).output).toBe('before\0after');
    },
  },
  {
    name: 'A12 repeated keys',
    on: ['sqlite'],
    bad: run({root: {attributes: agentText('"output.value": "the second answer"')}}),
    facts: seen => {
      isWholeRun(seen);
      expect(shownSpan(seen, BAD.root).output).toBe('the second answer');
      expect(seen.detail).toContain('repeats the key "output.value", the last one counts');
    },
  },
  {
    name: 'A13 integers beyond 2^53',
    bad: run({root: {attributes: agentText('"order": 9007199254740993, "list": [18446744073709551615]')}}),
    facts: seen => {
      isWholeRun(seen);
      expect(shownSpan(seen, BAD.root).attributes).toMatchObject({
        order: '9007199254740993',
        list: ['18446744073709551615'],
      });
    },
  },
  {
    name: 'A13 a number beyond every double',
    bad: run({root: {attributes: agentText('"size": 1e400')}}),
    facts: seen => {
      isWholeRun(seen);
      expect(String(shownSpan(seen, BAD.root).attributes.size)).toMatch(/^(1e400|10{400})$/);
    },
  },
  {
    name: 'A14 keys that name parts of every object',
    bad: run({
      root: {attributes: agentText('"__proto__": {"polluted": 1}, "constructor": "c", "toString": "t"')},
      call: {attributes: '{"__proto__": {"openinference.span.kind": "LLM"}, "hasOwnProperty": 1}'},
    }),
    facts: seen => {
      isWholeRun(seen);
      expect(Object.keys(shownSpan(seen, BAD.root).attributes)).toEqual(
        expect.arrayContaining(['__proto__', 'constructor', 'toString']),
      );
      expect(({} as {polluted?: unknown}).polluted).toBeUndefined();
      expect(shownSpan(seen, BAD.call).kind).toBe('other');
    },
  },
  {
    // SQLite's own functions stop at 1,000, so to them it is no JSON.
    name: 'A15 a value nested 10,000 deep',
    on: ['sqlite'],
    bad: run({root: {attributes: agentText(`"deep": ${deep(10_000)}`)}, call: {attributes: deep(10_000)}}),
    facts: seen => {
      isWholeRun(seen);
      expect(shownSpan(seen, BAD.root).attributes.deep).toBe('(nested too deeply to print)');
    },
  },
  {
    name: 'A15 a value nested 100,000 deep',
    isLarge: true,
    on: ['sqlite'],
    bad: run({root: {attributes: agentText(`"deep": ${deep(100_000)}`)}}),
    facts: isWholeRun,
  },
  {
    name: 'A15 a value nested 2,000 deep, which jsonb takes',
    bad: run({root: {attributes: agentText(`"deep": ${deep(2000)}`)}}),
    facts: isWholeRun,
  },
  ...[5_000, 100_000].map(
    (length): Case => ({
      name: `A16 arguments of ${length} characters of a tool that waits`,
      bad: pausedWithLooseParts(JSON.stringify({note: 'n'.repeat(length)})),
      facts: isContinued,
    }),
  ),
  {
    name: 'A15 deep arguments of a tool that waits, and of the loose parts that may continue it',
    bad: pausedWithLooseParts(`{"x": ${deep(900)}}`),
    facts: isContinued,
  },
  {
    name: 'A15 arguments of a waiting tool that are nested too deeply for JSON.stringify',
    bad: pausedWithLooseParts(`{"x": ${deep(20_000)}}`),
    facts: isContinued,
  },
  {
    name: 'A17 100,000 keys in one object',
    isLarge: true,
    bad: run({
      rootMore: Object.fromEntries(Array.from({length: 100_000}, (_, i) => [`key.${i}`, i])),
    }),
    facts: seen => {
      isWholeRun(seen);
      expect(Object.keys(shownSpan(seen, BAD.root).attributes).length).toBeGreaterThanOrEqual(100_000);
    },
  },
  {
    name: 'A18 one bad JSON, and questions that look into every span of the table',
    on: ['sqlite'],
    bad: rows(run({root: {attributes: '{"openinference.span.kind": '}, call: {attributes: 'NaN'}}), {
      spans: [spanRow(BAD, 'bad000000000000c', {name: 'agent.run', attributes: 'not JSON'})],
    }),
    listed: 'traffic',
    facts: async seen => {
      const good = 'agent-600d';
      for (const filter of [
        ['--agent', good],
        ['--agent', 'agent 600*'],
        ['--session', GOOD.session],
        ['--run', GOOD.run],
        ['--model', 'model-1'],
        ['--kind', 'llm'],
        ['--min-tokens', '12'],
        ['--user', 'user', '--state', 'ok'],
        ['--name', '*invoke*'],
      ]) {
        const {code, out, err} = await seen.ask('list', ...filter);
        expect({filter, code, err: err.includes('error')}).toEqual({filter, code: 0, err: false});
        expect(out).toContain(GOOD.run);
      }
      for (const filter of [
        ['--model', 'model-1'],
        ['--kind', 'llm'],
        ['--agent', good],
        ['--tool', 'x'],
        ['--error', 'x'],
      ]) {
        expect((await seen.ask('slowest', ...filter)).code).toBe(0);
      }
      expect((await seen.ask('list', '--tool', 'x')).code).toBe(0);
      expect((await seen.ask('list', '--error', 'x')).code).toBe(0);
      expect((await seen.ask('show', GOOD.session)).out).toContain('agent 600d');
    },
  },
  {
    name: 'A19 JSON in JSON in message content',
    bad: run({
      callMore: {
        'llm.input_messages.0.message.content': JSON.stringify({a: JSON.stringify({b: '{"c": [1, "\\u001b[2J"]}'})}),
        'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'look_up',
        'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments':
          JSON.stringify('{"id": "{\\"x\\":1}"}'),
      },
    }),
    span: BAD.call,
  },
  {
    name: 'A20 images as base64',
    bad: run({
      callMore: {
        'llm.input_messages.0.message.contents.0.message_content.type': 'image',
        'llm.input_messages.0.message.contents.0.message_content.image.image.url': `data:image/png;base64,${'iVBORw0KGgo'.repeat(20_000)}`,
        'input.value': JSON.stringify({messages: [{images: [{content: 'AAAA'.repeat(20_000)}]}]}),
      },
    }),
    span: BAD.call,
    facts: isWholeRun,
  },
  {
    name: 'A21 texts that a switch of the instrumentor took out',
    bad: run({
      rootMore: {'input.value': '__REDACTED__', 'output.value': '__REDACTED__'},
      callMore: {
        'input.value': '__REDACTED__',
        'llm.input_messages.0.message.content': '__REDACTED__',
        'output.value': '__REDACTED__',
      },
    }),
    facts: seen => {
      isWholeRun(seen);
      expect(seen.detail).toContain('(taken out by the instrumentor: __REDACTED__)');
    },
  },
  {
    name: 'A22 attributes of type json',
    on: ['postgres'],
    bad: run(),
    after: () => ['alter table ai.agno_spans alter column attributes type json using attributes::json'],
    facts: isWholeRun,
  },
  ...['text', 'bytea'].map(
    (type): Case => ({
      name: `A22 attributes of type ${type}`,
      on: ['postgres'],
      bad: run(),
      after: () => [
        `alter table ai.agno_spans alter column attributes type ${type} using ${type === 'text' ? 'attributes::text' : "convert_to(attributes::text, 'UTF8')"}`,
      ],
      refused: {exit: 5, says: `of type ${type}`},
    }),
  ),
  {
    name: 'A22 attributes as bytes',
    on: ['sqlite'],
    bad: run({root: {attributes: Buffer.from(JSON.stringify(agentAttributes(BAD)))}}),
    facts: isWholeRun,
  },
  {
    name: "A22 attributes in SQLite's binary JSON",
    on: ['sqlite'],
    bad: run({root: {attributes: {sql: `jsonb('${JSON.stringify(agentAttributes(BAD))}')`}}}),
  },
  {
    name: 'A23 keys with dots, brackets, emoji, line breaks and escape bytes',
    bad: run({
      rootMore: {
        'a.b[0].c': 1,
        '': 'empty',
        '👩🏽‍🔬': 'emoji',
        'two\nlines': 'x',
        '\x1b]0;owned\x07': '\x1b[2J',
        '"quoted" \'key\'': 1,
        '$."openinference.span.kind"': 1,
        '\u202edesrever': 1,
        'llm.input_messages.0.message.role': '\x1b[31m',
        [`k${'e'.repeat(10_000)}y`]: 1,
      },
      callMore: {'llm.input_messages.\x1b[2J.message.role': 'x', 'llm.tools.0.tool.json_schema': '{"\x1b": 1}'},
    }),
    facts: seen => {
      isWholeRun(seen);
      expect(shownSpan(seen, BAD.root).attributes['two\nlines']).toBe('x');
      expect(seen.detail).toContain('two⏎lines');
      expect(seen.detail).toContain('\\x1b]0;owned\\x07');
    },
  },
  ...(
    [
      ['text', '"7"', 12],
      ['fractions', '7.5', 12.5],
      ['negative', '-7', 5],
      ['words', '"many"', 5],
      ['lists', '[7]', 5],
      ['null', 'null', 5],
      ['enormous', '1e300', 1e300],
    ] as const
  ).map(
    ([what, tokens, total]): Case => ({
      name: `A24 token counts that are ${what}`,
      bad: run({
        call: {
          attributes: JSON.stringify(callAttributes()).replace(
            '"llm.token_count.prompt":7',
            `"llm.token_count.prompt":${tokens}`,
          ),
        },
      }),
      facts: seen => {
        isWholeRun(seen);
        expect(badRun(seen).totalTokens).toBe(total);
      },
    }),
  ),
  {
    name: 'A24 token counts that are NaN',
    on: ['sqlite'],
    bad: run({
      call: {
        attributes: JSON.stringify(callAttributes()).replace(
          '"llm.token_count.prompt":7',
          '"llm.token_count.prompt":NaN',
        ),
      },
    }),
    facts: isWholeRun,
  },
];

/** `show` ties the loose parts to the run, with all that takes of comparing arguments. */
async function isContinued(seen: Seen): Promise<void> {
  const {code, out, err} = await seen.ask('show', BAD.run, '--json');
  expect({code, err}).toEqual({code: 0, err: ''});
  expect(JSON.parse(out).data.runs.map(({name}: {name: string}) => name)).toEqual(['agent bad0', 'confirm', 'model-1']);
}

/** A run that waits for a tool, and the loose parts of Agno 2 that continued it, all with these arguments. */
function pausedWithLooseParts(toolArguments: string): Rows {
  const call = 'llm.output_messages.0.message.tool_calls.0.tool_call';
  const loose = (word: string): Ids => ({...idsOf(word), session: ''});
  const [tool, answer] = [loose('10aa'), loose('10bb')];
  const looseTrace = (ids: Ids) =>
    traceRow(ids, {run_id: null, session_id: null, agent_id: null, start_time: at(2000)});
  return rows(
    run({
      callMore: {
        [`${call}.id`]: 'call_1',
        [`${call}.function.name`]: 'confirm',
        [`${call}.function.arguments`]: toolArguments,
      },
      rootMore: {'output.value': 'I have tools to execute, but I need confirmation.'},
    }),
    {
      traces: [looseTrace(tool), looseTrace(answer)],
      spans: [
        spanRow(tool, tool.root, {
          name: 'confirm',
          start_time: at(2000),
          end_time: at(2100),
          attributes: JSON.stringify({
            'openinference.span.kind': 'TOOL',
            'tool.name': 'confirm',
            'tool.parameters': toolArguments,
            'output.value': 'confirmed',
          }),
        }),
        spanRow(answer, answer.root, {
          name: 'Model.invoke',
          start_time: at(2200),
          end_time: at(2300),
          attributes: JSON.stringify(
            callAttributes({
              'llm.input_messages.1.message.role': 'tool',
              'llm.input_messages.1.message.content': 'confirmed',
              'llm.input_messages.1.message.tool_call_id': 'call_1',
            }),
          ),
        }),
      ],
    },
  );
}

const quoted = (id: string): Ids => ({
  trace: `t ${id}`,
  root: `s ${id}`,
  call: `c ${id}`,
  run: `r ${id}`,
  session: `in ${id}`,
});

/** Ids that no OpenTelemetry SDK makes, but databases hold. */
const ODD_IDS: Record<string, Ids> = {
  'in upper case': {...BAD, trace: 'BAD0'.repeat(8), root: 'BAD000000000000A', run: BAD.run.toUpperCase()},
  'that are not hex': quoted('zebra'),
  'of zeros only': {...BAD, trace: '0'.repeat(32), root: '0'.repeat(16), run: '0'.repeat(8)},
  'with blanks, slashes and percent signs': quoted('a/b %c_d%'),
  'with quotes and backslashes': quoted(`quo'te"s and \`back\` \\slash\\ ; drop table agno_spans; --`),
  'with escape bytes and bidi marks': quoted('\x1b[2J\u202e\x9d0;x\x9c'),
  'with emoji and marks': quoted('👩🏽‍🔬 e\u0301 漢字'),
  'of 10 kB': quoted('x'.repeat(10_000)),
  'with glob and LIKE characters': quoted('100%_*?[a-z]'),
};

const pgAlter = (column: string, type: string, using: string, table = 'agno_spans') =>
  `alter table ai.${table} alter column ${column} type ${type} using ${using}`;

const TYPES: Case[] = [
  {
    name: 'B1 NUL in texts',
    on: ['sqlite'],
    bad: run({
      trace: {name: 'na\0me', user_id: 'us\0er'},
      root: {name: 'agent\0.run', status_message: 'mess\0age', status_code: 'OK\0'},
      call: {status_message: `\0${'long '.repeat(2000)}`, status_code: 'ERROR'},
    }),
    facts: seen => {
      expect(badRun(seen).runId).toBe(BAD.run);
      expect(seen.detail).toContain('mess\\x00age');
    },
  },
  {
    name: 'B1 NUL in ids',
    on: ['sqlite'],
    bad: run({ids: {...BAD, root: 'bad0\0root', run: 'run\0id'}}),
    span: 'bad0\0root',
    facts: seen => expect(badRun(seen).runId).toBe('run\0id'),
  },
  {
    name: 'B2 text that is no UTF-8',
    on: ['sqlite'],
    bad: run({
      trace: {user_id: {sql: "cast(x'75736572ff' as text)"}},
      root: {
        name: {sql: "cast(x'6167656e74ff2ec32e72756e' as text)"},
        status_message: {sql: "cast(x'fffe00c3' as text)"},
      },
      call: {attributes: {sql: "cast(x'7b226122203a20225cff22' as text)"}},
    }),
    facts: seen => expect(badRuns(seen)[0].runId).toBe(BAD.run),
  },
  {
    name: 'B3 durations with a fraction, as julianday gives them',
    on: ['sqlite'],
    bad: run({trace: {duration_ms: 999.9999776482582}, root: {duration_ms: 1000.25}, call: {duration_ms: 799.75}}),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen).durationMs).toBe(1000);
    },
  },
  {
    name: 'B3 durations that are text',
    on: ['sqlite'],
    bad: run({trace: {duration_ms: 'long'}, root: {duration_ms: 'about a second'}, call: {duration_ms: ''}}),
    facts: isWholeRun,
  },
  {
    name: 'B3 durations that are infinite',
    on: ['sqlite'],
    bad: run({root: {duration_ms: {sql: '9e999'}}, call: {duration_ms: {sql: '-9e999'}, end_time: 'None'}}),
    facts: isWholeRun,
  },
  {
    name: 'B4 bytes in text columns',
    on: ['sqlite'],
    bad: run({
      trace: {name: Buffer.from('name'), status: Buffer.from('OK')},
      root: {
        name: Buffer.from('agent.run'),
        status_code: Buffer.from('OK'),
        status_message: Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]),
        span_kind: Buffer.from('INTERNAL'),
        start_time: Buffer.from(at(0)),
        end_time: Buffer.from(at(1000)),
        created_at: Buffer.from(at(1001)),
      },
    }),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen)).toMatchObject({durationMs: 1000, startTime: '2024-05-06T10:00:00.000000Z'});
    },
  },
  {
    name: 'B4 bytes in place of ids',
    on: ['sqlite'],
    bad: {
      traces: [traceRow(BAD, {trace_id: Buffer.from(BAD.trace)})],
      spans: run().spans.map(span => ({
        ...span,
        trace_id: Buffer.from(BAD.trace),
        span_id: Buffer.from(`${span.span_id}`),
      })),
    },
    // Bytes never equal text; that the rest goes on is all that is asked.
    listed: 'nowhere',
    showsTrace: 3,
    showsSpan: 3,
  },
  {
    name: 'B5 the largest integer as a duration',
    bad: run({trace: {duration_ms: 9223372036854775807n}, root: {duration_ms: 9223372036854775807n}}),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen).durationMs).toBe(1000);
    },
  },
  {
    name: 'B5 the largest integers as the only duration there is',
    bad: run({
      root: {duration_ms: 9223372036854775807n, end_time: 'None'},
      call: {duration_ms: -9223372036854775808n, end_time: 'None'},
    }),
    facts: seen => expect(badRun(seen).durationMs).toBeGreaterThan(9e18),
  },
  {
    name: 'B6 a missing column of the spans',
    bad: run(),
    after: backend => [`alter table ${backend === 'sqlite' ? '' : 'ai.'}agno_spans drop column status_message`],
    refused: {exit: 5, says: 'no column "status_message"'},
  },
  {
    name: 'B6 a missing column of the traces',
    bad: run(),
    after: backend => [`alter table ${backend === 'sqlite' ? '' : 'ai.'}agno_traces drop column name`],
    refused: {exit: 5, says: 'no column "name"'},
  },
  {
    name: 'B6 further columns',
    bad: run(),
    after: backend => {
      const schema = backend === 'sqlite' ? '' : 'ai.';
      return [
        `alter table ${schema}agno_spans add column "row_trace_id" varchar default 'x'`,
        `alter table ${schema}agno_spans add column "select" varchar default 'x'`,
        `alter table ${schema}agno_traces add column "attributes" varchar default 'x'`,
        `alter table ${schema}agno_traces add column "span_id" varchar default 'x'`,
      ];
    },
    facts: isWholeRun,
  },
  {
    name: 'B6 renamed tables',
    bad: run(),
    after: backend => {
      const schema = backend === 'sqlite' ? '' : 'ai.';
      return [
        `alter table ${schema}agno_spans rename to "My ""Spans"""`,
        `alter table ${schema}agno_traces rename to "ünïcode traces"`,
      ];
    },
    flags: ['--spans-table', 'My "Spans"', '--traces-table', 'ünïcode traces'],
    facts: isWholeRun,
  },
  {
    name: 'B6 a renamed schema',
    on: ['postgres'],
    bad: run(),
    after: () => ['alter schema ai rename to "Other ""Schema"""'],
    facts: isWholeRun,
  },
  {
    name: 'B6 a column in other letters',
    on: ['postgres'],
    bad: run(),
    after: () => ['alter table ai.agno_spans rename column name to "Name"'],
    refused: {exit: 5, says: 'no column "name"'},
  },
  {
    name: 'B6 columns without a type',
    on: ['sqlite'],
    bad: run(),
    tables: statement => statement.replaceAll(/ (VARCHAR|BIGINT|JSON)\b/g, ''),
    facts: isWholeRun,
  },
  {
    name: 'B6 columns of number types, which turn digits into numbers',
    on: ['sqlite'],
    bad: run({root: {status_message: '42', name: '007'}, trace: {user_id: '1e5'}}),
    tables: statement => statement.replaceAll(/ VARCHAR\b/g, ' NUMERIC'),
    facts: isWholeRun,
  },
  {
    name: 'B6 times of type timestamptz',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () =>
      ['start_time', 'end_time', 'created_at'].flatMap(column =>
        ['agno_spans', 'agno_traces'].map(table => pgAlter(column, 'timestamptz', `${column}::timestamptz`, table)),
      ),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen)).toMatchObject({startTime: '2024-05-06T10:00:00.000000Z', durationMs: 1000});
    },
  },
  {
    name: 'B6 times of type bigint',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () =>
      ['start_time', 'end_time', 'created_at'].flatMap(column =>
        ['agno_spans', 'agno_traces'].map(table =>
          pgAlter(column, 'bigint', `(extract(epoch from ${column}::timestamptz) * 1000000000)::bigint`, table),
        ),
      ),
    facts: isWholeRun,
  },
  {
    name: 'B6 durations of type double precision',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [pgAlter('duration_ms', 'double precision', 'duration_ms + 0.25')],
    facts: isWholeRun,
  },
  {
    name: 'B6 durations of type numeric, NaN among them',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [
      pgAlter('duration_ms', 'numeric', 'duration_ms'),
      `update ai.agno_spans set duration_ms = 'NaN' where span_id = '${BAD.call}'`,
    ],
    facts: isWholeRun,
  },
  {
    name: 'B6 durations of type text',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [pgAlter('duration_ms', 'text', 'duration_ms::text')],
    facts: isWholeRun,
  },
  {
    name: 'B6 trace ids of type uuid',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [
      'alter table ai.agno_spans drop constraint agno_spans_trace_id_fkey',
      pgAlter('trace_id', 'uuid', 'trace_id::uuid'),
      pgAlter('trace_id', 'uuid', 'trace_id::uuid', 'agno_traces'),
    ],
    trace: 'bad0bad0-bad0-bad0-bad0-bad0bad0bad0',
    facts: seen => expect(seen.runs.map(record => record.runId)).toContain(BAD.run),
  },
  {
    name: 'B7 the older columns start_time_ns and total_spans',
    bad: run(),
    after: backend => {
      const schema = backend === 'sqlite' ? '' : 'ai.';
      return ['agno_spans', 'agno_traces'].flatMap(table => [
        `alter table ${schema}${table} rename column start_time to start_time_ns`,
        `alter table ${schema}${table} rename column end_time to end_time_ns`,
      ]);
    },
    refused: {exit: 5, says: 'no column "start_time", "end_time"'},
  },
  ...Object.entries(ODD_IDS).map(
    ([what, ids]): Case => ({
      name: `B8 ids ${what}`,
      bad: run({ids}),
      trace: ids.trace,
      span: ids.root,
      facts: async seen => {
        const record = seen.runs.find(({traceId}) => traceId === ids.trace);
        expect(record).toMatchObject({runId: ids.run, sessionId: ids.session, spanId: ids.root, state: 'ok'});
        for (const id of [ids.run, ids.session, ids.call]) expect((await seen.ask('show', id)).code).toBe(0);
        for (const filter of [
          ['--run', ids.run],
          ['--session', ids.session],
          ['--trace', ids.trace],
        ]) {
          const {code, out} = await seen.ask('list', ...filter, '--json');
          expect(code).toBe(0);
          expect(JSON.parse(out).data.map(({runId}: {runId: string}) => runId)).toEqual([ids.run]);
        }
      },
    }),
  ),
  {
    name: 'B9 empty names',
    bad: run({
      trace: {name: ''},
      root: {name: ''},
      rootMore: {'agent.name': ''},
      call: {name: ''},
      callMore: {'llm.model_name': ''},
    }),
    facts: isWholeRun,
  },
  {
    name: 'B9 names of 1 MB',
    isLarge: true,
    bad: run({
      root: {name: 'n'.repeat(1_000_000), status_message: 'm '.repeat(500_000)},
      call: {name: `${'漢\u0301'.repeat(300_000)}.invoke`},
    }),
    facts: isWholeRun,
  },
  {
    name: 'B10 one span id in two traces',
    bad: rows(run(), {
      traces: [traceRow(idsOf('7b1d'))],
      spans: [spanRow(idsOf('7b1d'), BAD.root, {attributes: JSON.stringify(agentAttributes(idsOf('7b1d')))})],
    }),
    tables: statement => statement.replace('PRIMARY KEY (span_id), \n\t', ''),
    facts: seen => {
      isWholeRun(seen);
      expect(seen.runs.map(({traceId}) => traceId)).toContain(idsOf('7b1d').trace);
    },
  },
  {
    name: 'B10 one span twice',
    bad: rows(run(), {spans: run().spans}),
    tables: statement => statement.replace('PRIMARY KEY (span_id), \n\t', ''),
    facts: isWholeRun,
  },
  {
    name: 'B11 statuses and kinds in lower case',
    bad: run({
      trace: {status: 'ok'},
      root: {status_code: 'ok', span_kind: 'internal'},
      rootMore: {'openinference.span.kind': 'agent'},
      call: {status_code: 'error', status_message: 'no answer'},
      callMore: {'openinference.span.kind': 'Llm'},
    }),
    facts: seen => {
      expect(badRun(seen)).toMatchObject({kind: 'agent', spanStatus: 'OK', errorCount: 1});
    },
  },
  {
    name: 'B11 statuses and kinds that nobody knows',
    bad: run({
      trace: {status: 'MAYBE'},
      root: {status_code: '', span_kind: 'SIDEWAYS'},
      call: {status_code: 'STATUS_CODE_OK', span_kind: '3'},
      callMore: {'openinference.span.kind': 'ORACLE'},
    }),
    facts: seen => {
      expect(badRun(seen)).toMatchObject({kind: 'agent', storedStatus: 'MAYBE'});
      expect(shownSpan(seen, BAD.call)).toMatchObject({kind: 'other', spanStatus: 'STATUS_CODE_OK'});
    },
  },
];

/** A run whose times are all written by `form`, from ms after START. */
function timed(form: (ms: number) => Cell): Rows {
  const times = (from: number, to: number, created: number): Row => ({
    start_time: form(from),
    end_time: form(to),
    created_at: form(created),
  });
  return run({trace: times(0, 1000, 1001), root: times(0, 1000, 1001), call: times(100, 900, 901)});
}
const startsAt =
  (startTime: string | null, durationMs: number | null = 1000) =>
  (seen: Seen) => {
    isWholeRun(seen);
    expect(badRun(seen)).toMatchObject({startTime, durationMs});
  };
const ten = startsAt('2024-05-06T10:00:00.000000Z');
const iso = (ms: number) => new Date(START / 1000 + ms).toISOString();
const shifted = (year: string) => (ms: number) =>
  `${year}-05-06T10:00:0${ms / 1000}${ms % 1000 === 0 ? '.0' : ''}+00:00`;
const integerTimes = (statement: string) =>
  statement.replaceAll(/(start_time|end_time|created_at) VARCHAR/g, '$1 BIGINT');

const TIMES: Case[] = [
  {name: 'C1 without a fraction', bad: timed(ms => `${iso(ms).slice(0, 19)}+00:00`), facts: ten},
  {name: 'C2 with Z', bad: timed(iso), facts: ten},
  {
    name: 'C3 with another offset',
    bad: timed(ms => `${new Date(START / 1000 + ms + 5.5 * 3_600_000).toISOString().slice(0, 23)}+05:30`),
    facts: ten,
  },
  {name: 'C4 with a blank for T', bad: timed(ms => iso(ms).replace('T', ' ').replace('Z', '+00:00')), facts: ten},
  {
    name: 'C5 without a zone, taken for UTC and said so',
    bad: timed(ms => iso(ms).slice(0, 23)),
    facts: seen => {
      ten(seen);
      expect(shownSpan(seen, BAD.root).problems.join()).toMatch(/zone/);
    },
  },
  {
    name: 'C6 with nanoseconds',
    bad: timed(ms => iso(ms).replace('Z', '123456Z')),
    facts: startsAt('2024-05-06T10:00:00.000123Z'),
  },
  {name: 'C7 as seconds in text', bad: timed(ms => String(START / 1e6 + ms / 1000)), facts: ten},
  {name: 'C7 as milliseconds in text', bad: timed(ms => String(START / 1000 + ms)), facts: ten},
  {name: 'C7 as microseconds in text', bad: timed(ms => String(START + ms * 1000)), facts: ten},
  {name: 'C7 as nanoseconds in text', bad: timed(ms => `${START + ms * 1000}000`), facts: ten},
  {
    name: 'C7 as seconds in numbers',
    on: ['sqlite'],
    tables: integerTimes,
    bad: timed(ms => START / 1e6 + ms / 1000),
    facts: ten,
  },
  {
    name: 'C7 as milliseconds in numbers',
    on: ['sqlite'],
    tables: integerTimes,
    bad: timed(ms => BigInt(START / 1000 + ms)),
    facts: ten,
  },
  {
    name: 'C7 as nanoseconds in numbers',
    on: ['sqlite'],
    tables: integerTimes,
    bad: timed(ms => BigInt(START + ms * 1000) * 1000n),
    facts: ten,
  },
  {name: 'C8 in 1970', bad: timed(ms => agnoTime(ms * 1000)), facts: startsAt('1970-01-01T00:00:00.000000Z')},
  {
    name: 'C8 before 1970',
    bad: timed(ms => agnoTime((ms - 10_000) * 1000)),
    facts: startsAt('1969-12-31T23:59:50.000000Z'),
  },
  {name: 'C8 in the year 1', bad: timed(shifted('0001')), facts: startsAt('0001-05-06T10:00:00.000000Z')},
  {name: 'C8 in 9999', bad: timed(shifted('9999')), facts: startsAt('9999-05-06T10:00:00.000000Z')},
  {
    name: 'C8 in the year 10000',
    bad: timed(shifted('10000')),
    facts: async seen => {
      startsAt('+010000-05-06T10:00:00.000000Z')(seen);
      expect((await seen.ask('show', BAD.run)).out).toContain('10000-05-06 10:00:00 UTC');
    },
  },
  ...['', 'None', 'vorgestern um zehn', '\x1b[2J'].map(
    (text): Case => ({
      name: `C9 times that are ${JSON.stringify(text)}`,
      bad: timed(() => text),
      facts: seen => {
        startsAt(null)(seen);
        expect(shownSpan(seen, BAD.root).problems[0]).toContain('is no time');
      },
    }),
  ),
  {
    name: 'C9 a run span without times over a model call with them',
    bad: run({root: {start_time: 'None', end_time: 'None', created_at: 'None'}}),
    facts: isWholeRun,
  },
  {
    name: 'C10 a leap second',
    bad: run({root: {start_time: '2016-12-31T23:59:60+00:00', end_time: '2017-01-01T00:00:01+00:00'}}),
    facts: startsAt('2017-01-01T00:00:00.000000Z'),
  },
  {
    name: 'C11 an end before the start',
    bad: run({
      root: {start_time: at(1000), end_time: at(0), duration_ms: -1000},
      call: {start_time: at(900), end_time: at(100)},
    }),
    facts: withProblem(/ends before it starts/),
  },
  {
    name: 'C11 no duration at all',
    bad: run({root: {end_time: at(0), duration_ms: 0}, call: {start_time: at(0), end_time: at(0), duration_ms: 0}}),
    facts: seen => expect(badRun(seen).durationMs).toBe(0),
  },
  {
    name: 'C12 a stored duration that disagrees with the times',
    bad: run({trace: {duration_ms: 5}, root: {duration_ms: 77_000_000}, call: {duration_ms: -3}}),
    facts: ten,
  },
  {
    name: 'C13 a child outside of its parent',
    bad: rows(run({call: {start_time: at(-5000), end_time: at(-4000)}}), {
      spans: [
        spanRow(BAD, 'bad000000000000c', {
          parent_span_id: BAD.root,
          start_time: at(5000),
          end_time: at(60_000),
          attributes: '{"openinference.span.kind": "TOOL", "tool.name": "late"}',
        }),
        spanRow(BAD, 'bad000000000000d', {parent_span_id: BAD.root, start_time: at(-500), end_time: at(99_000)}),
      ],
    }),
    facts: seen => {
      isWholeRun(seen);
      for (const {selfMs, durationMs} of seen.shown!.spans) {
        expect(selfMs).toBeGreaterThanOrEqual(0);
        expect(selfMs).toBeLessThanOrEqual(durationMs);
      }
    },
  },
  {
    name: 'C14 a host whose clock is years ahead',
    bad: timed(ms => agnoTime(START + ms * 1000 + 30 * 365.25 * 86_400_000_000)),
    facts: isWholeRun,
  },
  {
    name: 'C14 a clock that stepped back between parent and child',
    bad: run({call: {start_time: at(-3_600_000), end_time: at(-3_599_200), created_at: at(-3_599_199)}}),
    facts: isWholeRun,
  },
  {
    name: 'C14 an unfinished run of a host whose clock is ahead',
    bad: {
      traces: [traceRow(BAD, {run_id: null, session_id: null})],
      spans: [{...run().spans[0]!, created_at: '2999-01-01T00:00:00+00:00'}],
    },
    span: BAD.call,
    facts: seen => expect(badRun(seen)).toMatchObject({state: 'running', missing: true, runId: null}),
  },
  {
    name: 'C15 rows written long before and long after',
    bad: run({
      root: {created_at: at(-86_400_000)},
      call: {created_at: at(9 * 86_400_000)},
      trace: {created_at: 'soon'},
    }),
    facts: isWholeRun,
  },
  {
    name: 'C16 many spans and runs at the same moment',
    bad: rows(
      run(),
      {
        spans: Array.from({length: 50}, (_, i) =>
          spanRow(BAD, `bad0000000001${String(i).padStart(3, '0')}`, {
            parent_span_id: BAD.root,
            start_time: at(0),
            end_time: at(0),
            attributes: '{"openinference.span.kind": "TOOL", "tool.name": "same"}',
          }),
        ),
      },
      ...['5a01', '5a02', '5a03'].map(word => run({ids: idsOf(word)})),
    ),
    facts: async seen => {
      isWholeRun(seen);
      expect(await pagedRunIds(seen)).toEqual(seen.runs.map(({runId}) => runId));
    },
  },
  {
    name: 'C17 a collation in which a fraction sorts before its whole second',
    on: ['postgres'],
    bad: rows(
      ...[0, 250, 999, 1000, 1001, 1999, 2000].map((ms, i) => {
        const ids = i === 0 ? BAD : idsOf(`c01${i}`);
        return run({ids, root: {start_time: at(ms), end_time: at(ms + 500)}, trace: {start_time: at(ms)}});
      }),
    ),
    after: () =>
      ['agno_spans', 'agno_traces'].map(
        table => `alter table ai.${table} alter column start_time type varchar collate "en-US-x-icu"`,
      ),
    facts: async seen => {
      expect(seen.runs).toHaveLength(8);
      expect((await pagedRunIds(seen)).sort()).toEqual(seen.runs.map(({runId}) => runId).sort());
      const window = await seen.ask('list', '--since', at(1000), '--until', at(2000), '--json');
      const starts = JSON.parse(window.out).data.map(({startTime}: {startTime: string}) => startTime);
      expect(starts.sort()).toEqual([1000, 1001, 1999].map(ms => iso(ms).replace('Z', '000Z')));
    },
  },
];

/** Every page of one run, followed by its cursor. */
async function pagedRunIds(seen: Seen): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const {out} = await seen.ask('list', '--limit', '1', '--json', ...(cursor === null ? [] : ['--cursor', cursor]));
    const page: {data: {runId: string}[]; page: {next: string | null}} = JSON.parse(out);
    ids.push(...page.data.map(({runId}) => runId));
    cursor = page.page.next;
  } while (cursor !== null && ids.length < 100);
  return ids;
}

const OTHER = idsOf('07e2');
const toolSpan = (id: string, changed: Row = {}) =>
  spanRow(BAD, id, {attributes: '{"openinference.span.kind": "TOOL", "tool.name": "a_tool"}', ...changed});

const SHAPES: Case[] = [
  {
    name: 'D1 two spans that are each other’s parent',
    bad: run({root: {parent_span_id: BAD.call}}),
    facts: seen => expect(seen.shown!.spans).toHaveLength(2),
  },
  {
    name: 'D1 a circle of three below a run',
    bad: rows(run(), {
      spans: ['c', 'd', 'e'].map((letter, i, all) =>
        toolSpan(`bad000000000000${letter}`, {parent_span_id: `bad000000000000${all[(i + 1) % 3]}`}),
      ),
    }),
    facts: seen => {
      expect(badRuns(seen).map(({runId}) => runId)).toContain(BAD.run);
      const drawn = badRuns(seen).reduce((sum, record) => sum + record.spanCount, 0);
      expect(drawn).toBe(5);
    },
  },
  {name: 'D2 a span that is its own parent', bad: run({root: {parent_span_id: BAD.root}}), facts: isWholeRun},
  {
    name: 'D2 a model call that is its own parent',
    bad: run({call: {parent_span_id: BAD.call}}),
    facts: seen => expect(badRuns(seen).reduce((sum, record) => sum + record.spanCount, 0)).toBe(2),
  },
  {
    name: 'D3 a parent id that nobody has, beside a whole run',
    bad: rows(run(), {spans: [toolSpan('bad000000000000c', {parent_span_id: 'ffffffffffffffff'})]}),
    facts: seen => expect(badRuns(seen).map(({runId}) => runId)).toContain(BAD.run),
  },
  {name: 'D3 a parent id that is empty', bad: run({root: {parent_span_id: ''}}), facts: isWholeRun},
  {
    name: 'D4 no root',
    bad: {traces: [traceRow(BAD, {run_id: null})], spans: [run().spans[0]!]},
    span: BAD.call,
    facts: seen => expect(badRun(seen)).toMatchObject({state: 'lost', missing: true, runId: null, spanCount: 1}),
  },
  {
    name: 'D5 several roots',
    bad: rows(run(), {
      spans: [
        spanRow(BAD, 'bad000000000000c', {attributes: JSON.stringify({...agentAttributes(OTHER), 'session.id': 's2'})}),
        toolSpan('bad000000000000d'),
        spanRow(BAD, 'bad000000000000e', {name: 'GET /health', span_kind: 'SERVER'}),
      ],
    }),
    facts: seen => {
      expect(badRuns(seen)).toHaveLength(3);
      for (const runId of [BAD.run, OTHER.run])
        expect(badRuns(seen)).toContainEqual(expect.objectContaining({runId, part: false}));
      expect(badRuns(seen)).toContainEqual(expect.objectContaining({runId: null, part: true, kind: 'tool'}));
    },
  },
  {
    name: 'D6 a parent in another trace',
    bad: run({root: {parent_span_id: GOOD.root}}),
    facts: async seen => {
      isWholeRun(seen);
      // The id means the span that has it, not the one that names it as its parent.
      const {out} = await seen.ask('show', GOOD.root, '--json');
      expect(JSON.parse(out).data.runs).toMatchObject([{runId: GOOD.run}]);
    },
  },
  {
    name: 'D7 a trace row without spans',
    bad: {traces: [traceRow(BAD)], spans: []},
    listed: 'nowhere',
    showsSpan: 3,
    facts: async seen => {
      expect(seen.shown).toEqual({runs: [], spans: []});
      expect((await seen.ask('show', BAD.trace)).err).toContain('has a row but no spans');
      expect((await seen.ask('show', BAD.run)).code).toBe(3);
      expect((await seen.ask('show', BAD.session)).code).toBe(3);
    },
  },
  {
    name: 'D8 spans without a trace row',
    bad: {traces: [], spans: run().spans},
    tables: statement => statement.replace(/, \n\tFOREIGN KEY.*(?=\n)/, ''),
    facts: async seen => {
      isWholeRun(seen);
      expect(badRun(seen).storedStatus).toBeNull();
      for (const id of [BAD.run, BAD.session]) expect((await seen.ask('show', id)).code).toBe(0);
    },
  },
  {
    name: 'D12 one run id in several traces',
    bad: rows(
      run(),
      run({
        ids: {...OTHER, run: BAD.run},
        trace: {start_time: at(5000)},
        root: {start_time: at(5000), end_time: at(6000)},
      }),
    ),
    facts: async seen => {
      isWholeRun(seen);
      const {out} = await seen.ask('show', BAD.run, '--json');
      expect(JSON.parse(out).data.runs.map(({traceId}: {traceId: string}) => traceId)).toEqual([
        BAD.trace,
        OTHER.trace,
      ]);
    },
  },
  {
    name: 'D12 several run ids in one trace',
    bad: rows(run(), {
      spans: [
        spanRow(BAD, 'bad000000000000c', {
          start_time: at(3000),
          end_time: at(4000),
          attributes: JSON.stringify(agentAttributes(OTHER)),
        }),
      ],
    }),
    facts: async seen => {
      expect(badRuns(seen).map(({runId}) => runId)).toEqual([OTHER.run, BAD.run]);
      const {out} = await seen.ask('show', OTHER.run, '--json');
      expect(JSON.parse(out).data.runs.map(({runId}: {runId: string}) => runId)).toEqual([OTHER.run]);
    },
  },
  {
    name: 'D14 a stored status that hides an error, and one that cries wolf',
    bad: rows(
      run({root: {status_code: 'ERROR', status_message: 'it broke'}, trace: {status: 'OK'}}),
      run({ids: OTHER, trace: {status: 'ERROR'}}),
    ),
    facts: seen => {
      expect(badRun(seen)).toMatchObject({state: 'error', storedStatus: 'OK', spanStatus: 'ERROR'});
      expect(seen.runs.find(({runId}) => runId === OTHER.run)).toMatchObject({state: 'ok', storedStatus: 'ERROR'});
    },
  },
  {
    name: 'D15 a run that is still going on',
    bad: (() => {
      const now = (ms: number) => agnoTime(Date.now() * 1000 + ms * 1000);
      const times = {start_time: now(-1000), end_time: now(-500), created_at: now(-400)};
      const [call] = run({call: times}).spans;
      return {traces: [traceRow(BAD, {run_id: null, session_id: null, ...times})], spans: [call!]};
    })(),
    span: BAD.call,
    facts: async seen => {
      expect(badRun(seen)).toMatchObject({
        state: 'running',
        missing: true,
        runId: null,
        spanId: BAD.root,
        endTime: null,
      });
      expect((await seen.ask('list', '--state', 'running')).out).toContain(`~${BAD.trace}`);
    },
  },
];

/** What may be on a line of output that data went into: no control characters, nothing that reorders or hides. */
const UNSAFE = new RegExp(
  [
    '[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200c\\u200e\\u200f]',
    '[\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb\\u{e0000}-\\u{e0fff}\\p{Co}\\p{Cs}]',
    // A joiner and FE0F are left where they make one emoji of several characters.
    '(?<!\\p{Extended_Pictographic})\\ufe0f',
    '(?<!\\p{Extended_Pictographic}[\\ufe0f\\u{1f3fb}-\\u{1f3ff}]*)\\u200d',
    '\\u200d(?!\\p{Extended_Pictographic})',
  ].join('|'),
  'u',
);

/** What is wrong with an answer; empty when it survived. */
function wrongWith(
  argv: readonly string[],
  result: CliResult,
  exits: readonly number[],
  good: string | null,
): string[] {
  const {code, out, err} = result;
  const wrong: string[] = [];
  const talk = `${code}: ${err.slice(0, 300)}`;
  if (!exits.includes(code)) wrong.push(`exit ${talk}, expected ${exits.join(' or ')}`);
  if (/defect of agno-trace/.test(err)) wrong.push(`a defect: ${talk}`);
  if (/^\s+at .+:\d+:\d+\)?$/m.test(out + err)) wrong.push('a stack trace');
  const isJson = argv.includes('--json');
  const unsafe = UNSAFE.exec(isJson ? err : out) ?? UNSAFE.exec(err);
  if (unsafe) wrong.push(`an unsafe character U+${unsafe[0].codePointAt(0)?.toString(16)}`);
  if (isJson && code === 0) {
    try {
      JSON.parse(out);
    } catch (error) {
      wrong.push(`no JSON: ${String(error)}`);
    }
  }
  if (code !== 0 && isJson && !/^\{"error":/.test(err)) wrong.push(`its error is no JSON: ${talk}`);
  if (good !== null && code === 0 && !out.includes(good)) wrong.push(`"${good}" is missing`);
  return wrong.map(text => `${argv.map(arg => (arg.length > 60 ? `${arg.slice(0, 60)}…` : arg)).join(' ')}: ${text}`);
}

const BY = ['name', 'kind', 'tool', 'model'] as const;

async function survives(bad: Case, backend: Backend, db: string): Promise<void> {
  const ask = (...argv: string[]) => cli([...argv, '--db', db, ...(bad.flags ?? [])]);
  const {refused, mayRefuse} = bad;
  const wrong: string[] = [];
  const check = async (argv: readonly string[], exit: number, good: string | null = null) => {
    const result = await ask(...argv);
    const exits = refused ? [refused.exit] : mayRefuse === undefined ? [exit] : [exit, mayRefuse];
    wrong.push(...wrongWith(argv, result, exits, good));
    if (refused && !result.err.replaceAll('\\"', '"').includes(refused.says))
      wrong.push(`${argv.join(' ')} does not say ${refused.says}: ${result.err}`);
    return result;
  };
  const trace = bad.trace ?? BAD.trace;
  const span = bad.span ?? BAD.root;
  const [showsTrace, showsSpan] = [bad.showsTrace ?? 0, bad.showsSpan ?? 0];
  // Of one row both databases hand over the same, so what only draws it is looked at once.
  const isDrawnElsewhere = backend === 'postgres' && (bad.on ?? BACKENDS).includes('sqlite');
  const asking = [
    () => check(['list', '--limit', '0', '--traffic', '--json'], 0, GOOD.run),
    () => check(['list'], 0, GOOD.run),
    () => check(['list', '--since', '2000-01-01'], 0, GOOD.run),
    () => check(['show', GOOD.run], 0, 'agent 600d'),
    () => check(['show', span], showsSpan),
    () => check(['grep', 'an answer|a question', '--limit', '0'], 0, 'an answer'),
    () => check(['grep', '[a-z]+', '--in', 'attributes', '--limit', '0', '--traffic', '--json'], 0),
    ...BY.map(by => () => check(['slowest', '--by', by, '--json'], 0)),
  ];
  const drawing = [
    () => check(['list', '--traffic'], 0, GOOD.run),
    () => check(['show', 'latest'], 0),
    () => check(['show', GOOD.run, '--json', '--io', 'full'], 0, '"an answer"'),
    () => check(['show', GOOD.trace, '--span', GOOD.call], 0, 'a question'),
    () => check(['show', trace], showsTrace),
    () => check(['transcript', GOOD.run], 0, 'an answer'),
    () => check(['transcript', trace, '--json'], showsTrace),
    async () => {
      // It may be no one run, or none at all.
      const argv = ['diff', GOOD.run, trace, '--json'];
      wrong.push(...wrongWith(argv, await ask(...argv), refused ? [refused.exit] : [0, 2, 3, mayRefuse ?? 0], null));
    },
    () => check(['show', trace, '--io', 'full'], showsTrace),
    () => check(['show', trace, '--span', span, '--json'], showsSpan),
    () => check(['slowest', '--limit', '0'], 0),
  ];
  const further = bad.isLarge ? [] : isDrawnElsewhere ? asking : [...asking, ...drawing];
  // All at once: most of the time each command waits for its own connection.
  const [plain, whole, detail, traffic] = await Promise.all([
    check(['list', '--limit', '0', '--json'], 0, GOOD.run),
    check(['show', trace, '--json', '--io', 'full'], showsTrace),
    check(['show', trace, '--span', span], showsSpan),
    ...further.map(start => start()),
  ]);
  expect(wrong).toEqual([]);
  if (refused || plain.code === mayRefuse) return;

  if (!bad.isLarge && !isDrawnElsewhere) await isHandedOn(bad, ask);

  const [runs, withTraffic] = [plain, traffic ?? plain].map(({out}) => JSON.parse(out).data);
  expect(runs.find(({runId}: {runId: string}) => runId === GOOD.run)).toMatchObject({state: 'ok', spanCount: 2});
  const isIn = (list: {traceId: string}[]) => list.some(({traceId}) => traceId === trace);
  expect(isIn(runs) ? 'run' : isIn(withTraffic) ? 'traffic' : 'nowhere').toBe(bad.listed ?? 'run');
  const shown = whole.code === 0 ? JSON.parse(whole.out).data : null;
  await bad.facts?.({runs, withTraffic, shown, detail: detail.out, ask}, backend);
}

/** Every row leaves in every form, each once and well formed; nobody is hidden by what cannot be read. */
async function isHandedOn({bad, after, flags, mayRefuse, listed}: Case, ask: Seen['ask']): Promise<void> {
  const exported = async (...argv: string[]) => {
    const all = ['export', '--all', '--traffic', ...argv];
    const result = await ask(...all);
    const text = argv.includes('md') ? result : {...result, out: ''};
    expect(wrongWith(all, text, mayRefuse === undefined ? [0] : [0, mayRefuse], null)).toEqual([]);
    return result.code === 0 ? result.out : null;
  };
  // Of one that is there twice the trees have the last.
  const spans = new Set(allRows(bad).spans.map(row => `${row.trace_id} ${row.span_id}`)).size;
  const isCounted = after === undefined && flags === undefined && listed !== 'nowhere';
  for (const redacting of [[], ['--redact', 'all'], ['--no-content']]) {
    const otlp = await exported(...redacting);
    if (otlp === null) return;
    const halves: string[] = [];
    const sent = otlp
      .trim()
      .split('\n')
      .map(line =>
        JSON.parse(line, (_, value) => {
          if (typeof value === 'string' && /\p{Cs}/u.test(value)) halves.push(value);
          return value;
        }),
      )
      .flatMap(request => request.resourceSpans[0].scopeSpans[0].spans);
    // Decoders of Protobuf refuse them.
    expect(halves).toEqual([]);
    for (const {traceId, spanId, parentSpanId, kind, startTimeUnixNano, endTimeUnixNano, status} of sent) {
      expect(traceId).toMatch(/^(?!0+$)[0-9a-f]{32}$/);
      for (const id of [spanId, ...(parentSpanId === undefined ? [] : [parentSpanId])])
        expect(id).toMatch(/^(?!0+$)[0-9a-f]{16}$/);
      for (const nanos of [startTimeUnixNano, endTimeUnixNano])
        expect(BigInt.asUintN(64, BigInt(nanos))).toBe(BigInt(nanos));
      expect([0, 1, 2, 3, 4, 5]).toContain(kind);
      expect([undefined, 1, 2]).toContain(status.code);
    }
    const lines = (await exported('--jsonl', ...redacting))!
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    const rows = lines.filter(({type}) => type === 'span');
    expect(lines.some(({type, runId}) => type === 'run' && runId === GOOD.run)).toBe(true);
    expect(rows).toHaveLength(sent.length);
    if (isCounted) expect(sent).toHaveLength(spans);
    expect(new Set(sent.map(({traceId, spanId}) => traceId + spanId)).size).toBe(sent.length);
    expect(await exported('--format', 'md', ...redacting)).toContain(GOOD.run);
  }
}

/** The good run first; the order of writing decides nothing. */
const allRows = (bad: Rows): Rows => rows(run({ids: GOOD}), bad);

let files = 0;
function sqliteWith({bad, tables = text => text, after}: Case, folder: string): string {
  const file = path.join(folder, `${files++}.db`);
  const db = new Database(file);
  // As Agno 2 leaves it: nobody checks that a span's trace is there.
  db.pragma('foreign_keys = off');
  db.pragma('synchronous = off');
  for (const statement of agnoTables('sqlite', '')) db.exec(tables(statement, 'sqlite'));
  const insert = db.transaction(({traces, spans}: Rows) => {
    for (const [table, list] of [
      ['agno_traces', traces],
      ['agno_spans', spans],
    ] as const) {
      for (const row of list) {
        const places = Object.values(row).map(cell => (isSql(cell) ? cell.sql : '?'));
        db.prepare(
          `insert into ${table} (${Object.keys(row).map(quoteIdentifier).join(', ')}) values (${places.join(', ')})`,
        ).run(...Object.values(row).filter(cell => !isSql(cell)));
      }
    }
  });
  insert(allRows(bad));
  for (const statement of after?.('sqlite') ?? []) db.exec(statement);
  db.close();
  return file;
}

function isSql(cell: Cell): cell is {sql: string} {
  return cell !== null && typeof cell === 'object' && !Buffer.isBuffer(cell);
}

/** Databases whose tables are as Agno makes them, so that only their rows have to go. */
const plain = new WeakSet<pg.Client>();

async function fillPostgres(client: pg.Client, {bad, tables, after}: Case): Promise<void> {
  if (plain.has(client)) await client.query('delete from ai.agno_spans; delete from ai.agno_traces');
  if (!plain.has(client) || tables) {
    const {rows: schemas} = await client.query(
      `select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`,
    );
    for (const {nspname} of schemas) await client.query(`drop schema ${quoteIdentifier(nspname)} cascade`);
    const statements = agnoTables('postgres', 'ai').map(text => tables?.(text, 'postgres') ?? text);
    await client.query(statements.join(';\n'));
  }
  if (tables || after) plain.delete(client);
  else plain.add(client);
  const {traces, spans} = allRows(bad);
  for (const [table, list] of [
    ['ai.agno_traces', traces],
    ['ai.agno_spans', spans],
  ] as const) {
    for (const row of list) {
      const places = Object.keys(row).map((_, i) => `$${i + 1}`);
      await client.query(
        `insert into ${table} (${Object.keys(row).map(quoteIdentifier).join(', ')}) values (${places.join(', ')})`,
        Object.values(row),
      );
    }
  }
  for (const statement of after?.('postgres') ?? []) await client.query(statement);
}

const CATALOGUE = [...ATTRIBUTES, ...TYPES, ...TIMES, ...SHAPES];
const casesOn = (backend: Backend): [string, Case][] =>
  CATALOGUE.filter(({on = BACKENDS}) => on.includes(backend)).map(bad => [bad.name, bad]);

describe('bad data in SQLite', () => {
  let folder = '';
  beforeAll(() => {
    folder = temporaryFolder();
  });

  it.each(casesOn('sqlite'))('%s', async (_, bad) => {
    await survives(bad, 'sqlite', sqliteWith(bad, folder));
  });
});

describe('bad data in Postgres', () => {
  let database: {url: string; client: pg.Client};
  beforeAll(async () => {
    database = await newPostgresDatabase();
  });

  it.each(casesOn('postgres'))('%s', async (_, bad) => {
    await fillPostgres(database.client, bad);
    // Nothing here is about TLS: asking for it first would cost every command a second connection.
    await survives(bad, 'postgres', `${database.url}?sslmode=disable`);
  });
});

const hex = (backend: Backend, number: string) =>
  backend === 'sqlite' ? `printf('%016x', ${number})` : `lpad(to_hex(${number}), 16, '0')`;
const digits = (backend: Backend, number: string, width: number) =>
  backend === 'sqlite' ? `printf('%0${width}d', ${number})` : `lpad((${number})::text, ${width}, '0')`;

/** A trace of so many spans, each below `parent` (SQL over `i`); the first is the run span, the others are tools. */
function massStatements(backend: Backend, count: number, parent: string): string[] {
  const schema = backend === 'sqlite' ? '' : 'ai.';
  const numbers =
    backend === 'sqlite'
      ? `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count}) select i from n)`
      : `generate_series(1, ${count}) n(i)`;
  const jsonb = backend === 'sqlite' ? '' : '::jsonb';
  const [minute, second, micro] = [
    ['i / 60000', 2],
    ['i / 1000 % 60', 2],
    ['i % 1000 * 1000', 6],
  ] as const;
  const start = `'2024-05-06T10:' || ${digits(backend, ...minute)} || ':' || ${digits(backend, ...second)} || '.' || ${digits(backend, ...micro)} || '+00:00'`;
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
  const columns = Object.keys(traceRow(BAD));
  const values = Object.values(traceRow(BAD)).map(value => (value === null ? 'null' : text(String(value))));
  return [
    `insert into ${schema}agno_traces (${columns.join(', ')}) values (${values.join(', ')})`,
    `insert into ${schema}agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, start_time, end_time,
                                      duration_ms, attributes, created_at)
     select ${hex(backend, 'i')}, '${BAD.trace}', ${parent}, case i when 1 then 'agent.run' else 'a_tool' end, 'INTERNAL', 'OK',
            ${start}, '${at(600_000)}', 1000,
            (case i when 1 then ${text(JSON.stringify(agentAttributes(BAD)))}
                    else '{"openinference.span.kind": "TOOL", "tool.name": "a_tool"}' end)${jsonb}, '${at(1001)}'
       from ${numbers}`,
  ];
}

interface Large {
  readonly name: string;
  readonly count: number;
  /** SQL for the parent of row `i`. */
  readonly parent: (backend: Backend) => string;
  readonly depth: number;
}

const ROOT_ID = '1'.padStart(16, '0');
const belowRoot = () => `case i when 1 then null else '${ROOT_ID}' end`;
const LARGE: Large[] = [
  {name: 'D9 100,000 spans in one trace', count: 100_000, parent: belowRoot, depth: 1},
  {
    name: 'D10 a chain of 10,000',
    count: 10_000,
    parent: backend => `case i when 1 then null else ${hex(backend, 'i - 1')} end`,
    depth: 9999,
  },
  {
    name: 'D10 a chain of 10,000 that ends in a circle',
    count: 10_000,
    parent: backend => hex(backend, 'case i when 1 then 10000 else i - 1 end'),
    depth: 9999,
  },
  {name: 'D11 10,000 siblings', count: 10_000, parent: belowRoot, depth: 1},
];

async function readsWhole({count, depth}: Large, backend: Backend, db: string): Promise<void> {
  const wrong: string[] = [];
  const ask = async (good: string | null, ...argv: string[]) => {
    const result = await cli([...argv, '--db', db]);
    wrong.push(...wrongWith(argv, result, [0], good));
    return result.out;
  };
  const shown = await ask(null, 'show', BAD.trace, '--json');
  const {spans} = JSON.parse(shown).data;
  expect(new Set(spans.map(({spanId}: {spanId: string}) => spanId)).size).toBe(count);
  expect(spans.at(-1).depth).toBe(depth);
  expect(wrong).toEqual([]);
  // What follows differs in nothing but the time it takes to hand over the same rows again.
  if (backend === 'postgres' && count > 10_000) return;
  const listed = await ask(GOOD.run, 'list', '--json');
  const tree = await ask('agent bad0', 'show', BAD.trace, '--io', 'none');
  expect(wrong).toEqual([]);
  const [record] = JSON.parse(listed).data.filter(({traceId}: {traceId: string}) => traceId === BAD.trace);
  expect(record).toMatchObject({runId: BAD.run, state: 'ok', spanCount: count});
  // Each has its row in the tree, below a header.
  expect(tree.split('\n').length).toBeGreaterThan(count);
}

describe.each(BACKENDS)('large traces in %s', backend => {
  it.each(LARGE.map(large => [large.name, large] as const))('%s', async (name, large) => {
    const statements = massStatements(backend, large.count, large.parent(backend));
    const made: Case = {name, bad: rows(), after: () => statements};
    if (backend === 'sqlite') return readsWhole(large, backend, sqliteWith(made, temporaryFolder()));
    const {url, client} = await newPostgresDatabase();
    await fillPostgres(client, made);
    await readsWhole(large, backend, url);
  });
});

describe('a trace of more spans than a call can have arguments', () => {
  // `push(...list)` and `Math.min(...list)` overflow the stack somewhere above 120,000.
  const COUNT = 150_000;
  const clock = {nowMicros: START, patience: PATIENCE};

  it.each([
    ['below one span', (i: number) => (i === 0 ? null : '0')],
    ['each below another one that is not there', (i: number) => `missing ${i}`],
    ['below one that is not there', () => 'missing'],
  ])('%s is built, judged and put into order', (_, parentOf) => {
    const [agent, tool] = [agentAttributes(BAD), {'openinference.span.kind': 'TOOL', 'tool.name': 't'}].map(
      attributes => toSpan({...spanRow(BAD, ''), attributes} as unknown as SpanRow),
    );
    const spans = Array.from({length: COUNT}, (_, i) => ({
      ...(i === 0 ? agent! : tool!),
      spanId: String(i),
      parentSpanId: parentOf(i),
    }));
    const trace = buildTrace(BAD.trace, spans, null, clock);
    const judge = new Judge(trace.tops);
    const drawn = trace.runs.flatMap(run => {
      const judged = judgedRun(run, judge, judge.run(run, NO_EVIDENCE, clock), NO_EVIDENCE);
      return drawnSpans(judged, drawnTops(trace, run));
    });
    expect(drawn.filter(({node}) => node.span !== null)).toHaveLength(COUNT);
  });
});

describe.each(BACKENDS)('A16 a value of 50 MB in %s', backend => {
  it('is printed where it is asked for and stays in the database elsewhere', async () => {
    const made: Case = {name: 'A16', bad: run({rootMore: {'output.value': 'fifty '.repeat(9_000_000)}})};
    let db = '';
    if (backend === 'sqlite') db = sqliteWith(made, temporaryFolder());
    else {
      const {url, client} = await newPostgresDatabase();
      await fillPostgres(client, made);
      db = url;
    }
    for (const argv of [
      ['list', '--json'],
      ['show', BAD.run],
    ]) {
      const result = await cli([...argv, '--db', db]);
      expect(wrongWith(argv, result, [0], BAD.run)).toEqual([]);
      expect(result.out.length).toBeLessThan(20_000);
    }
    const {code, out} = await cli(['show', BAD.run, '--span', BAD.root, '--db', db]);
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(54_000_000);
  });
});

describe('databases that are no bad rows but bad situations', () => {
  it('D13 the same session in two databases: each answers for its own', async () => {
    const folder = temporaryFolder();
    const here = sqliteWith({name: '', bad: rows(run({ids: {...BAD, session: 'shared'}}))}, folder);
    const there = sqliteWith({name: '', bad: rows(run({ids: {...OTHER, session: 'shared'}}))}, folder);
    for (const [file, own, foreign] of [
      [here, BAD.run, OTHER.run],
      [there, OTHER.run, BAD.run],
    ] as const) {
      const {code, out} = await cli(['show', 'shared', '--db', file]);
      expect(code).toBe(0);
      expect(out).toContain(own);
      expect(out).not.toContain(foreign);
    }
  });

  it.each(BACKENDS)('D16 a run that was deleted between list and show is not found any more, in %s', async backend => {
    const bad: Case = {name: 'D16', bad: run()};
    let [db, remove] = ['', async (_: string): Promise<unknown> => undefined];
    if (backend === 'sqlite') {
      db = sqliteWith(bad, temporaryFolder());
      remove = async statement => {
        const file = new Database(db);
        file.exec(statement.replaceAll('ai.', ''));
        file.close();
      };
    } else {
      const {url, client} = await newPostgresDatabase();
      await fillPostgres(client, bad);
      [db, remove] = [url, statement => client.query(statement)];
    }
    const before = await cli(['list', '--db', db]);
    expect(before.out).toContain(BAD.run);
    await remove(`delete from ai.agno_spans where trace_id = '${BAD.trace}'`);
    await remove(`delete from ai.agno_traces where trace_id = '${BAD.trace}'`);
    for (const argv of [
      ['show', BAD.run],
      ['show', BAD.trace],
      ['show', BAD.run.slice(0, 8)],
      ['show', BAD.root, '--json'],
      ['show', BAD.session],
    ]) {
      const result = await cli([...argv, '--db', db]);
      expect(wrongWith(argv, result, [3], null)).toEqual([]);
      expect(result.err).toContain('hint');
    }
    expect((await cli(['list', '--db', db])).out).toContain(GOOD.run);
  });

  it.each(BACKENDS)('D17 tables without a row have no run, and that is no error, in %s', async backend => {
    let db = '';
    if (backend === 'sqlite') {
      db = path.join(temporaryFolder(), 'empty.db');
      const file = new Database(db);
      for (const statement of agnoTables('sqlite', '')) file.exec(statement);
      file.close();
    } else {
      const {url, client} = await newPostgresDatabase();
      for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
      db = url;
    }
    for (const argv of [['list'], ['list', '--traffic'], ['list', '--session', 'x'], ['list', '--state', 'running']]) {
      const result = await cli([...argv, '--db', db]);
      expect(result).toMatchObject({code: 0, out: ''});
      expect(result.err).toContain('no run matches');
    }
    const {code, out} = await cli(['list', '--json', '--db', db]);
    expect({code, ...JSON.parse(out)}).toMatchObject({code: 0, data: [], page: {next: null}});
    expect((await cli(['slowest', '--db', db])).code).toBe(0);
    expect(JSON.parse((await cli(['slowest', '--json', '--db', db])).out).data).toEqual([]);
    for (const id of ['latest', 'abcd', BAD.run]) expect((await cli(['show', id, '--db', db])).code).toBe(3);
  });
});
