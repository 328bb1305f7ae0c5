import Database from 'better-sqlite3';
import {beforeAll, describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, sharedFixture, sqliteCopy} from '../databases.ts';
import {inCheck} from '../long.ts';
import {changeAttributes, copyRun, type RunCopy, traceOf, writeRun} from '../planted.ts';

const VERSIONS = {'3.1.10': 'agno-3.1.10-pictures.sqlite', '2.9.0': 'agno-2.9.0-more-pictures.sqlite'} as const;
const CASES = Object.entries(VERSIONS)
  .flatMap(([version, file]) => BACKENDS.map(backend => ({version, file, backend})))
  .filter(inCheck);
const PICTURES = [
  ...[
    'agent-ok',
    'agent-stream',
    'tool-error',
    'model-error',
    'model-retry',
    'cancelled',
    'guardrail',
    'hooks',
    'memory',
  ],
  ...['reasoning', 'retrieval-tool', 'team', 'team-member-error', 'workflow', 'workflow-failed', 'human-in-the-loop'],
  ...['team-human-in-the-loop', 'workflow-human-in-the-loop', 'http-stream-error', 'leaked-1'],
];

interface Entry {
  type: string;
  depth: number;
  role: string | null;
  text: string | null;
  reasoning: string | null;
  media: {type: string; bytes: number | null; mimeType: string | null}[];
  toolName: string | null;
  toolCallId: string | null;
  arguments: string | null;
  result: string | null;
  ran: boolean | null;
  who: string | null;
  runId: string | null;
  spanId: string;
  state: string | null;
  fromHistory: boolean;
}

describe.each(CASES)('transcripts of Agno $version on $backend', ({version, file, backend}) => {
  let db = '';
  beforeAll(async () => {
    db = await sharedFixture(backend, file);
  });
  const entriesOf = async (id: string, ...more: string[]): Promise<Entry[]> =>
    (await json(['transcript', id, '--db', db, ...more])).data.entries;

  it.each(PICTURES)('%s reads as it is written down', async session => {
    const {code, out} = await cli(['transcript', session, '--tools', 'short', '--limit', '0', '--db', db]);
    expect(code).toBe(0);
    await expect(out).toMatchFileSnapshot(`../golden/transcript/${version}/${session}.txt`);
  });

  it('is Markdown that keeps texts apart from markup', async () => {
    const {out} = await cli(['transcript', 'agent-stream', '--format', 'md', '--db', db]);
    await expect(out).toMatchFileSnapshot(`../golden/transcript/${version}/agent-stream.md`);
  });

  it.each([
    'agent-ok',
    'agent-stream',
    'agent-async',
    'tool-error',
    'tool-loop',
    'retrieval-tool',
    'http',
    'http-stream',
  ])('of %s has each message once: what the last model call was sent, and its answer', async session => {
    const {data} = await json(['show', session, '--io', 'full', '--db', db]);
    const calls = data.spans.filter((span: {kind: string}) => span.kind === 'llm');
    const sent = JSON.parse(calls.at(-1).input).messages as {
      role: string;
      content?: string;
      tool_calls?: {function: {name: string}}[];
    }[];
    const entries = await entriesOf(session);
    const messages = entries.filter(({type}) => type === 'message');
    const answer = calls.at(-1).attributes['llm.output_messages.0.message.content'];
    expect(messages.map(({role, text}) => [role, text])).toEqual([
      ...sent.filter(({role}) => role !== 'tool').map(({role, content}) => [role, content ?? '']),
      ['assistant', answer],
    ]);
    // Each call that a message asks for is an entry with its result, in order.
    const asked = sent.flatMap(({tool_calls = []}) => tool_calls.map(call => call.function.name));
    const tools = entries.filter(({type}) => type === 'tool');
    expect(tools.map(({toolName}) => toolName)).toEqual(asked);
    const results = sent.filter(({role}) => role === 'tool').map(({content}) => content);
    expect(tools.map(({result}) => result)).toEqual(results);
    expect(tools.every(({ran, toolCallId}) => ran && toolCallId?.startsWith('call_'))).toBe(true);
  });

  it('puts what a member says inside the call that handed it on', async () => {
    const entries = await entriesOf('team');
    const members = entries.filter(({type, depth}) => type === 'run' && depth > 0);
    expect(members.map(({who, depth}) => [who, depth])).toEqual([
      ['Billing Agent', 1],
      ['Research Agent', 1],
    ]);
    for (const member of members) {
      const before = entries[entries.indexOf(member) - 1]!;
      expect(before).toMatchObject({type: 'tool', toolName: 'delegate_task_to_member', depth: 0});
      expect(entries.filter(({runId}) => runId === member.runId).every(({depth}) => depth >= 1)).toBe(true);
    }
  });

  it('is one conversation over a pause, its messages said once', async () => {
    const entries = await entriesOf('human-in-the-loop');
    expect(entries.filter(({type, role}) => type === 'message' && role === 'user').map(({text}) => text)).toEqual([
      'danger: wipe the cache',
    ]);
    expect(
      entries.filter(({type}) => type === 'tool').map(({toolName, result, ran}) => [toolName, result, ran]),
    ).toEqual([['wipe_cache', 'wiped all', true]]);
    expect(entries.find(({type}) => type === 'note')!.text).toMatch(/^paused: waits for wipe_cache/);
  });

  it('says what is not recorded, and leaves earlier runs to --history', async () => {
    if (version === '2.9.0') {
      const [note] = (await entriesOf('attribute-limit')).filter(({type}) => type === 'note');
      expect(note!.text).toBe('92 earlier messages not recorded: the span reached its attribute limit');
      return;
    }
    const last = (await json(['list', '--session', 'compaction', '--db', db])).data.at(-3).runId as string;
    const without = await entriesOf(last);
    expect(without.some(({fromHistory}) => fromHistory)).toBe(false);
    expect(without.find(({type}) => type === 'note')!.text).toMatch(
      /^\d+ messages? from earlier runs of the session, also sent to the model, are hidden \(--history/,
    );
    expect((await entriesOf(last, '--history')).filter(({fromHistory}) => fromHistory).length).toBeGreaterThan(1);
  });

  it('leaves out what is not asked for', async () => {
    expect((await entriesOf('team', '--no-system')).some(({role}) => role === 'system')).toBe(false);
    expect((await entriesOf('team', '--tools', 'none')).some(({type}) => type === 'tool')).toBe(false);
    const lines = (await cli(['transcript', 'team', '--jsonl', '--db', db])).out.trim().split('\n');
    expect(lines.map(line => JSON.parse(line))).toEqual(await entriesOf('team'));
  });
});

describe.each(BACKENDS)('a transcript on %s', backend => {
  const changed = async (session: string, change: (copy: RunCopy) => void): Promise<{db: string; id: string}> => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const copy = copyRun(file, traceOf(file, session), 86_400_000);
    change(copy);
    writeRun(file, copy);
    return {db: backend === 'sqlite' ? file : await loadIntoPostgres(file), id: String(copy.traces[0]!.run_id)};
  };

  it('counts what the instrumentor took out, and names media by type and size', async () => {
    const {db, id} = await changed('agent-ok', copy => {
      for (const row of copy.spans) {
        if (row.name === 'get_weather')
          changeAttributes(row, at => {
            at['output.value'] = '__REDACTED__';
          });
        if (/invoke/.test(String(row.name)))
          changeAttributes(row, at => {
            const input = JSON.parse(at['input.value']);
            input.messages.find(({role}: {role: string}) => role === 'user').images = [
              {id: 'x', content: Buffer.alloc(3000).toString('base64'), mime_type: 'image/png'},
              {url: 'https://example.org/cat.jpg'},
            ];
            input.messages.at(-1).content += ` data:audio/wav;base64,${Buffer.alloc(600).toString('base64')}`;
            at['input.value'] = JSON.stringify(input);
          });
      }
    });
    const {data, notes} = await json(['transcript', id, '--db', db]);
    expect(notes).toEqual(['1 text was removed by the instrumentor (__REDACTED__)']);
    const user = data.entries.find(({role}: Entry) => role === 'user') as Entry;
    expect(user.media).toEqual([
      {type: 'audio', mimeType: 'audio/wav', bytes: 600, url: null},
      {type: 'image', mimeType: 'image/png', bytes: 3000, url: null},
      {type: 'image', mimeType: null, bytes: null, url: 'https://example.org/cat.jpg'},
    ]);
    expect(JSON.stringify(data)).not.toContain('AAAAAAAA');
    const {out} = await cli(['transcript', id, '--db', db]);
    expect(out).toContain('[image image/png 3.0 kB]');
    expect(out).toContain('removed by the instrumentor');
  });

  it('tells a call that ran without a span by the result that the model was sent, and one that never ran', async () => {
    const {db, id} = await changed('agent-stream', copy => {
      copy.spans.splice(0, copy.spans.length, ...copy.spans.filter(({name}) => name !== 'courier_status'));
    });
    const tools = (await json(['transcript', id, '--db', db])).data.entries.filter(
      ({type}: Entry) => type === 'tool',
    ) as Entry[];
    expect(tools.map(({toolName, ran, result}) => [toolName, ran, result])).toEqual([
      ['lookup_order', true, expect.stringContaining('shipped')],
      ['courier_status', true, expect.stringContaining('customs')],
      ['issue_refund', true, 'refunded 89.5 for 4417'],
    ]);
    const other = await changed('agent-stream', copy => {
      const last = copy.spans
        .filter(({name}) => /invoke/.test(String(name)))
        .sort((a, b) => (String(a.start_time) < String(b.start_time) ? -1 : 1))
        .at(-1)!;
      changeAttributes(last, at => {
        at['llm.output_messages.0.message.tool_calls.0.tool_call.id'] = 'call_x';
        at['llm.output_messages.0.message.tool_calls.0.tool_call.function.name'] = 'send_letter';
        at['llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments'] = '{}';
      });
    });
    const {out} = await cli(['transcript', other.id, '--db', other.db]);
    expect(out).toMatch(/▸ send_letter\(\) {2}interrupted, no result/);
    expect(out).toMatch(/cancelled: stopped after asking for send_letter: nothing followed/);
  });

  it('of a run that never ended says so', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-killed.sqlite');
    const lost = (await json(['list', '--state', 'lost', '--limit', '1', '--db', db])).data[0];
    const {code, out} = await cli(['transcript', lost.traceId, '--db', db]);
    expect(code).toBe(0);
    expect(out).toContain('the run span never arrived');
    expect(out).toContain('user\n');
  });

  it('shows a message to the model that differs from what the tool returned', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const {entries} = (await json(['transcript', 'offload', '--db', db])).data as {entries: Entry[]};
    const [tool] = entries.filter(({type}) => type === 'tool');
    const [message] = entries.filter(({role}) => role === 'tool');
    expect(tool!.result!.length).toBeGreaterThan(20_000);
    expect(message!.text).toMatch(/^<result id="res_/);
  });
});

it('refuses what it cannot do in one line', async () => {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  for (const [argv, code, message] of [
    [['transcript', 'nosuchrun', '--db', file], 3, /no run, trace, span or session starts with "nosuchrun"/],
    [['transcript', 'latest', '--tools', 'some', '--db', file], 2, /--tools "some" is not known/],
    [['diff', 'latest', '--db', file], 2, /diff needs two runs/],
    [['diff', 'agent-ok', 'compaction', '--db', file], 2, /"compaction" names several runs/],
    [['diff', 'agent-ok', 'team', '--median', '--db', file], 2, /--median chooses the other run/],
    [['diff', 'agent-ok', 'team', '--times', '5', '--db', file], 2, /--times is for --exit-code/],
    [
      ['diff', 'guardrail', '--median', '--db', file],
      2,
      /--median needs 5 other runs of "Guarded" that ended well, but found 0/,
    ],
    [['grep', 'x', '-l', '--count', '--db', file], 2, /two answers/],
    [['grep', 'x', '-i', '-s', '--db', file], 2, /opposite things/],
    [['grep', 'x', '--in', 'nowhere', '--db', file], 2, /--in "nowhere" is not known/],
  ] as const) {
    const result = await cli(argv);
    expect([argv, result.code]).toEqual([argv, code]);
    expect(result.err).toMatch(message);
  }
});

describe.each(BACKENDS)('the median on %s', backend => {
  it('is the run in the middle of those of the same component that ended well', async () => {
    const file = sqliteCopy('agno-3.1.10-shop.sqlite');
    const sqlite = new Database(file, {readonly: true});
    sqlite.close();
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const runs = (await json(['list', '--agent', 'weather-agent', '--limit', '0', '--db', db])).data as {
      runId: string;
      state: string;
      durationMs: number;
      part: boolean;
    }[];
    const [asked] = runs;
    const peers = runs
      .filter(run => run.state === 'ok' && run.runId !== asked!.runId && !run.part)
      .sort((a, b) => a.durationMs - b.durationMs);
    expect(peers.length).toBeGreaterThan(5);
    const {data} = await json(['diff', asked!.runId, '--median', '--db', db]);
    expect(data.median).toEqual({peers: peers.length});
    expect(data.a.runId).toBe(peers[Math.floor((peers.length - 1) / 2)]!.runId);
    expect(data.b.runId).toBe(asked!.runId);
  });
});
