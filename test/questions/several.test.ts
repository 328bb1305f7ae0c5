import {writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import pg from 'pg';
import {describe, expect, inject, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {type CliOptions, cli, type Envelope, json} from '../cli.ts';
import {BACKENDS, openFixture, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {startProxy} from '../follow/proxy.ts';

const PICTURES = 'agno-3.1.10-pictures.sqlite';
const OLDER = 'agno-2.9.0-pictures.sqlite';
const SHOP = 'agno-2.9.0-shop.sqlite';

/** A config file with a profile of each name; values are TOML's basic strings. */
function profiles(databases: Record<string, string | Record<string, string>>): CliOptions {
  const folder = temporaryFolder();
  const tables = Object.entries(databases).map(([name, given]) => {
    const keys = typeof given === 'string' ? {db: given} : given;
    return `[profiles.${name}]\n${Object.entries(keys)
      .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
      .join('')}`;
  });
  const file = path.join(folder, 'config.toml');
  writeFileSync(file, tables.join('\n'), {mode: 0o600});
  return {env: {AGNO_TRACE_CONFIG: file}, cwd: folder};
}

interface Run {
  profile: string;
  traceId: string;
  spanId: string;
  startTime: string;
}

const key = ({profile, traceId, spanId}: Run) => `${profile} ${traceId} ${spanId}`;

async function allPages(argv: string[], options: CliOptions): Promise<Run[][]> {
  const pages: Run[][] = [];
  for (let cursor: string | null = null; ; ) {
    const page: Envelope = await json([...argv, ...(cursor ? ['--cursor', cursor] : [])], options);
    pages.push(page.data);
    cursor = page.page.next;
    if (!cursor) return pages;
    if (pages.length > 500) throw new Error('the cursor goes round in circles');
  }
}

describe.each(BACKENDS)('list of several profiles on %s', backend => {
  it('says whose each run is, newest first, and every run of each once', async () => {
    const databases = {a: await sharedFixture(backend, PICTURES), b: sqliteCopy(OLDER)};
    const options = profiles(databases);
    const {data, notes} = await json(['list', '--all-profiles', '--limit', '0'], options);
    const own = await Promise.all(
      Object.entries(databases).map(async ([profile, db]) => {
        const alone: Envelope = await json(['list', '--db', db, '--limit', '0']);
        return alone.data.map((run: object) => ({profile, ...run}));
      }),
    );
    for (const [i, name] of ['a', 'b'].entries())
      expect(data.filter((run: Run) => run.profile === name)).toEqual(own[i]);
    const starts = data.map((run: Run) => run.startTime);
    expect(starts).toEqual([...starts].sort().reverse());
    expect(notes.join()).toMatch(/\d+ HTTP requests? without a run/);
    expect((await json(['list', '-n', '1', '--db', databases.a])).data[0]).not.toHaveProperty('profile');
    expect((await json(['list', '-n', '1', '--profile', 'a'], options)).data[0]).not.toHaveProperty('profile');
  });

  it('never loses or repeats a run between pages of any size', async () => {
    // Two of them hold runs of the same times: ties are where a merge goes wrong.
    const options = profiles({
      a: await sharedFixture(backend, PICTURES),
      b: sqliteCopy(OLDER),
      c: sqliteCopy(PICTURES),
      d: sqliteCopy('agno-3.1.10-killed.sqlite'),
    });
    const argv = ['list', '--profile', 'd', '--profile', 'b', '--profile', 'a', '--profile', 'c'];
    const whole: Run[] = (await json([...argv, '--limit', '0'], options)).data;
    await fc.assert(
      fc.asyncProperty(fc.integer({min: 8, max: 60}), async limit => {
        const pages = await allPages([...argv, '--limit', String(limit)], options);
        expect(pages.slice(0, -1).every(page => page.length === limit)).toBe(true);
        expect(pages.flat().map(key)).toEqual(whole.map(key));
      }),
      {numRuns: 3},
    );
  });

  it('shows the others when one fails, names it with its error, and exits 4', async () => {
    const options = profiles({
      good: await sharedFixture(backend, SHOP),
      gone: 'postgresql://anna@127.0.0.1:1/ai',
      lost: '/nowhere/agno.db',
    });
    const result = await cli(['list', '--all-profiles', '--json'], options);
    expect(result.code).toBe(EXIT.unreachable);
    const {data, notes, page} = JSON.parse(result.out) as Envelope;
    expect(new Set(data.map((run: Run) => run.profile))).toEqual(new Set(['good']));
    expect(notes.filter(note => note.startsWith('profile "'))).toEqual([
      expect.stringContaining('profile "gone" could not be read: no Postgres answered at 127.0.0.1:1'),
      expect.stringContaining('profile "lost" could not be read: there is no database file "/nowhere/agno.db"'),
    ]);
    // It keeps its place, for when it is back.
    expect(page.next).not.toBeNull();
    const table = await cli(['list', '--all-profiles'], {...options, columns: 100});
    expect(table.code).toBe(EXIT.unreachable);
    expect(table.out).toContain('"gone" could not be read');
    const sql = await cli(['list', '--all-profiles', '--print-sql'], options);
    expect(sql.code).toBe(EXIT.unreachable);
    expect(sql.err).toContain('"gone" could not be read');
    const none = await cli(['list', '--profile', 'gone', '--profile', 'lost'], options);
    expect(none).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(none.err).toMatch(/^error: none of 2 profiles [^\n]*"gone"[^\n]*"lost"[^\n]*\nhint: /);
  });
});

describe('list of several profiles', () => {
  it('has a PROFILE column, on a terminal and in a pipe, and one in the next step', async () => {
    const options = profiles({a: sqliteCopy(PICTURES), second: sqliteCopy(SHOP)});
    for (const columns of [undefined, 60, 80, 120]) {
      const {out, err} = await cli(['list', '--all-profiles', '-n', '3'], {...options, columns});
      expect(out.split('\n')[0]).toContain('PROFILE');
      expect(out + err).toMatch(/next: agno-trace show \S+ --profile (a|second)/);
    }
  });

  it('says without a number that requests were left out when a page was cut', async () => {
    const options = profiles({a: sqliteCopy(PICTURES), b: sqliteCopy(PICTURES)});
    const {notes} = await json(['list', '--all-profiles', '-n', '4'], options);
    expect(notes).toEqual(['HTTP requests without a run not shown (--traffic)']);
  });

  it('takes a cursor of the same profiles only', async () => {
    const options = profiles({a: sqliteCopy(PICTURES), b: sqliteCopy(SHOP), c: sqliteCopy(SHOP)});
    const {next} = (await json(['list', '--profile', 'a', '--profile', 'b', '-n', '3'], options)).page;
    const {next: single} = (await json(['list', '--profile', 'a', '-n', '3'], options)).page;
    for (const argv of [
      ['--all-profiles', '--cursor', next!],
      ['--profile', 'a', '--cursor', next!],
      ['--profile', 'a', '--profile', 'c', '--cursor', next!],
      ['--profile', 'a', '--profile', 'b', '--cursor', single!],
      ['--profile', 'a', '--profile', 'b', '--cursor', 'abc'],
    ]) {
      const result = await cli(['list', ...argv], options);
      expect(result).toMatchObject({code: EXIT.usage, out: ''});
      expect(result.err).toMatch(/^error: --cursor [^\n]*\nhint: [^\n]*\n$/);
    }
    expect((await cli(['list', '--profile', 'b', '--profile', 'a', '--cursor', next!], options)).code).toBe(EXIT.done);
  });

  it('refuses what says twice which, and what does not exist', async () => {
    const options = profiles({a: sqliteCopy(SHOP)});
    for (const argv of [
      ['--all-profiles', '--profile', 'a'],
      ['--all-profiles', '--db', 'x.db'],
      ['--profile', 'a', '--profile', 'b'],
    ])
      expect((await cli(['list', ...argv], options)).code).toBe(EXIT.usage);
    expect((await cli(['list', '--all-profiles'], profiles({}))).err).toContain('no profiles');
    expect((await cli(['list', '--all-profiles'], {env: {}})).err).toContain('AGNO_TRACE_CONFIG');
  });

  it('prints the statements of each under its name', async () => {
    const options = profiles({a: sqliteCopy(SHOP), b: await openFixture('postgres', SHOP)});
    const {out} = await cli(['list', '--all-profiles', '--print-sql'], options);
    expect(out).toMatch(/-- profile a\nselect[\s\S]*-- profile b\nselect[\s\S]*"ai"\."agno_spans"/);
  });

  it('never holds more than two connections to one Postgres database', async () => {
    const proxy = await startProxy(await openFixture('postgres', PICTURES));
    const db = {db: proxy.url, runs_db: proxy.url};
    const {data} = await json(['list', '--all-profiles', '-n', '3'], profiles({a: db, b: db, c: db, d: db, e: db}));
    await proxy.close();
    expect(data).toHaveLength(3);
    expect(proxy.mostAtOnce()).toBe(2);
  });
});

describe.each(BACKENDS)("Agno's run table in a database of its own on %s", backend => {
  /** Traces without the run tables, and the run tables alone. */
  async function apart(): Promise<{traces: string; runs: string}> {
    const strip = (file: string, tables: string[]): string => {
      const db = new Database(file);
      db.pragma('foreign_keys = off');
      for (const table of tables) db.exec(`drop table if exists ${table}`);
      db.close();
      return file;
    };
    const traces = strip(sqliteCopy(PICTURES), ['agno_runs', 'agno_sessions']);
    if (backend === 'sqlite') return {traces, runs: strip(sqliteCopy(PICTURES), ['agno_traces', 'agno_spans'])};
    const both = [await openFixture('postgres', PICTURES), await openFixture('postgres', PICTURES)];
    for (const [i, tables] of ['ai.agno_runs, ai.agno_sessions', 'ai.agno_spans, ai.agno_traces'].entries()) {
      const client = new pg.Client({connectionString: both[i]!});
      await client.connect();
      await client.query(`drop table ${tables} cascade`);
      await client.end();
    }
    return {traces: both[0]!, runs: both[1]!};
  }

  it('is the same evidence as one beside the traces, by flag and by profile', async () => {
    const {traces, runs} = await apart();
    const together = await openFixture(backend, PICTURES);
    const all = ['list', '--limit', '0'];
    const wanted = await json([...all, '--db', together]);
    const without = await json([...all, '--db', traces]);
    expect(without.data).not.toEqual(wanted.data);
    expect((await json([...all, '--db', traces, '--runs-db', runs])).data).toEqual(wanted.data);
    const options = profiles({a: {db: traces, runs_db: runs}, b: {db: traces}});
    expect((await json([...all, '--profile', 'a'], options)).data).toEqual(wanted.data);
    expect((await json([...all, '--profile', 'b', '--runs-db', runs], options)).data).toEqual(wanted.data);
    for (const {runId} of wanted.data.filter((run: {runId: string | null}) => run.runId).slice(0, 6)) {
      const shown = await json(['show', runId.slice(0, 10), '--db', traces, '--runs-db', runs]);
      expect(shown.data).toEqual((await json(['show', runId, '--db', together])).data);
    }
  });

  it('has its statements in --print-sql, with its name', async () => {
    const {traces, runs} = await apart();
    const {out} = await cli(['list', '-n', '2', '--db', traces, '--runs-db', runs, '--print-sql']);
    expect(out).toMatch(/-- in [^\n]+:\nselect \w\.run_id, \w\.status/);
  });

  it.each([
    ['unreachable', 'postgresql://anna@127.0.0.1:1/app', /no Postgres answered/],
    ['not there', '/nowhere/app.db', /no database file/],
    ['without the tables', null, /no table "agno_runs" or "agno_sessions"/],
  ])('that is %s is a note and no error', async (_, given, reason) => {
    const {traces} = await apart();
    const alone = await json(['list', '-n', '5', '--db', traces]);
    const {data, notes} = await json(['list', '-n', '5', '--db', traces, '--runs-db', given ?? traces]);
    expect(data).toEqual(alone.data);
    expect(notes.filter(note => note.includes('run status'))).toEqual([expect.stringMatching(reason)]);
    const table = await cli(['list', '-n', '5', '--db', traces, '--runs-db', given ?? traces]);
    expect(table.code).toBe(EXIT.done);
    expect(table.err).toMatch(reason);
    // What is not found may be there: the error says that one place was not looked at.
    const missing = await cli(['show', 'feedfacecafe', '--db', traces, '--runs-db', given ?? traces]);
    expect(missing).toMatchObject({code: EXIT.notFound, out: ''});
    expect(missing.err).toMatch(/^error: no run[\s\S]*\nnote: [^\n]*run status/);
    const asJson = await cli(['show', 'feedfacecafe', '--db', traces, '--runs-db', given ?? traces, '--json']);
    expect(JSON.parse(asJson.err).error.notes).toEqual([expect.stringMatching(reason)]);
  });

  it('keeps its password to itself', async () => {
    const {traces} = await apart();
    const url = new URL(inject('postgresUrl'));
    url.password = 'hemlock-orchid';
    for (const flags of [[], ['--debug'], ['--json'], ['--print-sql']]) {
      const {code, out, err} = await cli(['list', '-n', '1', '--db', traces, '--runs-db', url.href, ...flags]);
      expect(code).toBe(EXIT.done);
      expect(out + err).not.toMatch(/hemlock|orchid/);
    }
  });
});
