import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {clickhouseFixture, insert, newClickhouseDatabase, rowsOf, send} from '../clickhouse-databases.ts';
import {readsAsOnSqlite} from '../clickhouse-readings.ts';
import {fixture, sqliteCopy, temporaryFolder} from '../fixtures.ts';

describe.each(['agno-3.1.10-pictures.sqlite', 'cases/unicode.sqlite', 'cases/negative-duration.sqlite'])(
  'the rows of %s on ClickHouse',
  name => {
    it('read as they do on SQLite', () => readsAsOnSqlite(name));
  },
);

const NOW_MICROS = Date.parse('2026-12-01T00:00:00Z') * 1000;

describe('rows that exports left', () => {
  it('are merged: partial trace rows, and spans that were sent twice', async () => {
    const file = fixture('agno-2.9.0-killed.sqlite');
    const whole = await clickhouseFixture('agno-2.9.0-killed.sqlite');
    const {name, url} = await newClickhouseDatabase();
    const spans = rowsOf(file, 'agno_spans');
    await insert(name, 'agno_spans', spans);
    await insert(name, 'agno_spans', spans.slice(0, 5));
    // As the exporter leaves them: a row for each span, and what the root knows on its row alone.
    for (const row of rowsOf(file, 'agno_traces')) {
      const ids = {run_id: null, session_id: null, user_id: null, agent_id: null, team_id: null, workflow_id: null};
      const first = {...row, ...ids, name: 'OpenAIChat.invoke', status: 'OK', end_time: row.start_time!};
      await insert(name, 'agno_traces', [first, row, {...first, created_at: row.end_time!}]);
    }
    const [ofWhole, ofParts] = [await json(['list', '--db', whole]), await json(['list', '--db', url])];
    expect(ofParts.data).toEqual(ofWhole.data);
    expect(ofParts.data.length).toBeGreaterThan(0);
    const shown = await json(['show', 'latest', '--db', url]);
    expect(shown.data).toEqual((await json(['show', 'latest', '--db', whole])).data);
    for (const question of ['tools', 'usage'])
      expect((await json([question, '--db', url])).data).toEqual((await json([question, '--db', whole])).data);
  });

  it('of bad JSON are found by what stands in their text', async () => {
    const {name, url} = await newClickhouseDatabase();
    const file = fixture('agno-3.1.10-killed.sqlite');
    const withNan = (row: Record<string, string | number | null>) => ({
      ...row,
      attributes: String(row.attributes).replace(/^\{/, '{"odd": NaN, '),
    });
    await insert(name, 'agno_spans', rowsOf(file, 'agno_spans').map(withNan));
    await insert(
      name,
      'agno_traces',
      rowsOf(file, 'agno_traces').map(row => ({...row, run_id: null, session_id: null})),
    );
    const {data} = await json(['list', '--db', url]);
    const known = data.find((run: {runId: string | null}) => run.runId !== null);
    expect((await json(['show', known.runId, '--db', url])).data.runs[0].runId).toBe(known.runId);
    const ofSession = await json(['list', '--session', known.sessionId, '--db', url]);
    expect(ofSession.data.map((run: {spanId: string}) => run.spanId)).toContain(known.spanId);
    expect((await json(['models', '--db', url])).data).toEqual(
      (await json(['models', '--db', sqliteCopy('agno-3.1.10-killed.sqlite')])).data,
    );
  });
});

describe('questions over many runs', () => {
  const ask = (line: string, db: string) => json([...line.split(' '), '--limit', '0', '--db', db]);

  it.each(['agno-2.9.0-killed.sqlite', 'agno-3.1.10-shop.sqlite'])(
    'of the rows of %s are answered as on SQLite',
    async name => {
      const [file, url] = [sqliteCopy(name), await clickhouseFixture(name)];
      for (const line of [
        'models',
        'tools',
        'usage',
        'usage --by day --every 1h',
        'models --model *mini* --last 3650d',
      ]) {
        const ofClickhouse = await ask(line, url);
        expect(ofClickhouse.data, line).toEqual((await ask(line, file)).data);
        expect(ofClickhouse.notes.join()).toContain('from the spans of calls');
      }
      const ofRuns = await ask('usage --by agent', url);
      expect(ofRuns.data).toEqual((await ask('usage --by agent', file)).data);
      expect(ofRuns.notes.join()).toContain('facts are made for this question alone');
    },
  );
});

describe('sql', () => {
  const refused: readonly [string, string][] = [
    ['insert into agno_spans (span_id) values (1)', '"insert" is refused'],
    ['drop table agno_spans', '"drop" is refused'],
    ['kill query where 1', '"kill" is refused'],
    ["describe table url('http://127.0.0.1:1/')", 'function "url" is refused'],
    ["describe table file('/etc/passwd')", 'function "file" is refused'],
    ["select file('/etc/passwd')", 'function "file" is refused'],
    ["select * from remote('127.0.0.1:1', system.one)", 'function "remote" is refused'],
    ["select * from s3('http://127.0.0.1:1/x')", 'function "s3" is refused'],
    ["select 1 into outfile '/tmp/x'", 'into outfile is refused'],
    ['select 1 format Null', 'format null is refused'],
    ['select 1; select 2', 'more than one statement'],
    ["select 'a\\'; drop table agno_spans; --'; select 2", 'more than one statement'],
    ['select 1 settings readonly = 0', 'settings of a statement are refused'],
    ['select frm agno_spans where', 'the statement was refused'],
    ['select nothing_of_the_kind from agno_spans', 'the statement was refused at 1:8'],
  ];

  it.each(refused)('refuses %s', async (statement, words) => {
    const {code, err} = await cli(['sql', statement, '--db', await clickhouseFixture('agno-2.9.0-killed.sqlite')]);
    expect(err).toContain(words);
    expect(code).toBe(2);
  });

  it('answers, with views and parameters, and no more rows than are wanted', async () => {
    const url = await clickhouseFixture('agno-3.1.10-pictures.sqlite');
    const ask = (...argv: string[]) => json(['sql', ...argv, '--db', url]);
    const kinds = await ask('select kind, count(*) as n from spans group by kind order by kind', '--views');
    expect(kinds.data).toContainEqual({kind: 'agent', n: expect.any(Number)});
    const named = await ask('select name from traces where name = :n limit 1', '--views', '-p', "n=it's \\ none");
    expect(named.data).toEqual([]);
    const cut = await ask('select number as n from numbers(100)', '--max-rows', '3');
    expect(cut.data).toEqual([{n: 0}, {n: 1}, {n: 2}]);
    expect(cut.notes[0]).toContain('first 3 rows');
    const large = await cli(['sql', 'select 9007199254740993 as n', '--db', url, '--json']);
    expect(large.out).toContain('9007199254740993');
    expect((await ask('describe table agno_spans')).data.length).toBe(12);
    expect((await ask('show tables')).data.length).toBe(2);
  });
});

it('wait says how a run ended', async () => {
  const url = await clickhouseFixture('agno-2.9.0-killed.sqlite');
  const rows = rowsOf(fixture('agno-2.9.0-killed.sqlite'), 'agno_traces');
  const {run_id: runId} = rows.find(row => row.run_id !== null)!;
  const waited = await cli(['wait', String(runId), '--timeout', '20s', '--db', url]);
  expect(waited.code, waited.err).toBe(0);
});

describe('what ClickHouse is not for', () => {
  it.each([
    ['migrate', 'migrate has nothing to do on ClickHouse'],
    ['vacuum', 'ClickHouse needs no vacuum'],
    ['demo --live', 'does not play into ClickHouse'],
  ])('is said by %s', async (line, words) => {
    const url = await clickhouseFixture('agno-2.9.0-killed.sqlite');
    const {code, err} = await cli([...line.split(' '), '--db', url], {columns: 80, rows: 24});
    expect(err).toContain(words);
    expect(code).toBe(2);
  });
});

it('demo fills a new database as Agno would, and never one that has tables', async () => {
  const name = `demo_${process.pid}`;
  const url = (await newClickhouseDatabase()).url.replace(/[^/]+$/, name);
  const file = path.join(temporaryFolder(), 'demo.db');
  const made = await Promise.all(
    [
      ['--db', url],
      ['--path', file],
    ].map(place => cli(['demo', '--traces', '5', ...place], {nowMicros: NOW_MICROS})),
  );
  expect(made.map(({code, err}) => [code, err])).toEqual([
    [0, ''],
    [0, ''],
  ]);
  const rows = Number(await send(`select count() from ${name}.agno_traces`));
  const traces = Number(await send(`select uniqExact(trace_id) from ${name}.agno_traces`));
  expect(made[0]!.out).toContain(`${traces} traces`);
  expect(rows).toBeGreaterThan(traces);
  for (const line of ['list --limit 0', 'usage']) {
    const [ofClickhouse, ofSqlite] = await Promise.all(
      [url, file].map(async db => {
        const {data} = await json([...line.split(' '), '--db', db], {nowMicros: NOW_MICROS});
        // ERROR on ClickHouse if any part failed: Agno merges there by another rule.
        return data.map(({storedStatus, ...run}: {storedStatus?: string}) => run);
      }),
    );
    expect(ofClickhouse, line).toEqual(ofSqlite);
  }
  const again = await cli(['demo', '--traces', '5', '--db', url]);
  expect(again.err).toContain('already has trace tables; they were not changed');
  expect(again.code).toBe(2);
});

it('a user who may not read, and a table of another type, are named', async () => {
  const {name, url} = await newClickhouseDatabase();
  await send(`drop table ${name}.agno_traces`);
  expect((await cli(['list', '--db', url])).err).toContain('has no table "agno_traces"');
  await send(
    `create table ${name}.agno_traces (start_time String, end_time String, created_at String, ${[
      ...['trace_id', 'name', 'status', 'run_id', 'session_id', 'user_id', 'agent_id', 'team_id', 'workflow_id'],
    ]
      .map(column => `${column} String`)
      .join(', ')}) engine = MergeTree order by trace_id`,
  );
  const {code, err} = await cli(['list', '--db', url]);
  expect(err).toContain('column "start_time" of "agno_traces"');
  expect(code).toBe(5);
});

it('doctor names server, tables and what it finds', async () => {
  const {out, code} = await cli(['doctor', '--db', await clickhouseFixture('agno-3.1.10-pictures.sqlite')]);
  expect(code).toBe(0);
  expect(out).toContain('ClickHouse 2');
  expect(out).not.toContain('idx_agno_spans');
  expect(out).toMatch(/in order: .*data-parts, doubled-spans, .*table-engine/);
});

it('doctor counts spans that were sent twice and parts that were not merged, and says what Agno loses', async () => {
  const {name, url} = await newClickhouseDatabase();
  await send(`system stop merges ${name}.agno_spans`);
  const spans = rowsOf(fixture('agno-2.9.0-killed.sqlite'), 'agno_spans');
  await insert(name, 'agno_spans', spans);
  await insert(name, 'agno_spans', spans.slice(0, 5));
  await insert(name, 'agno_traces', rowsOf(fixture('agno-2.9.0-killed.sqlite'), 'agno_traces'));
  const findings = async (...more: string[]) =>
    new Map(
      (await json(['doctor', '--db', url, ...more])).data.findings.map((one: {id: string}) => [one.id, one] as const),
    );
  expect((await findings()).get('doubled-spans')).toMatchObject({
    count: 5,
    complete: false,
    covered: 'the newest month',
  });
  // One row an insert, as Agno's own exporter does it.
  const columns = 'span_id, trace_id, name, start_time, end_time, attributes, created_at';
  const row = `'s', 't', 'x', '2026-11-22 08:00:00', '2026-11-22 08:00:00', '{}', '2026-11-22 08:00:00'`;
  await send(
    `insert into ${name}.agno_spans (${columns}) select ${row} from numbers(300) settings max_block_size = 1, min_insert_block_size_rows = 1`,
  );
  const all = await findings('--all');
  expect(all.get('doubled-spans')).toMatchObject({count: 304, complete: true});
  expect(all.get('data-parts')).toMatchObject({severity: 'warning', sample: '202611'});
  expect(all.get('table-engine')).toMatchObject({severity: 'ok', count: 0});
  const missing = all.get('missing-parents') as {text: string; repair: string};
  expect(missing.text).toContain('two threads export at once');
  expect(missing.repair).toContain('autogenerate_session_id=False');
});
