import {expect} from 'vitest';
import {badRun, type Case, isWholeRun, type Seen, shownSpan, withProblem} from './case.ts';
import {
  agentAttributes,
  at,
  BAD,
  callAttributes,
  GOOD,
  type Ids,
  idsOf,
  type Rows,
  rows,
  run,
  spanRow,
  traceRow,
} from './rows.ts';

const agentText = (more: string): string => JSON.stringify(agentAttributes(BAD)).replace(/\}$/, `, ${more}}`);
const deep = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

export const ATTRIBUTES: Case[] = [
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
      facts: seen => expect(shownSpan(seen, BAD.root).problems).toEqual(['attributes are not a JSON object']),
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
        expect((await seen.ask('list', '--limit', '0', ...filter)).out, filter.join(' ')).toContain(BAD.run);
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
      expect(seen.detail).toContain('repeats the key "output.value"; the last one is used');
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
        const {code, out, err} = await seen.ask('list', '--limit', '0', ...filter);
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
      expect(seen.detail).toContain('(removed by the instrumentor: __REDACTED__)');
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
      ['negative', '-7', null],
      ['words', '"many"', null],
      ['lists', '[7]', null],
      ['null', 'null', 5],
      ['enormous', '1e300', null],
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
    name: 'A24 token counts that are enormous, of a model that has a price',
    bad: run({
      callMore: {'llm.model_name': 'gpt-4o', 'llm.provider': 'OpenAI', 'llm.token_count.prompt': 1e300},
    }),
    facts: isWholeRun,
  },
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
        [`${call}.id`]: 'call_bad0',
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
              'llm.input_messages.1.message.tool_call_id': 'call_bad0',
            }),
          ),
        }),
      ],
    },
  );
}
