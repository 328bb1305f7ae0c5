import {existsSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {EXIT, UserError} from '../../src/errors.ts';
import {openFacts} from '../../src/facts/facts.ts';
import {factsFile, factsFilesIn, factsFolder} from '../../src/facts/place.ts';
import {FACTS_VERSION} from '../../src/facts/schema.ts';
import {Prices} from '../../src/prices/prices.ts';
import {raw, type Sql} from '../../src/sql/sql.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import type {Store} from '../../src/store/store.ts';
import {sqliteWith} from '../bad-data/filling.ts';
import {agentAttributes, at, idsOf, type Row, spanRow, traceRow} from '../bad-data/rows.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {execute} from '../retention/tables.ts';

const prices = new Prices(null);
interface Window {
  readonly sinceMicros: number | null;
  readonly untilMicros: number | null;
}
const ALL: Window = {sinceMicros: null, untilMicros: null};

function open(url: string): Promise<Store> {
  return openStore(parseSource(url, '--db', {}, '/'), {
    tables: {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 30_000,
  });
}

/** Opens the facts of a store in a folder, counts their spans, and says how they were come by. */
async function counted(store: Store, folder: string | null, window: Window = ALL, env: Record<string, string> = {}) {
  const facts = await openFacts(store, {
    env: {...env, ...(folder === null ? {} : {AGNO_TRACE_CACHE: folder})},
    cwd: '/',
    prices,
    ...window,
  });
  const [row] = facts.all<{n: number}>(raw('select count(*) as n from span_facts'));
  const {path: file, spansRead, notices} = facts;
  facts.close();
  return {spans: row!.n, file, spansRead, notices};
}

describe.each(BACKENDS)('the file of the facts on %s', backend => {
  it('is private, named by what it is of, and read again without reading the spans', async () => {
    const store = await open(await openFixture(backend, 'agno-3.1.10-pictures.sqlite'));
    const folder = path.join(temporaryFolder(), 'deep', 'cache');
    const first = await counted(store, folder);
    expect(first).toMatchObject({spans: 275, spansRead: 275, notices: []});
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).filter(name => (statSync(path.join(folder, name)).mode & 0o077) !== 0)).toEqual([]);
    expect(await counted(store, folder)).toEqual({...first, spansRead: 0});
    await store.close();
  });

  it('forgets people who were erased from the rows in place', async () => {
    const url = await openFixture(backend, 'agno-3.1.10-shop.sqlite');
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const users = async () =>
      ((await json(['users', '--db', url, '--limit', '0'], {env})).data as {user: string}[]).map(({user}) => user);
    const before = await users();
    expect(before).toContain('user-7');
    for (const statement of [
      "update agno_spans set attributes = replace(attributes::text, 'user-7', 'erased')::json",
      "update agno_traces set user_id = 'erased' where user_id = 'user-7'",
    ])
      await execute(
        url,
        backend === 'postgres' ? statement.replace('agno_', 'ai.agno_') : statement.replace(/::\w+/g, ''),
      );
    expect((await users()).sort()).toEqual(before.map(user => (user === 'user-7' ? 'erased' : user)).sort());
  });

  it('reads the days that are asked for, and no others', async () => {
    const store = await open(await openFixture(backend, 'agno-3.1.10-pictures.sqlite'));
    const folder = temporaryFolder();
    const day = (text: string) => Date.parse(`${text}T00:00:00Z`) * 1000;
    const before = {sinceMicros: day('2026-11-20'), untilMicros: day('2026-11-22')};
    expect(await counted(store, folder, before)).toMatchObject({spans: 0, spansRead: 0});
    const within = {sinceMicros: day('2026-11-22'), untilMicros: day('2026-11-23')};
    expect(await counted(store, folder, within)).toMatchObject({spans: 275, spansRead: 275});
    expect(await counted(store, folder)).toMatchObject({spans: 275, spansRead: 0});
    await store.close();
  });

  it('is filled by days that have spans, however far one span is from the others', async () => {
    const url = await openFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const newest = 'select max(span_id) from agno_spans';
    await execute(url, `update agno_spans set start_time = '1971-02-03T04:05:06.000000Z' where span_id = (${newest})`);
    for (const time of ['1999-02-31T00:00:00.000000Z', '2000-13-45T00:00:00.000000Z']) {
      await execute(
        url,
        `insert into agno_spans (span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
         select '${time.slice(0, 10).replaceAll('-', '')}', trace_id, name, span_kind, status_code, '${time}', end_time, duration_ms, attributes, created_at
           from agno_spans where span_id = (${newest})`,
      );
    }
    const store = await open(url);
    let statements = 0;
    const counting = new Proxy(store, {
      get: (target, key) => {
        const value = Reflect.get(target, key, target);
        if (typeof value !== 'function') return value;
        if (key === 'all') statements++;
        return value.bind(target);
      },
    });
    expect(await counted(counting, null, {sinceMicros: 1, untilMicros: null})).toMatchObject({spans: 277});
    // One for each of the 18,000 days since then would be more.
    expect(statements).toBeLessThan(300);
    await store.close();
  });

  it('holds no word of what was said, asked or answered', async () => {
    const db = await openFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const store = await open(db);
    const folder = temporaryFolder();
    const {file} = await counted(store, folder);
    await store.close();
    const bytes = ['', '-wal']
      .map(suffix => (existsSync(file + suffix) ? readFileSync(file + suffix, 'latin1') : ''))
      .join('');
    const rows = backend === 'sqlite' ? readFileSync(db, 'latin1') : null;
    const said = ['What is the weather', 'Memory Manager', 'order_id', 'sunny', '"scope'];
    if (rows !== null) expect(said.filter(text => !rows.includes(text))).toEqual([]);
    expect(said.filter(text => bytes.includes(text))).toEqual([]);
  });
});

function indexesOf(file: string): unknown[] {
  const db = new Database(file, {readonly: true});
  const names = db.prepare("select name from sqlite_master where type = 'index' order by 1").pluck().all();
  db.close();
  return names;
}

/** The shop, ten traces a day. */
function shopOfAWeek(): string {
  const source = sqliteCopy('agno-3.1.10-shop.sqlite');
  const db = new Database(source);
  const shift = (days: number) =>
    ['start_time', 'end_time', 'created_at']
      .map(column => `${column} = '2026-11-${22 - days}' || substr(${column}, 11)`)
      .join(', ');
  const ids = db.prepare('select trace_id from agno_traces order by start_time').pluck().all() as string[];
  ids.forEach((id, i) => {
    db.prepare(`update agno_spans set ${shift(Math.floor(i / 10))} where trace_id = ?`).run(id);
    db.prepare(`update agno_traces set ${shift(Math.floor(i / 10))} where trace_id = ?`).run(id);
  });
  db.close();
  return source;
}

describe('the file of the facts', () => {
  it('counts what continued a run inside a sequel with what is there, when the first of three traces goes', async () => {
    const ids = [idsOf('7ea1'), idsOf('7ea2'), idsOf('7ea3')] as const;
    const runSpan = (n: number, id: string, name: string, more: object, changed: Row = {}): Row =>
      spanRow(ids[n]!, id, {
        name,
        start_time: at(n * 1000),
        end_time: at(n * 1000 + 500),
        attributes: JSON.stringify({...agentAttributes(ids[0]), 'output.value': 'x', ...more}),
        ...changed,
      });
    const member = {'agno.run.id': 'member', 'agno.agent.id': 'm'};
    const inner = {'agno.run.id': 'inner', 'agno.agent.id': 'i'};
    const traces = ids.map((one, n) =>
      traceRow(one, {
        session_id: ids[0].session,
        run_id: [ids[0].run, 'member', 'inner'][n]!,
        agent_id: ['t', 'm', 'i'][n]!,
        start_time: at(n * 1000),
      }),
    );
    const spans = [
      runSpan(0, ids[0].root, 'T.run', {'agno.agent.id': 't'}),
      runSpan(0, ids[0].call, 'M.run', member, {parent_span_id: ids[0].root, start_time: at(10)}),
      runSpan(1, ids[1].root, 'M.continue_run', member),
      runSpan(1, ids[1].call, 'I.run', inner, {parent_span_id: ids[1].root, start_time: at(1010)}),
      runSpan(2, ids[2].root, 'I.continue_run', inner),
    ];
    const file = sqliteWith({rows: {traces, spans}}, temporaryFolder());
    const folder = temporaryFolder();
    const wholes = async (at: string | null) => {
      const store = await open(file);
      const facts = await openFacts(store, {env: at === null ? {} : {AGNO_TRACE_CACHE: at}, cwd: '/', prices, ...ALL});
      const rows = facts.all(
        raw(
          `select r.span_id, r.sequel, w.span_id as whole from run_facts r left join run_facts w on w.run_key = r.whole_key order by 1`,
        ),
      );
      facts.close();
      await store.close();
      return rows;
    };
    expect(await wholes(folder)).toMatchObject([
      {sequel: 0, whole: ids[0].root},
      {sequel: 1, whole: ids[0].root},
      {sequel: 1, whole: ids[0].root},
    ]);
    const db = new Database(file);
    for (const table of ['agno_spans', 'agno_traces'])
      db.prepare(`delete from ${table} where trace_id = ?`).run(ids[0].trace);
    db.close();
    const fresh = await wholes(null);
    expect(fresh).toMatchObject([
      {sequel: 0, whole: ids[1].root},
      {sequel: 1, whole: ids[1].root},
    ]);
    expect(await wholes(folder)).toEqual(fresh);
  });

  it('that cannot be written is replaced by facts in memory, and that is said', async () => {
    const store = await open(sqliteCopy('agno-3.1.10-shop.sqlite'));
    const folder = path.join(temporaryFolder(), 'not-a-folder');
    writeFileSync(folder, '');
    const facts = await counted(store, folder);
    expect(facts).toMatchObject({spans: 444, file: null, spansRead: 444});
    expect(facts.notices).toEqual([
      expect.stringMatching(
        /^facts are computed in memory for this question: their file cannot be used: its folder is a link, or none at all$/,
      ),
    ]);
    expect(await counted(store, null)).toMatchObject({spans: 444, file: null, notices: []});
    await store.close();
  });

  it('that is damaged, or of another version, is made anew', async () => {
    const store = await open(sqliteCopy('agno-3.1.10-shop.sqlite'));
    const folder = temporaryFolder();
    const {file} = await counted(store, folder);
    const db = new Database(file!);
    db.prepare("update facts_about set value = '0' where key = 'version'").run();
    db.close();
    expect(FACTS_VERSION).not.toBe(0);
    expect(await counted(store, folder)).toMatchObject({spans: 444, spansRead: 444, notices: []});
    writeFileSync(file!, 'no database at all, but long enough to be taken for something that once was one');
    expect(await counted(store, folder)).toMatchObject({
      spans: 444,
      spansRead: 444,
      notices: ['the facts file was damaged; rebuilding it'],
    });
    await store.close();
  });

  it('that another process holds is not waited for', async () => {
    const store = await open(sqliteCopy('agno-3.1.10-shop.sqlite'));
    const folder = temporaryFolder();
    const {file} = await counted(store, folder);
    const other = new Database(file!);
    other.exec('begin immediate');
    const facts = await counted(store, folder);
    other.exec('rollback');
    other.close();
    expect(facts).toMatchObject({spans: 444, file: null});
    expect(facts.notices).toEqual(['facts are computed in memory for this question: another process is writing them']);
    await store.close();
  });

  it('is made once by two that begin at the same time', async () => {
    const source = sqliteCopy('agno-3.1.10-shop.sqlite');
    const folder = temporaryFolder();
    const stores = await Promise.all([open(source), open(source), open(source)]);
    const all = await Promise.all(stores.map(store => counted(store, folder)));
    expect(all.map(({spans}) => spans)).toEqual([444, 444, 444]);
    for (const store of stores) await store.close();
  });

  it('stays below its bound: the oldest days go first', async () => {
    const source = shopOfAWeek();
    const store = await open(source);
    const folder = temporaryFolder();
    const first = await counted(store, folder, ALL, {AGNO_TRACE_CACHE_MB: '0.2'});
    expect(first.spans).toBe(444);
    const kept = new Database(first.file!, {readonly: true});
    const [{n, oldest}] = kept.prepare('select count(*) as n, min(day) as oldest from span_facts').all() as [
      {n: number; oldest: string},
    ];
    kept.close();
    expect(n).toBeGreaterThan(0);
    expect(n).toBeLessThan(444);
    expect(oldest > '2026-11-16').toBe(true);
    expect(statSync(first.file!).size).toBeLessThan(0.3 * 1024 ** 2);
    const again = await counted(store, folder);
    expect(again).toMatchObject({spans: 444, notices: []});
    expect(again.spansRead).toBe(444 - n);
    await store.close();
  });

  it('that was not made to its end is gone on with where it stopped', async () => {
    const store = await open(shopOfAWeek());
    const folder = temporaryFolder();
    let statements = 0;
    const cut = Object.create(store, {
      all: {
        value: (query: Sql) => {
          if (++statements > 40) throw new UserError(EXIT.unreachable, 'the connection is gone');
          return store.all(query);
        },
      },
    }) as Store;
    await expect(counted(cut, folder)).rejects.toThrow('the connection is gone');
    const [kept] = factsFilesIn(folder);
    const cutIndexes = indexesOf(kept!);
    expect(cutIndexes).toContain('trace_facts_by_id');
    expect(cutIndexes).not.toContain('span_facts_by_start');
    const {spans, spansRead} = await counted(store, folder);
    expect(spans).toBe(444);
    expect(spansRead).toBeGreaterThan(0);
    expect(spansRead).toBeLessThan(444);
    expect(indexesOf(kept!)).toContain('span_facts_by_start');
    // What is killed between the last day and its indexes, or among these, gets them with the next question.
    const all = indexesOf(kept!);
    const db = new Database(kept!);
    db.exec('drop index span_facts_loops; drop index run_facts_by_start');
    db.close();
    expect(await counted(store, folder)).toMatchObject({spans: 444, spansRead: 0, notices: []});
    expect(indexesOf(kept!)).toEqual(all);
    await store.close();
  });

  it('is another one for other prices', async () => {
    const store = await open(sqliteCopy('agno-3.1.10-shop.sqlite'));
    const priced = Object.create(prices, {key: {value: 'others'}}) as Prices;
    expect(factsFile('/cache', store, prices)).not.toBe(factsFile('/cache', store, priced));
    await store.close();
  });
});

describe('the folder of the facts', () => {
  it.each([
    [{AGNO_TRACE_CACHE: 'here'}, 'linux', '/work/here'],
    [{XDG_CACHE_HOME: '/x'}, 'linux', '/x/agno-trace'],
    [{XDG_CACHE_HOME: 'relative', HOME: '/home/u'}, 'linux', '/home/u/.cache/agno-trace'],
    [{HOME: '/Users/u'}, 'darwin', '/Users/u/Library/Caches/agno-trace'],
    [{}, 'linux', null],
  ])('with %j on %s is %s', (env, platform, folder) => {
    expect(factsFolder(env, '/work', platform)).toBe(folder);
  });
});

describe('facts', () => {
  it('says what is kept, forgets it, and makes it anew', async () => {
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const status = async (...verb: string[]) => (await json(['facts', ...verb, '--db', db], {env})).data[0];
    const nothing = {bytes: null, spans: null, runs: null, days: []};
    expect(await status()).toMatchObject(nothing);
    await cli(['tools', '--db', db], {env});
    const kept = {spans: 444, runs: 70, traces: 71, days: [{from: null, until: null}]};
    expect(await status('status')).toMatchObject(kept);
    const text = await cli(['facts', '--db', db], {env});
    expect(text.out).toContain('444 spans, 70 runs, 71 traces');
    const {out: file} = await cli(['facts', 'path', '--db', db], {env});
    expect(existsSync(file.trim())).toBe(true);
    expect((await cli(['facts', 'clear', '--db', db], {env})).err).toContain('deleted the facts');
    expect(existsSync(file.trim())).toBe(false);
    expect(await status()).toMatchObject(nothing);
    expect(await status('rebuild')).toMatchObject(kept);
    expect((await cli(['facts', 'clear', '--all'], {env})).err).toContain('1 file of facts deleted');
    expect(readdirSync(env.AGNO_TRACE_CACHE)).toEqual([]);
  });

  it('without a folder says how to name one', async () => {
    const {code, err} = await cli(['facts', '--db', sqliteCopy('agno-3.1.10-shop.sqlite')], {env: {}});
    expect([code, err]).toEqual([2, expect.stringContaining('hint: Set AGNO_TRACE_CACHE to a folder.')]);
  });
});
