import {writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {type CliOptions, cli, json} from '../cli.ts';
import {BACKENDS, newPostgresDatabase, openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

describe.each(BACKENDS)('sql on %s', async backend => {
  const db = await openFixture(backend, FIXTURE);
  const data = async (statement: string, ...flags: string[]) =>
    (await json(['sql', '--db', db, ...flags, statement])).data;
  const refusal = async (...argv: string[]) => {
    const {code, out, err} = await cli(['sql', '--db', db, ...argv]);
    expect([code, out]).toEqual([EXIT.usage, '']);
    expect(err).toMatch(/^error: .+\nhint: .+\n$/);
    return err;
  };

  it("finds Agno's tables without a schema", async () => {
    expect(await data('select count(*) as n from agno_spans')).toEqual([{n: 275}]);
  });

  it.each(['values (1, 2)', 'with x as (select 1 as a) select * from x', 'select 1 as a;', 'select 1 as a ; ; -- end'])(
    'takes %j',
    async statement => {
      expect(await data(statement)).toHaveLength(1);
    },
  );

  it('takes explain, and explain of a query with views', async () => {
    expect((await data('explain select 1')).length).toBeGreaterThan(0);
    expect((await data('explain with x as (select 1) select * from x, traces', '--views')).length).toBeGreaterThan(0);
  });

  it('keeps every value exact', async () => {
    const bytes = backend === 'sqlite' ? "x'00ff10'" : "'\\x00ff10'::bytea";
    const answer = await data(
      `select 9007199254740993 as big, -9223372036854775807 as least, 9007199254740991 as safe, 0.5 as half,
              null as absent, '' as empty, 'a"b' as text, ${bytes} as bytes`,
    );
    expect(answer).toEqual([
      {
        big: '9007199254740993',
        least: '-9223372036854775807',
        safe: 9007199254740991,
        half: 0.5,
        absent: null,
        empty: '',
        text: 'a"b',
        bytes: '\\x00ff10',
      },
    ]);
    const csv = await cli(['sql', '--db', db, 'select 9007199254740993 as big, -5 as less', '--format', 'csv']);
    expect(csv.out).toBe('big,less\r\n9007199254740993,-5\r\n');
  });

  it('loses no column of the same name, and says how they are told apart', async () => {
    const answer = await json(['sql', '--db', db, 'select 1 as a, 2 as a, 3 as a_2, 4 as a']);
    expect(answer.data).toEqual([{a: 1, a_3: 2, a_2: 3, a_4: 4}]);
    expect(answer.notes).toEqual(['columns of the same name are told apart: a_3, a_4']);
  });

  it('gives names such as __proto__ and constructor as columns', async () => {
    const {out} = await cli(['sql', '--db', db, '--jsonl', 'select 1 as "__proto__", 2 as "constructor"']);
    expect(out).toBe('{"__proto__":1,"constructor":2}\n');
  });

  it('keeps the order of columns in csv, of rows too', async () => {
    const {out} = await cli([
      'sql',
      '--db',
      db,
      'select 1 as "2", 2 as "1" union all select 0, 0 order by 1 desc',
      '--format',
      'csv',
    ]);
    expect(out).toBe('2,1\r\n1,2\r\n0,0\r\n');
  });

  it('reads no more rows than are wanted, and says so', async () => {
    const cut = await json(['sql', '--db', db, '--max-rows', '3', 'select span_id from agno_spans']);
    expect(cut.data).toHaveLength(3);
    expect(cut.notes).toEqual(['first 3 rows; --max-rows 0 for all']);
    const exact = await json(['sql', '--db', db, '--max-rows', '275', 'select span_id from agno_spans']);
    expect([exact.data.length, exact.notes]).toEqual([275, []]);
    expect(await data('select a.span_id from agno_spans a, agno_spans b limit 1500')).toHaveLength(1000);
    expect(await data('select a.span_id from agno_spans a, agno_spans b limit 1500', '--max-rows', '0')).toHaveLength(
      1500,
    );
    const {err} = await cli(['sql', '--db', db, '--max-rows', '3', 'select span_id from agno_spans', '--jsonl']);
    expect(err).toBe('first 3 rows; --max-rows 0 for all\n');
  });

  it('does not load a huge answer for its first rows', async () => {
    const many =
      backend === 'sqlite'
        ? 'with recursive n(i) as (select 1 union all select i + 1 from n) select i from n'
        : 'select i from generate_series(1, 2000000000) as g(i), agno_spans limit 200000000000';
    const before = process.memoryUsage().rss;
    const flags = backend === 'sqlite' ? [] : ['--timeout', '20s'];
    if (backend === 'sqlite') expect(await data(many, '--max-rows', '5', ...flags)).toHaveLength(5);
    else
      expect(
        await data('select a.span_id from agno_spans a, agno_spans b, agno_spans c, agno_spans d', '--max-rows', '5'),
      ).toHaveLength(5);
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  });

  describe('parameters', () => {
    it('are bound as text, as JSON with :=, once for each use', async () => {
      const [row] = await data(
        `select :a || :b as joined, :n + 1 as next, :half * 2 as one, :none is null as absent, count(*) as n
           from agno_spans where status_code = :a or name = :b or duration_ms > :n`,
        ...['-p', "a=it's", '-p', 'b=:b --', '-p', 'n:=5', '-p', 'half:=0.5', '-p', 'none:=null'],
      );
      expect(row).toMatchObject({joined: "it's:b --", next: 6, one: 1});
      expect(Number(row.absent)).toBe(1);
      expect(row.n).toBeGreaterThan(0);
    });

    it('compare as text with text and as a number with a number', async () => {
      const [row] = await data('select count(*) as n from agno_spans where duration_ms > :least', '-p', 'least=1000');
      const [plain] = await data('select count(*) as n from agno_spans where duration_ms > 1000');
      expect(row).toEqual(plain);
      expect(plain.n).toBeGreaterThan(0);
    });

    it('are no casts, no texts, no comments', async () => {
      const cast = backend === 'sqlite' ? 'cast(:a as text)' : ':a::text';
      expect(await data(`select ${cast} as a, ':b' as ":c" /* :d */ -- :e`, '-p', 'a=1')).toEqual([
        {a: '1', ':c': ':b'},
      ]);
    });

    it('stand by themselves, however tightly they are written', async () => {
      const argv = ['sql', '--db', db, 'select:n+1 as a,1-:n as b', '-p', 'n:=-5'];
      expect((await json(argv)).data).toEqual([{a: -4, b: 6}]);
      const {out} = await cli([...argv, '--print-sql']);
      const printed = out.split(';\n\n').at(-2)!;
      expect((await json(['sql', '--db', db, printed])).data).toEqual([{a: -4, b: 6}]);
    });

    it('keep long numbers', async () => {
      expect(await data('select :n as n', '-p', 'n:=9007199254740993')).toEqual([{n: '9007199254740993'}]);
    });

    it.each([
      [['select :a'], 'error: parameter ":a" has no value.\nhint: Pass -p a=value.\n'],
      [['select 1', '-p', 'a=1'], 'error: the statement has no parameter ":a".\nhint: Leave -p out.\n'],
      [['select :b', '-p', 'a=1', '-p', 'b=1'], 'error: the statement has no parameter ":a".\nhint: It has :b.\n'],
      [
        ['select :a', '-p', 'a=1', '-p', 'a=2'],
        'error: --param "a" is given twice.\nhint: A parameter has one value.\n',
      ],
      [
        ['select :a', '-p', 'a'],
        'error: --param "a" is not name=value.\nhint: Write -p name=text, or -p name:=123 for a JSON value.\n',
      ],
      [
        ['select :a', '-p', 'a:=x'],
        'error: --param "a:=x" is not JSON after ":=".\nhint: Write -p name=text, or -p name:=123 for a JSON value.\n',
      ],
    ])('%j are refused', async (argv, message) => {
      expect(await refusal(...argv)).toBe(message);
    });
  });

  describe('views', () => {
    it('give the kinds that show gives', async () => {
      const rows = await data(
        'select span_id, kind, model, provider, prompt_tokens, cached_tokens, total_tokens from spans',
        '--views',
      );
      const shown = new Map<string, Record<string, unknown>>();
      for (const {traceId} of (await json(['list', '--db', db, '--limit', '0', '--traffic'])).data)
        for (const span of (await json(['show', traceId, '--db', db])).data.spans) shown.set(span.spanId, span);
      expect(rows).toHaveLength(275);
      for (const row of rows) {
        const span = shown.get(row.span_id);
        if (!span) continue;
        expect([row.span_id, row.kind]).toEqual([row.span_id, span.kind]);
        if (row.kind === 'llm')
          expect([row.model, row.provider, row.total_tokens, row.prompt_tokens, row.cached_tokens]).toEqual([
            span.model,
            span.provider,
            span.totalTokens,
            span.promptTokens,
            span.cachedTokens,
          ]);
      }
      expect(shown.size).toBeGreaterThan(200);
    });

    it('give tokens as numbers, unknown as null', async () => {
      const [row] = await data(
        "select sum(prompt_tokens) as sum, count(prompt_tokens) as n from spans where kind = 'llm'",
        '--views',
      );
      const [byHand] = await data(
        backend === 'sqlite'
          ? `select sum(attributes ->> '$."llm.token_count.prompt"') as sum from agno_spans`
          : `select sum((attributes ->> 'llm.token_count.prompt')::int) as sum from agno_spans`,
      );
      expect(row.sum).toBe(byHand.sum);
      expect(row.sum).toBeGreaterThan(1000);
      // Model calls that failed, or were left, have no count.
      expect(row.n).toBeLessThan(110);
    });

    it.each([
      "with x as (select * from spans where kind = 'tool') select count(*) as n from x, traces where traces.trace_id = x.trace_id",
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 3) select count(*) as n from spans, n where kind = 'tool'",
      "/* first */\nselect count(*) as n from spans where kind = 'tool'",
      "select (select count(*) from spans where kind = 'tool') as n",
    ])('go into %j', async statement => {
      const [{n}] = await data(statement, '--views');
      expect([52, 156]).toContain(n);
    });

    it('are not there unasked', async () => {
      expect(await refusal('select * from spans')).toMatch(
        /^error: the statement was refused at 1:15, near "spans": .*spans/,
      );
    });
  });

  describe('a mistake is shown where it is', () => {
    it.each([
      ['select nam from agno_spans', '1:8', 'nam from agno_spans'],
      ['select 1,\n  name,\n  form x from agno_spans a, b c d', '3:33', 'd'],
      ['select 1,\t"ü", nope\n from agno_spans', '1:11', '"ü", nope'],
      ['select * from nowhere', '1:15', 'nowhere'],
      ['select name from agno_spans wher x = 1', backend === 'sqlite' ? '1:34' : '1:34', 'x = 1'],
      ['select wher where from wher', '1:19', 'from wher'],
      ["select '😀😀', nosuch(1)", '1:14', 'nosuch(1)'],
    ])('%j', async (statement, place, near) => {
      expect(await refusal(statement)).toContain(`refused at ${place}, near "${near}": `);
    });

    it('behind parameters and views too', async () => {
      const err = await refusal(
        'with x as (select :a, :b)\nselect nope from x',
        '--views',
        '-p',
        'a=long text',
        '-p',
        'b:=5',
      );
      expect(err).toContain('refused at 2:8, near "nope from x": ');
    });
  });

  it('takes the statement from a file and from stdin', async () => {
    const file = path.join(temporaryFolder(), 'ask.sql');
    writeFileSync(file, '\ufeff-- how many\nselect count(*) as n\n  from agno_spans;\n');
    const ask = async (argv: string[], options: CliOptions = {}) =>
      (await json(['sql', '--db', db, ...argv], options)).data;
    expect(await ask(['--file', file])).toEqual([{n: 275}]);
    expect(await ask(['--file', 'ask.sql'], {cwd: path.dirname(file)})).toEqual([{n: 275}]);
    expect(await ask(['-'], {stdin: 'select 7 as n'})).toEqual([{n: 7}]);
    expect(await refusal('--file', '/nowhere/ask.sql')).toContain(
      '--file "/nowhere/ask.sql" cannot be read: there is no such file or folder.',
    );
    expect(await refusal('--file', file, 'select 1')).toContain('are two');
    expect(await refusal()).toContain('no statement given');
  });

  it('--print-sql prints what runs as it stands, values and views written in', async () => {
    const {out} = await cli([
      'sql',
      '--db',
      db,
      '--views',
      '--print-sql',
      '-p',
      "t=it's \\ :x",
      '-p',
      'n:=3',
      'select name, :t as t, :n as n from spans limit 1',
    ]);
    const statements = out.split(';\n\n').slice(0, -1);
    const last = statements.at(-1)!;
    if (backend === 'sqlite') {
      const file = new Database(db, {readonly: true});
      expect(file.prepare(last).get()).toMatchObject({t: "it's \\ :x", n: 3});
      file.close();
      return;
    }
    const client = new pg.Client({connectionString: db});
    await client.connect();
    for (const statement of statements.slice(0, -1)) await client.query(statement);
    expect((await client.query(last)).rows[0]).toMatchObject({t: "it's \\ :x", n: 3});
    await client.end();
  });

  it('shows every column on a terminal, cut to its width, and nothing that acts on it', async () => {
    const {out} = await cli(
      ['sql', '--db', db, "select span_id, name, '\u001b[31mred' as bad, start_time from agno_spans limit 2"],
      {columns: 80},
    );
    expect(out).not.toContain('\u001b[31m');
    expect(out).toContain('\\x1b[31m');
    for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const wide = await cli(['sql', '--db', db, 'select * from agno_spans limit 2', '--color', 'never'], {columns: 60});
    for (const column of ['span_id', 'parent_span_id', 'attributes', 'created_at'])
      expect(wide.out).toContain(`  ${column}`);
    for (const line of wide.out.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
  });
});

it('sql finds the tables of another schema and under other names', async () => {
  const {url, client} = await newPostgresDatabase();
  await client.query(`create schema "My ""Schema"`);
  for (const statement of (await import('../../src/sql/agno-tables.ts')).agnoTables('postgres', 'My "Schema'))
    await client.query(statement);
  await client.query(`create table public.other (a int); insert into public.other values (4)`);
  const {data} = await json([
    'sql',
    '--db',
    url,
    'select (select count(*) from agno_spans) + (select count(*) from spans) + a as n from other',
    '--views',
  ]);
  expect(data).toEqual([{n: 4}]);
});

it('a table that is itself called spans is read by the view over it', async () => {
  const db = sqliteCopy(FIXTURE);
  const file = new Database(db);
  file.exec('alter table agno_spans rename to spans');
  file.close();
  for (const statement of [
    'select count(kind) as n from spans',
    'with recursive x(i) as (select 1) select count(kind) as n from spans, x',
  ]) {
    const {data} = await json(['sql', '--db', db, '--spans-table', 'spans', '--views', statement]);
    expect(data).toEqual([{n: 275}]);
  }
});

it('times of Postgres are ISO 8601 in UTC, whatever the role is set to', async () => {
  const db = await openFixture('postgres', FIXTURE);
  const client = new pg.Client({connectionString: db});
  await client.connect();
  await client.query(`alter database "${new URL(db).pathname.slice(1)}" set datestyle = 'German, DMY'`);
  await client.query(`alter database "${new URL(db).pathname.slice(1)}" set timezone = 'Asia/Kolkata'`);
  await client.end();
  const {data} = await json([
    'sql',
    '--db',
    db,
    "select '2026-11-22 14:00:00.5+02'::timestamptz as t, 'infinity'::timestamptz as never, true as yes, array[1,2] as list, '{\"a\": 1}'::jsonb as j, 'NaN'::float8 as nan",
  ]);
  expect(data).toEqual([
    {t: '2026-11-22T12:00:00.500000Z', never: 'infinity', yes: true, list: '{1,2}', j: '{"a": 1}', nan: 'NaN'},
  ]);
});
