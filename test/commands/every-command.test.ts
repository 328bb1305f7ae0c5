import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, openFixture, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';

/** Every subcommand with arguments that make it read. */
const READING = [
  ['list', '--limit', '3'],
  ['list', '--session', 'http-stream'],
  ['list', '--query', String.raw`(team:* OR "it's \\ 5%") -user:x tokens:>1k`],
  ['list', '--sort', 'duration'],
  ['show', 'tool-error'],
  ['show', 'human-in-the-loop', '--io', 'full'],
  ['show', 'model-error', '--span', '6b88e6'],
  ['slowest', '--limit', '3'],
  ['slowest', '--by', 'kind'],
  ['slowest', '--by', 'agent'],
  ['sql', 'select kind, count(*) from spans group by kind', '--views'],
];

describe.each(BACKENDS)('--print-sql on %s', backend => {
  it.each([...READING, ['doctor'], ['tail', '-n', '3'], ['tail', '--last', '24h'], ['wait', 'latest']])(
    'prints statements that run as they stand: %s %s %s',
    async (...argv) => {
      const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
      const {code, out} = await cli([...argv, '--print-sql', '--db', db]);
      expect(code).toBe(0);
      expect(out).toMatch(/-- then, in agno-trace: \S/);
      const statements = out.split(/;\n\n/).slice(0, -1);
      expect(statements.length).toBeGreaterThan(0);
      if (backend === 'sqlite') {
        const file = new Database(db, {readonly: true});
        for (const statement of statements) file.prepare(statement).all();
        file.close();
        return;
      }
      const client = new pg.Client({connectionString: db});
      await client.connect();
      await client.query('begin read only');
      for (const statement of statements) await client.query(statement);
      await client.end();
    },
  );
});

it('--print-sql quotes a value so that it stays a value', async () => {
  const db = await openFixture('postgres', 'agno-3.1.10-pictures.sqlite');
  const nasty = `x'; drop table ai.agno_spans; --\\' \\\\`;
  const {out} = await cli(['list', '--session', nasty, '--print-sql', '--db', db]);
  const client = new pg.Client({connectionString: db});
  await client.connect();
  for (const statement of out.split(/;\n\n/).slice(0, -1)) await client.query(statement);
  const {rows} = await client.query('select count(*) as n from ai.agno_spans');
  await client.end();
  expect(Number(rows[0].n)).toBe(275);
});

describe('the JSON contract', () => {
  const RUN_KEYS =
    'runId traceId spanId name kind state stateReason storedStatus spanStatus startTime endTime durationMs agentId teamId workflowId userId sessionId model models spanCount errorCount promptTokens completionTokens cachedTokens totalTokens costUsd missing part'.split(
      ' ',
    );
  const SPAN_KEYS =
    'spanId traceId parentSpanId drawnUnder depth name kind state stateReason spanStatus statusMessage startTime endTime durationMs selfMs critical missing surroundings detached runId model provider toolName promptTokens completionTokens cachedTokens totalTokens costUsd'.split(
      ' ',
    );
  const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

  it.each(BACKENDS)('of list holds every key, times in microseconds, unknown as null, on %s', async backend => {
    const db = await sharedFixture(backend, 'agno-3.1.10-killed.sqlite');
    const answer = await json(['list', '--db', db, '--limit', '0']);
    expect(Object.keys(answer)).toEqual(['schema', 'data', 'page', 'notes']);
    expect(answer.schema).toBe('agno-trace/list/1');
    for (const run of answer.data) {
      expect(Object.keys(run)).toEqual(expect.arrayContaining(RUN_KEYS));
      expect(run.startTime).toMatch(ISO);
      if (run.missing)
        expect(run).toMatchObject({
          runId: null,
          endTime: null,
          durationMs: null,
          name: null,
          kind: null,
          spanStatus: null,
        });
      else expect(run.endTime).toMatch(ISO);
    }
  });

  it.each(BACKENDS)('of show is flat, in drawn order, with contents only when asked, on %s', async backend => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const answer = await json(['show', 'team', '--db', db]);
    expect(answer.schema).toBe('agno-trace/show/1');
    const {runs, spans} = answer.data;
    expect(Object.keys(runs[0])).toEqual(expect.arrayContaining(RUN_KEYS));
    expect(spans).toHaveLength(21);
    for (const span of spans) {
      expect(Object.keys(span)).toEqual(expect.arrayContaining(SPAN_KEYS));
      expect(span).not.toHaveProperty('attributes');
      expect(span.selfMs).toBeLessThanOrEqual(span.durationMs);
    }
    // The member is drawn under the call that asked for it, and still says what the row says.
    const member = spans.find((span: {name: string}) => span.name === 'Billing_Agent.run');
    const call = spans.find((span: {spanId: string}) => span.spanId === member.drawnUnder);
    expect(call.name).toBe('delegate_task_to_member');
    expect(member.parentSpanId).toBe(spans[0].spanId);
    const full = await json(['show', 'team', '--io', 'full', '--db', db]);
    const leader = full.data.spans[0];
    expect(leader.input).toBe('delegate the refund and the comparison');
    expect(leader.attributes['agno.team.id']).toBe('support-team');
  });

  it('prints items one a line as jsonl, with notes beside them', async () => {
    const db = await sharedFixture('sqlite', 'agno-3.1.10-pictures.sqlite');
    const {out, err} = await cli(['list', '--db', db, '--jsonl', '--limit', '3']);
    const lines = out.trimEnd().split('\n');
    expect(lines.map(text => JSON.parse(text).name)).toEqual(['Weather Agent', 'Weather Agent', 'Weather Agent']);
    expect(err).toContain('--cursor');
    const spans = await cli(['show', 'tool-error', '--db', db, '--format', 'jsonl']);
    expect(spans.out.trimEnd().split('\n')).toHaveLength(6);
  });

  it('is the same shape for nothing, one and many', async () => {
    const db = sqliteCopy('agno-2.3.11-async-shape-b.sqlite');
    expect(await json(['list', '--db', db])).toEqual({
      schema: 'agno-trace/list/1',
      data: [],
      page: {next: null},
      notes: [expect.stringContaining('no traces yet')],
    });
    expect((await json(['slowest', '--db', db])).data).toEqual([]);
  });

  it('answers byte for byte the same from both databases', async () => {
    for (const name of ['agno-3.1.10-pictures.sqlite', 'agno-2.9.0-shop.sqlite', 'agno-3.1.10-killed.sqlite']) {
      const [sqlite, postgres] = [await sharedFixture('sqlite', name), await sharedFixture('postgres', name)];
      const commands = [
        ['list', '--limit', '0', '--json'],
        ['list', '--limit', '0'],
        ['slowest', '--limit', '0', '--json'],
        ['slowest', '--by', 'kind'],
        ['slowest', '--by', 'model'],
        ['show', 'latest', '--io', 'full'],
        ['show', 'latest', '--io', 'full', '--json'],
        ['grep', '[0-9]+', '--in', 'name,input,output,args,error,attributes', '--limit', '0', '--traffic', '--json'],
        ['grep', 'the', '--count'],
        ['transcript', 'latest', '--json'],
        ['context', 'latest', '--json'],
        ['diff', 'latest', 'latest', '--json'],
      ];
      for (const argv of commands) {
        const [one, other] = await Promise.all([postgres, sqlite].map(db => cli([...argv, '--db', db])));
        expect(one!.out).toBe(other!.out);
      }
    }
  });
});

describe('show', () => {
  it('cuts to what is asked for and says what it left out', async () => {
    const db = await sharedFixture('sqlite', 'agno-3.1.10-pictures.sqlite');
    const out = async (...argv: string[]) => (await cli(['show', 'workflow', '--db', db, ...argv])).out;
    expect(await out('--depth', '1')).toContain('… 12 more spans');
    const critical = await out('--critical');
    expect(critical).toContain('step numbers');
    expect(critical).not.toContain('step weather');
    const tools = await out('--kind', 'tool');
    expect(tools).toContain('run_sql');
    expect(tools).not.toContain('step weather');
    expect(await out('--io', 'none')).not.toContain('select region');
    expect(await out('--io', 'full')).toContain('Input messages');
  });

  it('keeps within a terminal of any width, and shows wide text whole in a pipe', async () => {
    const db = await sharedFixture('sqlite', 'agno-3.1.10-pictures.sqlite');
    const {width} = await import('../../src/text/width.ts');
    const {trusted} = await import('../../src/text/safe.ts');
    for (const columns of [40, 60, 80, 110, 200]) {
      for (const argv of [
        ['show', 'team'],
        ['show', 'workflow-failed'],
        ['list', '--limit', '0'],
        ['slowest'],
        ['show', 'http-stream-error', '--io', 'full'],
      ]) {
        const {out} = await cli([...argv, '--db', db], {columns, env: {NO_COLOR: '1'}});
        // Notes below the answer are sentences and may wrap; ids and SQL are never cut.
        const drawn = out.split('\n').filter(text => !/^(next:|more:|\d+ runs?|\d+ spans)/.test(text));
        for (const text of drawn) expect(width(trusted(text)), text).toBeLessThanOrEqual(Math.max(columns, 72));
      }
    }
  });

  it('draws with ASCII alone when asked', async () => {
    const db = await sharedFixture('sqlite', 'agno-3.1.10-pictures.sqlite');
    const {out} = await cli(['show', 'tool-error', '--ascii', '--db', db, '--io', 'none']);
    expect(out.replaceAll('→', '').replaceAll('·', '').replaceAll('×', '')).toMatch(/^[\x20-\x7e\n]*$/);
  });
});

describe('colour', () => {
  const db = () => sqliteCopy('agno-3.1.10-pictures.sqlite');
  const isColoured = (text: string) => /\x1b\[/.test(text);
  it.each([
    ['a pipe', {}, [], false],
    ['a terminal', {columns: 80}, [], true],
    ['a terminal with NO_COLOR', {columns: 80, env: {NO_COLOR: '1'}}, [], false],
    ['a terminal with an empty NO_COLOR', {columns: 80, env: {NO_COLOR: ''}}, [], true],
    ['a dumb terminal', {columns: 80, env: {TERM: 'dumb'}}, [], false],
    ['a pipe with FORCE_COLOR', {env: {FORCE_COLOR: '1'}}, [], true],
    ['a pipe with CLICOLOR_FORCE', {env: {CLICOLOR_FORCE: '1'}}, [], true],
    ['NO_COLOR over FORCE_COLOR', {columns: 80, env: {NO_COLOR: '1', FORCE_COLOR: '1'}}, [], false],
    ['--color=always over NO_COLOR', {env: {NO_COLOR: '1'}}, ['--color=always'], true],
    ['--no-color on a terminal', {columns: 80}, ['--no-color'], false],
  ] as const)('in %s', async (_, options, argv, expected) => {
    const {out, code} = await cli(['list', '--db', db(), ...argv], options as never);
    expect(code).toBe(0);
    expect(isColoured(out)).toBe(expected);
  });
});

describe('help', () => {
  it.each(['list', 'show', 'slowest', 'demo'])('of %s fits 80 columns and ends with examples', async name => {
    const {code, out} = await cli([name, '--help']);
    expect(code).toBe(0);
    for (const text of out.split('\n')) expect(text.length).toBeLessThanOrEqual(80);
    const examples = [...out.slice(out.indexOf('Examples:')).matchAll(/^ {2}agno-trace (.*?)(?: {3}|$)/gm)].map(
      match => match[1]!,
    );
    expect(examples.length).toBeGreaterThanOrEqual(2);
  });

  it('of the program groups the commands, and a bare call prints it', async () => {
    const {out} = await cli(['--help']);
    for (const word of ['list', 'show', 'slowest', 'demo']) expect(out).toContain(`  ${word}`);
    expect((await cli([])).out).toBe(out);
    expect((await cli(['help', 'list'])).out).toBe((await cli(['list', '--help'])).out);
  });
});

describe('demo', () => {
  it('makes a database of real runs that end just now, shows them, and makes it again', async () => {
    const cwd = temporaryFolder();
    const now = Date.parse('2024-05-06T10:00:00Z');
    for (let i = 0; i < 2; i++) {
      const {code, out} = await cli(['demo'], {cwd, nowMicros: now * 1000});
      expect(code).toBe(0);
      expect(out).toContain('121 traces, 738 spans');
      expect(out).toContain('Support Team');
      expect(out).toContain('├─');
    }
    const {data} = await json(['list', '--db', `${cwd}/agno-trace-demo.db`, '--limit', '0']);
    const age = now - Date.parse(data[0].endTime);
    expect(age).toBeGreaterThan(0);
    expect(age).toBeLessThan(60_000);
    // None is paused: what was has gone on since.
    expect(new Set(data.map((run: {state: string}) => run.state))).toEqual(
      new Set(['ok', 'degraded', 'error', 'cancelled', 'lost']),
    );
  });

  it('leaves any other file alone', async () => {
    const file = sqliteCopy('agno-2.9.0-pictures.sqlite');
    const {code, err} = await cli(['demo', '--path', file]);
    expect(code).toBe(2);
    expect(err).toContain('is not a demo database; it was not changed');
    expect((await json(['list', '--db', file, '--limit', '0'])).data).toHaveLength(24);
  });

  it("makes Agno's own tables, to the letter", async () => {
    const file = `${temporaryFolder()}/demo.db`;
    await cli(['demo', '--path', file]);
    const schemaOf = (name: string) => {
      const db = new Database(name, {readonly: true});
      const rows = db
        .prepare(
          `select name, sql from sqlite_master
            where tbl_name in ('agno_traces', 'agno_spans') and sql is not null order by name`,
        )
        .all();
      db.close();
      return rows;
    };
    expect(schemaOf(file)).toEqual(schemaOf(sqliteCopy('agno-3.1.10-pictures.sqlite')));
  });

  it.each(BACKENDS)(
    '--traces makes runs of which two in five came over HTTP, each followed by twenty polls, on %s',
    async backend => {
      const {newPostgresDatabase} = await import('../databases.ts');
      const db = backend === 'sqlite' ? `${temporaryFolder()}/large.db` : (await newPostgresDatabase()).url;
      const flags = backend === 'sqlite' ? ['--path', db] : ['--db', db];
      const {code, out} = await cli(['demo', '--traces', '100', ...flags]);
      expect([code, out]).toEqual([0, expect.stringContaining('10900 traces')]);
      const {data, notes} = await json(['list', '--db', db, '--limit', '0']);
      expect(data).toHaveLength(100);
      expect(notes[0]).toBe('10800 HTTP requests without a run not shown (--traffic)');
      const http = data.filter((run: {storedStatus: string; traceId: string}) => run.traceId !== null);
      expect(http).toHaveLength(100);
      const [sample] = (await json(['list', '--db', db, '--session', data[0].sessionId, '--limit', '0'])).data;
      expect(sample.sessionId).toBe(data[0].sessionId);
      // Tables that exist are never filled a second time.
      if (backend === 'postgres') expect((await cli(['demo', '--traces', '1', ...flags])).code).toBe(2);
    },
  );
});
