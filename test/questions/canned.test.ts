import {readdirSync} from 'node:fs';
import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import type {Question} from '../../src/questions/question.ts';
import {cli, json} from '../cli.ts';
import {
  BACKENDS,
  type Backend,
  loadIntoPostgres,
  postgresDump,
  sharedFixture,
  sqliteCopy,
  temporaryFolder,
} from '../databases.ts';

/** What a question wants to be told; the fixtures are of one hour. */
const ASKED: Readonly<Record<string, string>> = {
  check:
    '--per agent --max-error-rate 20% --max-p95 3s --max-cost 0.05 --max-tokens 10k --max-calls 50 --max-run-cost 0.1 --max-run-tokens 5k --max-run-calls 12 --no-loops',
  compare: '--since 2026-11-22T14:13:30 --until 2026-11-23 --vs 1h --all',
  spans: '--kind tool --min-duration 20ms',
  why: '--state error,degraded',
};
/** Of these one golden holds what is split elsewhere. */
const ONLY: Readonly<Record<string, string>> = {compare: 'all'};
const FOLDER = new URL('../../src/questions/', import.meta.url);
const catalog: {name: string; by: string; isOfFacts: boolean}[] = [];
for (const file of readdirSync(FOLDER)) {
  const {default: question} = (await import(new URL(file, FOLDER).pathname)) as {default?: Question};
  if (!question) continue;
  const name = file.replace('.ts', '');
  for (const by of question.by ?? [''])
    if ((ONLY[name] ?? by) === by) catalog.push({name, by, isOfFacts: !question.answer});
}
const FIXTURES = [
  'agno-3.1.10-pictures.sqlite',
  'agno-3.1.10-shop.sqlite',
  'agno-3.1.10-killed.sqlite',
  'agno-2.9.0-pictures.sqlite',
  'agno-2.9.0-shop.sqlite',
  'agno-2.9.0-killed.sqlite',
];

describe.each(BACKENDS)('canned questions on %s', backend => {
  // One database and one file of facts for all questions of a fixture, as a user has them.
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const opened = new Map<string, Promise<string>>();
  const open = (file: string) => {
    if (!opened.has(file)) opened.set(file, sharedFixture(backend, file));
    return opened.get(file)!;
  };
  const goldenOf = (data: readonly object[]) => `[\n${data.map(row => JSON.stringify(row)).join(',\n')}\n]\n`;

  it.each(catalog.filter(({isOfFacts}) => !isOfFacts))(
    '$name --by $by gives the checked answer',
    async ({name, by}) => {
      const db = await open('agno-3.1.10-pictures.sqlite');
      const asked = ASKED[name]?.split(' ') ?? [];
      const {data} = await json([name, ...asked, ...(by === '' ? [] : ['--by', by]), '--limit', '0', '--db', db], {
        env,
      });
      await expect(goldenOf(data)).toMatchFileSnapshot(
        `../golden/questions/${by === '' ? name : `${name}-by-${by}`}.json`,
      );
    },
  );

  it.each(
    ['3.1.10-pictures', '3.1.10-shop', '2.9.0-pictures', '2.9.0-shop'].flatMap(fixture =>
      catalog.filter(({isOfFacts}) => isOfFacts).map(question => ({...question, fixture})),
    ),
  )('$name $by gives the checked answer on $fixture', async ({name, by, fixture}) => {
    const db = await open(`agno-${fixture}.sqlite`);
    const asked = ASKED[name]?.split(' ') ?? [];
    const {out} = await cli(
      [name, ...asked, ...(by === '' ? [] : ['--by', by]), '--limit', '0', '--json', '--db', db],
      {
        env,
      },
    );
    const {data} = JSON.parse(out);
    const file = by === '' ? name : `${name}-by-${by}`;
    await expect(goldenOf(data)).toMatchFileSnapshot(`../golden/questions/${fixture}/${file}.json`);
  });
});

/** The statement of Agno's documentation ("slowest operations"), with the ties settled by name. */
const DOCUMENTED = (table: string) =>
  `select name, avg(duration_ms) as avg_ms, count(*) as calls from ${table} group by name order by avg_ms desc, name limit 10`;

async function documentedAnswer(backend: Backend, db: string): Promise<unknown[]> {
  if (backend === 'sqlite') {
    const file = new Database(db, {readonly: true});
    const rows = file.prepare(DOCUMENTED('agno_spans')).all();
    file.close();
    return rows;
  }
  const client = new pg.Client({connectionString: db});
  await client.connect();
  const {rows} = await client.query(DOCUMENTED('ai.agno_spans'));
  await client.end();
  return rows.map(row => ({name: row.name, avg_ms: Number(row.avg_ms), calls: Number(row.calls)}));
}

async function slowest(db: string): Promise<unknown[]> {
  const {data} = await json(['slowest', '--limit', '10', '--db', db]);
  return data.map((row: {name: string; avgMs: number; calls: number}) => ({
    name: row.name,
    avg_ms: row.avgMs,
    calls: row.calls,
  }));
}

describe("slowest --limit 10 is the statement of Agno's documentation", () => {
  it.each(FIXTURES.flatMap(file => BACKENDS.map(backend => ({file, backend}))))(
    'on $file ($backend)',
    async ({file, backend}) => {
      const db = await sharedFixture(backend, file);
      expect(await slowest(db)).toEqual(await documentedAnswer(backend, db));
    },
  );

  it.each([
    'agno-3.1.10-pictures.postgres.sql',
    'agno-2.9.0-pictures.postgres.sql',
    'agno-2.9.0-shop-batch.postgres.sql',
  ])('on %s', async file => {
    const db = await postgresDump(file);
    expect(await slowest(db)).toEqual(await documentedAnswer('postgres', db));
  });

  it('on an empty database of the older shape', async () => {
    const db = sqliteCopy('agno-2.3.11-async-shape-b.sqlite');
    expect(await slowest(db)).toEqual([]);
  });

  it('on a synthetic database that, with a rollback journal, is read in many short statements', async () => {
    const file = `${temporaryFolder()}/large.db`;
    expect((await cli(['demo', '--traces', '250', '--path', file])).code).toBe(0);
    const db = new Database(file);
    expect(db.prepare('select count(*) from agno_spans').pluck().get()).toBeGreaterThan(15_000);
    const answer = await documentedAnswer('sqlite', file);
    expect(answer).toHaveLength(10);
    expect(await slowest(file)).toEqual(answer);
    // With a rollback journal the same is put together from many short statements, window and filters included.
    const questions = [
      ['--limit', '0'],
      ['--by', 'tool', '--limit', '0'],
      ['--by', 'model', '--since', '2026-01-01', '--name', '*Chat*'],
    ];
    const whole = await Promise.all(questions.map(argv => json(['slowest', '--db', file, ...argv])));
    db.pragma('journal_mode = delete');
    db.close();
    const printed = await cli(['slowest', '--db', file, '--print-sql']);
    expect(printed.out.match(/group by name, ms/g)!.length).toBeGreaterThan(5);
    for (const [i, argv] of questions.entries())
      expect(await json(['slowest', '--db', file, ...argv])).toEqual(whole[i]);
  });
});

describe.each(BACKENDS)('slowest on %s', backend => {
  it('figures percentiles, errors, longest and total as they are', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const file = new Database(sqliteCopy('agno-3.1.10-pictures.sqlite'), {readonly: true});
    const {data} = await json(['slowest', '--limit', '0', '--db', db]);
    for (const row of data) {
      const spans = file
        .prepare('select duration_ms, status_code from agno_spans where name = ? order by duration_ms')
        .all(row.name) as {duration_ms: number; status_code: string}[];
      const times = spans.map(span => span.duration_ms);
      const at = (fraction: number) => {
        const place = fraction * (times.length - 1);
        const [low, high] = [times[Math.floor(place)]!, times[Math.ceil(place)]!];
        return low + (high - low) * (place - Math.floor(place));
      };
      expect(row).toMatchObject({
        calls: times.length,
        errors: spans.filter(span => span.status_code === 'ERROR').length,
        maxMs: times.at(-1),
        totalMs: times.reduce((a, b) => a + b, 0),
      });
      expect(row.p50Ms).toBeCloseTo(at(0.5), 6);
      expect(row.p95Ms).toBeCloseTo(at(0.95), 6);
      expect(row.p99Ms).toBeCloseTo(at(0.99), 6);
    }
    file.close();
  });

  it('sorts by any column, either way, and stays within its limit', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const sorted = async (...argv: string[]) => (await json(['slowest', '--db', db, ...argv])).data;
    const byCalls = await sorted('--sort', 'calls', '--limit', '3');
    expect(byCalls).toHaveLength(3);
    expect(byCalls[0].calls).toBeGreaterThanOrEqual(byCalls[1].calls);
    const ascending = await sorted('--sort=-maxMs', '--limit', '0');
    expect(ascending[0].maxMs).toBeLessThanOrEqual(ascending.at(-1).maxMs);
    const byName = (await sorted('--sort', 'name', '--limit', '0')).map((row: {name: string}) => row.name);
    expect(byName).toEqual([...byName].sort());
  });

  it('asks only the spans of the runs that a filter selects', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const {data, notes} = await json(['slowest', '--db', db, '--session', 'tool-error', '--limit', '0']);
    expect(data.map((row: {name: string; calls: number}) => [row.name, row.calls])).toEqual([
      ['Billing_Agent.run', 1],
      ['OpenAIChat.invoke', 3],
      ['flaky_inventory', 2],
    ]);
    expect(notes[0]).toBe('1 run');
    const tools = await json([
      'slowest',
      '--db',
      db,
      '--kind',
      'tool',
      '--by',
      'tool',
      '--state',
      'error,degraded',
      '--limit',
      '0',
    ]);
    expect(tools.data.map((row: {name: string}) => row.name)).toContain('flaky_inventory');
    expect(tools.data.map((row: {name: string}) => row.name)).not.toContain('get_weather');
  });

  it('covers a window and says what it covered', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const {data, notes} = await json(['slowest', '--db', db, '--until', '2026-11-22T14:12:50', '--limit', '0']);
    expect(data.map((row: {name: string}) => row.name)).toEqual(['Weather_Agent.run', 'OpenAIChat.invoke']);
    expect(notes.join(' ')).toContain('2 spans from 2026-11-22T14:12:49Z to 2026-11-22T14:12:49Z');
  });
});

it('a question is asked of a Postgres with other names of schema and tables', async () => {
  const db = await loadIntoPostgres(sqliteCopy('agno-2.9.0-pictures.sqlite'), 'elsewhere');
  const client = new pg.Client({connectionString: db});
  await client.connect();
  await client.query('alter table elsewhere.agno_spans rename to my_spans');
  await client.query('alter table elsewhere.agno_traces rename to "My Traces"');
  await client.end();
  const flags = ['--db', db, '--schema', 'elsewhere', '--spans-table', 'my_spans', '--traces-table', 'My Traces'];
  expect((await json(['slowest', ...flags])).data).toHaveLength(10);
  expect((await json(['list', ...flags, '--limit', '0'])).data).toHaveLength(24);
});

it('a narrow terminal loses the last columns, never the one that the rows are sorted by', async () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const headOf = async (...argv: string[]) =>
    (await cli(['slowest', '--no-color', '--db', db, ...argv], {columns: 60})).out.split('\n', 1)[0]!.split(/ +/);
  expect(await headOf()).toEqual(['NAME', 'CALLS', 'ERRORS', 'AVG', 'P50', 'P95', 'P99']);
  expect(await headOf('--sort', 'totalMs')).toEqual(['NAME', 'CALLS', 'ERRORS', 'AVG', 'P50', 'P95', 'TOTAL']);
  const {out} = await cli(['slowest', '--no-color', '--db', db], {columns: 60});
  const drawn = out.split('\n').filter(line => !line.startsWith('next: '));
  expect(drawn.filter(text => text.length > 60)).toEqual([]);
});
