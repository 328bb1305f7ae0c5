import {readdirSync} from 'node:fs';
import Database from 'better-sqlite3';
import {expect, it} from 'vitest';
import {json} from '../cli.ts';
import {fixture, sqliteCopy, temporaryFolder} from '../fixtures.ts';

const DATABASES = ['truth', 'cases'].flatMap(folder =>
  readdirSync(fixture(folder))
    .filter(file => file.endsWith('.sqlite'))
    .map(file => `${folder}/${file}`),
);
const ENDINGS = ['ok', 'degraded', 'error', 'cancelled', 'paused'];
const STATES = [...ENDINGS, 'running', 'stalled', 'lost'];

// biome-ignore lint/suspicious/noExplicitAny: rows of whatever question
type Row = Record<string, any>;
type Figures = Record<string, Record<string, number>>;

/** Runs, runs by state and tokens of `list` by what its rows have in common; of loose parts the tokens alone. */
function listedBy(rows: readonly Row[], keyOf: (row: Row) => unknown): Figures {
  const groups: Figures = {};
  for (const row of rows) {
    const key = String(keyOf(row));
    groups[key] ??= {};
    const add = (name: string, value: number) => {
      if (value > 0) groups[key]![name] = (groups[key]![name] ?? 0) + value;
    };
    add('totalTokens', row.totalTokens ?? 0);
    if (row.part) continue;
    add('runs', 1);
    add(row.state, 1);
  }
  return groups;
}

/** The same figures as a question says them; zeros left out. */
function answered(rows: readonly Row[], keyOf: (row: Row) => unknown, names: readonly string[]): Figures {
  return Object.fromEntries(
    rows.map(row => [
      String(keyOf(row)),
      Object.fromEntries(names.filter(name => row[name] > 0).map(name => [name, row[name]])),
    ]),
  );
}

/** Only these figures. */
function only(groups: Figures, names: readonly string[]): Figures {
  return Object.fromEntries(
    Object.entries(groups).map(([key, figures]) => [
      key,
      Object.fromEntries(Object.entries(figures).filter(([name]) => names.includes(name))),
    ]),
  );
}

async function compare(file: string, env: Record<string, string>): Promise<void> {
  const db = sqliteCopy(file);
  const ask = async (command: string): Promise<Row[]> =>
    (await json([command, '--limit', '0', '--db', db], {env})).data;
  const listed = (await ask('list')).filter(run => !run.traffic);
  const runs = listed.filter(run => !run.part);
  const tokens = ['totalTokens'];

  const stats = await ask('stats');
  const byState = only(
    listedBy(runs, run => run.state),
    ['runs', ...tokens],
  );
  const inSection = (section: string) => stats.filter(row => row.section === section);
  expect(
    answered(inSection('state'), row => row.name, ['runs', ...tokens]),
    `stats of ${file}`,
  ).toEqual(byState);
  expect(inSection('all')[0]?.runs ?? 0, `stats of ${file}`).toBe(runs.length);

  for (const owner of ['user', 'session']) {
    const names = ['runs', ...STATES, ...tokens];
    expect(
      answered(await ask(`${owner}s`), row => row[owner], names),
      `${owner}s of ${file}`,
    ).toEqual(
      only(
        listedBy(listed, run => run[`${owner}Id`]),
        names,
      ),
    );
  }

  for (const kind of ['agent', 'team', 'workflow']) {
    const own = runs.filter(run => run.kind === kind && !run.missing);
    const expected = listedBy(own, run => run.name);
    const rows = await ask(`${kind}s`);
    expect(
      answered(
        rows.filter(row => row.runs > 0),
        row => row[kind],
        ['runs'],
      ),
      `${kind}s of ${file}`,
    ).toEqual(only(expected, ['runs']));
    // States and tokens are those of runs inside others too; what a team's members did in traces of their own is the members'.
    const names = [...ENDINGS, ...(kind === 'team' ? [] : tokens)];
    const alone = rows.filter(row => row.inner === 0);
    expect(
      answered(alone, row => row[kind], names),
      `${kind}s of ${file}`,
    ).toEqual(
      only(
        listedBy(
          own.filter(run => alone.some(row => row[kind] === run.name)),
          run => run.name,
        ),
        names,
      ),
    );
    expect(
      answered(inSection(kind), row => row.name, ['runs', ...tokens]),
      `stats of ${file}`,
    ).toEqual(
      only(
        listedBy(
          runs.filter(run => run.kind === kind),
          run => run.name,
        ),
        ['runs', ...tokens],
      ),
    );
  }
}

it('stats, users, sessions, agents, teams and workflows have the runs, states and tokens that list shows', async () => {
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  for (const file of DATABASES) await compare(file, env);
});

it('runs that share a run id stay several in kept facts, whichever of them comes or goes last', async () => {
  const db = sqliteCopy('truth/run_id_given_again.sqlite');
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const all = async (command: string): Promise<Row[]> =>
    (await json([command, '--limit', '0', '--db', db], {env})).data;
  const traces = (await all('list')).map(run => run.traceId as string);
  expect(traces).toHaveLength(4);

  const source = new Database(db);
  source.pragma('foreign_keys = off');
  const tables = ['agno_traces', 'agno_spans'];
  const away = tables.map(table => ({
    table,
    rows: source.prepare(`select * from ${table} where trace_id <> ?`).all(traces.at(-1)) as Row[],
  }));
  const isFound = async (runs: number, failed: number) => {
    const [row] = (await all('stats')).filter(({section}) => section === 'all');
    expect(row).toMatchObject({runs, failed});
    const errors = await all('errors');
    expect(errors.reduce((sum, {fatalRuns}) => sum + fatalRuns, 0)).toBe(failed);
  };
  await isFound(4, 1);
  for (const {table} of away) source.prepare(`delete from ${table} where trace_id <> ?`).run(traces.at(-1));
  const failed = Number((await all('list'))[0]!.state === 'error');
  await isFound(1, failed);
  for (const {table, rows} of away)
    for (const row of rows)
      source
        .prepare(
          `insert into ${table} (${Object.keys(row).join(', ')}) values (${Object.keys(row)
            .map(() => '?')
            .join(', ')})`,
        )
        .run(Object.values(row));
  source.close();
  await isFound(4, 1);
});
