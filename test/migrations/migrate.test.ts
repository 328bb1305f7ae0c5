import {spawn} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, openFixture, temporaryFolder} from '../databases.ts';
import {BIN} from '../program.ts';
import {agnoWriter} from '../writer-process.ts';
import {type CatalogueRow, catalogueOf} from './catalogue.ts';
import {FIXTURE, openOlderShape, send} from './shapes.ts';

const OWN = ['run_id', 'session_id', 'user_id', 'opaque'].map(of => `agnotrace_agno_spans_${of}`);

const golden = (version: string, backend: Backend): CatalogueRow[] =>
  JSON.parse(readFileSync(new URL(`../golden/catalogue/${version}.${backend}.json`, import.meta.url), 'utf8'));
const withoutOwn = (rows: readonly CatalogueRow[]) => rows.filter(({name}) => !name.startsWith('agnotrace_'));

/** A database without Agno's tables. */
async function openEmpty(backend: Backend): Promise<string> {
  if (backend === 'postgres') return (await newPostgresDatabase()).url;
  const file = path.join(temporaryFolder(), 'agno.db');
  writeFileSync(file, '');
  return file;
}

const offline = (backend: Backend) => (backend === 'sqlite' ? ['--offline'] : []);

describe.each(BACKENDS)('migrate on %s', backend => {
  it('makes the tables as Agno 2.9.0 and 3.1.10 make them, and then has nothing to do', async () => {
    const db = await openEmpty(backend);
    const {data} = await json(['migrate', '--db', db, '--yes']);
    expect(data.result).toMatchObject({stoppedBy: null, left: []});
    const made = withoutOwn(await catalogueOf(db));
    expect(made).toEqual(golden('3.1.10', backend));
    expect(made).toEqual(golden('2.9.0', backend));
    const again = await json(['migrate', '--db', db, '--yes']);
    expect(again.data).toMatchObject({plan: {steps: []}, result: null});
    // They are the tables that everything else reads.
    expect(await cli(['list', '--db', db])).toMatchObject({code: 0});
  });

  it('takes back what it made, down to the schema, and keeps tables that hold rows', async () => {
    const db = await openEmpty(backend);
    const before = await catalogueOf(db);
    await json(['migrate', '--db', db, '--yes']);
    await json(['migrate', '--undo', '--db', db, '--yes', ...offline(backend)]);
    expect(await catalogueOf(db)).toEqual(before);
    await json(['migrate', '--db', db, '--yes']);
    const writer = await agnoWriter(db);
    const {lost, batches} = await writer.stop();
    expect([lost, batches > 0]).toEqual([0, true]);
    const undone = await json(['migrate', '--undo', '--db', db, '--dry-run']);
    const blocked = undone.data.plan.steps.filter((step: {blocked: string | null}) => step.blocked !== null);
    expect(blocked.map((step: {object: string}) => step.object)).toEqual(
      expect.arrayContaining(['agno_spans', 'agno_traces']),
    );
    await cli(['migrate', '--undo', '--db', db, '--yes', ...offline(backend)]);
    expect((await json(['list', '--db', db])).data.length).toBeGreaterThan(0);
  });

  it('shows the plan, and changes nothing without --yes', async () => {
    const db = await openEmpty(backend);
    const before = await catalogueOf(db);
    const plan = await cli(['migrate', '--db', db]);
    expect(plan.code).toBe(2);
    expect(plan.out).toMatch(/1\. create table agno_traces[\s\S]*lock[\s\S]*CREATE TABLE/);
    expect(plan.err).toMatch(/--yes is required without a terminal.*\nhint: --dry-run/);
    expect(await cli(['migrate', '--db', db, '--dry-run'])).toMatchObject({code: 0, out: plan.out});
    expect(await cli(['migrate', 'status', '--db', db])).toMatchObject({code: 0});
    expect(await catalogueOf(db)).toEqual(before);
  });

  it('prints SQL that does the same when somebody else runs it', async () => {
    const [db, byHand] = [await openEmpty(backend), await openEmpty(backend)];
    const {out, code} = await cli(['migrate', '--print-sql', '--db', byHand]);
    expect(code).toBe(0);
    await json(['migrate', '--db', db, '--yes']);
    const statements = out.replace(/^--.*$/gm, '').split(';\n');
    await send(byHand, ...statements.filter(text => text.trim() !== ''));
    const named = (rows: readonly CatalogueRow[]) => rows.filter(({name}) => !name.startsWith('agnotrace_made'));
    const bare = named(await catalogueOf(byHand)).filter(({name}) => !name.includes('autoindex_agnotrace'));
    expect(bare).toEqual(named(await catalogueOf(db)).filter(({name}) => !name.includes('autoindex_agnotrace')));
  });

  it("makes Agno's own indexes again where one is missing, and undo leaves it as it was", async () => {
    const db = await openFixture(backend, FIXTURE);
    const whole = await catalogueOf(db);
    const schema = backend === 'postgres' ? 'ai.' : '';
    await send(db, `drop index ${schema}idx_agno_spans_start_time`, `drop index ${schema}idx_agno_traces_run_id`);
    const before = await catalogueOf(db);
    const {data} = await json(['migrate', '--db', db, '--yes']);
    expect(data.result).toMatchObject({left: []});
    expect(data.plan.steps.map((step: {object: string}) => step.object)).toEqual(
      expect.arrayContaining(['idx_agno_spans_start_time', 'idx_agno_traces_run_id']),
    );
    expect(withoutOwn(await catalogueOf(db))).toEqual(whole);
    await json(['migrate', '--undo', '--db', db, '--yes']);
    expect(await catalogueOf(db)).toEqual(before);
  });

  it('brings the older shape up to the current one, rows and all, and back', async () => {
    const db = await openOlderShape(backend);
    const before = await catalogueOf(db);
    const rows = (await json(['list', '--db', db, '--limit', '0'])).data;
    const {data} = await json(['migrate', '--db', db, '--yes', ...offline(backend)]);
    expect(data.result).toMatchObject({left: []});
    expect(withoutOwn(await catalogueOf(db))).toEqual(golden('3.1.10', backend));
    expect((await json(['list', '--db', db, '--limit', '0'])).data).toEqual(rows);
    if (backend === 'sqlite') {
      const file = new Database(db);
      expect([file.pragma('integrity_check', {simple: true}), file.pragma('foreign_key_check')]).toEqual(['ok', []]);
      file.close();
    }
    const writer = await agnoWriter(db);
    expect(await writer.stop()).toMatchObject({lost: 0});
    await json(['migrate', '--undo', '--db', db, '--yes', ...offline(backend)]);
    expect(await catalogueOf(db)).toEqual(before);
  });

  it('reports spans without a trace row before it adds the foreign key, and leaves them alone', async () => {
    const db = await openOlderShape(backend);
    const name = backend === 'postgres' ? 'ai.agno_spans' : 'agno_spans';
    await send(
      db,
      `insert into ${name} (span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, created_at)
       values ('lonely', 'gone', 'x', 'INTERNAL', 'OK', '2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00', 0, '2026-01-01T00:00:00+00:00')`,
    );
    const {data} = await json(['migrate', '--db', db, '--dry-run', ...offline(backend)]);
    const step = data.plan.steps.find((one: {kind: string}) => one.kind === 'foreign key');
    expect([step.blocked, step.hint]).toEqual(['1 span has no trace row', expect.stringContaining('prune --orphans')]);
    await cli(['migrate', '--db', db, '--yes', ...offline(backend)]);
    const keys = (await catalogueOf(db)).filter(({definition}) => /FOREIGN KEY/.test(definition));
    expect(keys).toEqual([]);
  });

  it('says which name is taken where a table was renamed away, and leaves both alone', async () => {
    const db = await openFixture(backend, FIXTURE);
    const table = backend === 'postgres' ? 'ai.agno_spans' : 'agno_spans';
    await send(db, `alter table ${table} rename to old_spans`);
    const before = await catalogueOf(db);
    const {code, out, err} = await cli(['migrate', '--yes', '--db', db]);
    expect(out).toMatch(/not done +"idx_agno_spans_\w+" is the name of something else: it belongs to "old_spans"/);
    expect([code, err]).toEqual([2, expect.stringMatching(/nothing was changed.*\nhint: Was it renamed away\?/)]);
    expect(withoutOwn(await catalogueOf(db))).toEqual(withoutOwn(before));
  });

  it('loses no batch of a program that writes meanwhile', async () => {
    const db = await openFixture(backend, FIXTURE);
    const isPostgres = backend === 'postgres';
    const table = isPostgres ? 'ai.agno_spans' : 'agno_spans';
    const numbers = isPostgres
      ? 'generate_series(1, 30) n(i)'
      : '(with recursive n(i) as (values (1) union all select i + 1 from n where i < 30) select i from n)';
    const columns =
      'parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at';
    await send(
      db,
      `insert into ${table} (span_id, trace_id, ${columns}) select span_id || '-' || i, trace_id, ${columns} from ${table}, ${numbers}`,
      ...['start_time', 'trace_id', 'created_at'].map(
        column => `drop index ${isPostgres ? 'ai.' : ''}idx_agno_spans_${column}`,
      ),
      ...(isPostgres ? ['alter table ai.agno_spans drop constraint agno_spans_trace_id_fkey'] : []),
    );
    const journals = isPostgres ? [null] : ['wal', 'delete'];
    for (const journal of journals) {
      if (journal) await send(db, `pragma journal_mode = ${journal}`);
      for (const foreignKeys of isPostgres ? ['on'] : ['on', 'off']) {
        const writer = await agnoWriter(db, {everyMs: 1, env: {FOREIGN_KEYS: foreignKeys}});
        const {data} = await json(['migrate', '--db', db, '--yes']);
        const undone = await json(['migrate', '--undo', '--db', db, '--yes']);
        const {batches, lost} = await writer.stop();
        expect(data.result).toMatchObject({stoppedBy: null, left: []});
        expect(undone.data.result).toMatchObject({stoppedBy: null, left: []});
        expect([lost, batches > 0]).toEqual([0, true]);
      }
    }
  });

  it('lets ids of a megabyte and malformed attributes be inserted afterwards', async () => {
    const db = await openFixture(backend, FIXTURE);
    await json(['migrate', '--db', db, '--yes', ...offline(backend)]).catch(() => undefined);
    const id = Array.from({length: 1_000_000}, (_, i) => String.fromCharCode(33 + ((i * 7919 + (i >> 5)) % 90))).join(
      '',
    );
    const attributes = JSON.stringify({
      'openinference.span.kind': 'AGENT',
      'session.id': id,
      'agno.run.id': id,
      'user.id': id,
    });
    const time = '2026-01-01T00:00:00.000001+00:00';
    const columns =
      'span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at';
    const row = (spanId: string, json: string, trace: string) => [
      spanId,
      trace,
      'Big.run',
      'INTERNAL',
      'OK',
      time,
      time,
      1,
      json,
      time,
    ];
    if (backend === 'sqlite') {
      const file = new Database(db);
      const trace = file.prepare('select trace_id from agno_traces limit 1').pluck().get() as string;
      const insert = file.prepare(`insert into agno_spans (${columns}) values (${Array(10).fill('?').join(', ')})`);
      insert.run(...row('big', attributes, trace));
      insert.run(...row('broken', `${attributes.slice(0, 200)}`, trace));
      insert.run(...row('nan', '{"x": NaN}', trace));
      file.close();
    } else {
      const client = new pg.Client({connectionString: db});
      await client.connect();
      const {rows} = await client.query('select trace_id from ai.agno_traces limit 1');
      const text = `insert into ai.agno_spans (${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;
      await client.query(text, row('big', attributes, rows[0].trace_id));
      await client.query(text, row('twice', JSON.stringify(attributes), rows[0].trace_id));
      await client.end();
    }
    const found = await json(['list', '--db', db, '--session', id, '--limit', '0']);
    expect(found.data.length).toBeGreaterThan(0);
  });
});

describe('migrate on Postgres', () => {
  it('has an index for each look-up, and says how the query is answered before and after', async () => {
    const db = await openFixture('postgres', FIXTURE);
    const {data} = await json(['migrate', '--db', db, '--yes']);
    expect(data.plan.steps.map((step: {object: string}) => step.object)).toEqual(OWN);
    expect(data.plan.steps[0]).toMatchObject({
      action: 'create',
      serves: 'show <run id>, list --run',
      query: expect.stringContaining('agno.run.id'),
      planBefore: expect.arrayContaining([expect.stringContaining('agno_spans')]),
      sql: [expect.stringMatching(/^CREATE INDEX CONCURRENTLY "agnotrace_agno_spans_run_id"/)],
    });
    expect(data.result.done.map((done: {object: string}) => done.object)).toEqual(OWN);
    expect(data.result.done[0].planAfter.join()).toContain('agno_spans');
    const doctor = await json(['doctor', '--db', db]);
    const check = doctor.data.findings.find(({id}: {id: string}) => id === 'look-up-indexes');
    expect(check).toMatchObject({severity: 'ok', count: 0});
    const status = await json(['migrate', 'status', '--db', db]);
    for (const {kind, bytes} of status.data.objects) if (kind === 'index') expect(bytes).toBeGreaterThan(0);
  });

  it('and doctor say the same of indexes: what is missing is missing in both, with how long it takes', async () => {
    for (const backend of BACKENDS) {
      const db = await openFixture(backend, FIXTURE);
      const schema = backend === 'postgres' ? 'ai.' : '';
      await send(db, ...['spans_trace_id', 'traces_run_id'].map(index => `drop index ${schema}idx_agno_${index}`));
      const {objects} = (await json(['migrate', 'status', '--db', db])).data;
      const missing = objects.filter(
        ({kind, state}: {kind: string; state: string}) => kind === 'index' && state === 'missing',
      );
      expect(missing.length).toBeGreaterThan(1);
      const {findings} = (await json(['doctor', '--db', db])).data;
      const told = findings.filter(({id}: {id: string}) => id === 'missing-indexes' || id === 'look-up-indexes');
      const text = told.map(({text}: {text: string}) => text).join(' ');
      for (const {object, estimateMs} of missing) {
        expect(text).toContain(`${object} (`);
        // A table that was never analyzed does not say how many rows it has.
        if (estimateMs !== null) expect(estimateMs).toBeGreaterThanOrEqual(0);
      }
      expect(told.reduce((sum: number, {count}: {count: number}) => sum + count, 0)).toBe(missing.length);
      expect((await cli(['migrate', 'status', '--db', db])).out).toContain('less than a second to build');
    }
  });

  it('repairs what a killed build left, once the server has ended it', async () => {
    const db = await openFixture('postgres', FIXTURE);
    const other = new pg.Client({connectionString: db});
    await other.connect();
    const watcher = new pg.Client({connectionString: db});
    await watcher.connect();
    // The build waits for this transaction.
    await other.query('begin');
    await other.query('update ai.agno_spans set name = name');
    const child = spawn(process.execPath, [BIN, 'migrate', '--yes', '--db', db], {stdio: 'ignore'});
    const ended = new Promise(resolve => child.once('exit', resolve));
    const builder = await until(async () => {
      const {rows} = await watcher.query('select pid from pg_stat_progress_create_index where index_relid <> 0');
      return rows[0]?.pid as number | undefined;
    });
    child.kill('SIGKILL');
    await ended;
    const guarded =
      "select 1 from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())";
    await until(async () => (await watcher.query(guarded)).rows.length === 0 || undefined);
    const meanwhile = await cli(['migrate', '--yes', '--db', db]);
    expect([meanwhile.code, meanwhile.err]).toEqual([
      4,
      expect.stringContaining(`is being built by server process ${builder}`),
    ]);
    await watcher.query('select pg_terminate_backend($1)', [builder]);
    await until(async () => {
      const {rows} = await watcher.query('select 1 from pg_stat_activity where pid = $1', [builder]);
      return rows.length === 0 || undefined;
    });
    await other.query('rollback');
    const invalid = (await catalogueOf(db)).filter(({definition}) => definition.endsWith('INVALID'));
    expect(invalid.map(({name}) => name)).toEqual([OWN[0]]);
    expect((await cli(['migrate', 'status', '--db', db])).out).toMatch(/invalid +index agnotrace_agno_spans_run_id/);
    const {data} = await json(['migrate', '--yes', '--db', db]);
    expect(data.plan.steps[0]).toMatchObject({object: OWN[0], action: 'repair'});
    expect(data.result).toMatchObject({left: []});
    expect((await catalogueOf(db)).filter(({definition}) => definition.endsWith('INVALID'))).toEqual([]);
    await Promise.all([other.end(), watcher.end()]);
  });

  it('refuses a role that may not, in one line that says what it takes; the plan is shown all the same', async () => {
    const {url, client} = await newPostgresDatabase();
    const role = `weak_${process.pid}_${Date.now()}`;
    await client.query(`create role ${role} login password 'weak'`);
    const {hostname, port, pathname} = new URL(url);
    const weak = `postgresql://${role}:weak@${hostname}:${port}${pathname}`;
    const nothing = await cli(['migrate', '--yes', '--db', weak]);
    expect([nothing.code, nothing.err]).toEqual([
      4,
      expect.stringMatching(
        /^error: user ".*" may not create anything in the database.*\nhint: GRANT CREATE ON DATABASE .*\n$/,
      ),
    ]);
    await json(['migrate', '--yes', '--db', url]);
    await client.query(
      `grant usage on schema ai to ${role}; grant select on all tables in schema ai to ${role}; drop index ai.${OWN[0]}`,
    );
    const before = await catalogueOf(url);
    const refused = await cli(['migrate', '--yes', '--db', weak]);
    expect([refused.code, refused.err]).toEqual([
      4,
      expect.stringMatching(
        /^error: user ".*" may not change "ai"\."agno_traces" .* belongs to "postgres"\.\nhint: .*--print-sql.*\n$/,
      ),
    ]);
    expect(await cli(['migrate', '--dry-run', '--db', weak])).toMatchObject({code: 0});
    expect((await cli(['migrate', '--print-sql', '--db', weak])).out).toContain(OWN[0]);
    const vacuum = await cli(['vacuum', '--yes', '--db', weak]);
    expect([vacuum.code, vacuum.err]).toEqual([
      4,
      expect.stringMatching(/^error: user ".*" may not vacuum .*\nhint: .*\n$/),
    ]);
    // The plan is wanted before the grant.
    const planned = await cli(['vacuum', '--dry-run', '--db', weak]);
    expect(planned).toMatchObject({code: 0, out: expect.stringContaining('may not vacuum')});
    const prune = ['prune', '--older-than', '1d', '--db', weak];
    const survey = await json([...prune, '--dry-run']);
    expect(survey.notes).toContainEqual(expect.stringMatching(/may not delete .*: GRANT SELECT, UPDATE, DELETE ON/));
    expect(await cli([...prune, '--yes'])).toMatchObject({code: 4, err: expect.stringContaining('may not delete')});
    expect(await catalogueOf(url)).toEqual(before);
    await client.query(`drop owned by ${role}`);
  });

  it('finds renamed tables in another schema, and makes them there', async () => {
    const {url} = await newPostgresDatabase();
    const flags = ['--schema', 'own', '--traces-table', 'my_traces', '--spans-table', 'My Spans', '--db', url];
    const tables = {schema: 'own', tables: ['my_traces', 'My Spans']};
    const {data} = await json(['migrate', '--yes', ...flags]);
    expect(data.result).toMatchObject({left: []});
    expect((await catalogueOf(url, tables)).map(({name}) => name)).toEqual(
      expect.arrayContaining(['agnotrace_My Spans_run_id', 'idx_My Spans_start_time', 'My Spans_trace_id_fkey']),
    );
    expect(await cli(['list', ...flags])).toMatchObject({code: 0});
    await json(['migrate', '--undo', '--yes', ...flags]);
    expect((await catalogueOf(url, tables)).map(({name}) => name)).toEqual(['public']);
  });

  it('refuses a second one while the first is at work', async () => {
    const db = await openFixture('postgres', FIXTURE);
    const other = new pg.Client({connectionString: db});
    await other.connect();
    await other.query('begin');
    await other.query('update ai.agno_spans set name = name');
    const first = cli(['migrate', '--yes', '--db', db]);
    const watcher = new pg.Client({connectionString: db});
    await watcher.connect();
    await until(
      async () => (await watcher.query('select 1 from pg_stat_progress_create_index')).rows.length > 0 || undefined,
    );
    const second = await cli(['migrate', '--yes', '--db', db]);
    expect([second.code, second.err]).toEqual([4, expect.stringContaining('another agno-trace is changing')]);
    await other.query('commit');
    expect(await first).toMatchObject({code: 0});
    await Promise.all([other.end(), watcher.end()]);
  });
});

describe('migrate on SQLite', () => {
  it('needs --offline to edit a table, and the file for itself', async () => {
    const db = await openOlderShape('sqlite');
    const before = await catalogueOf(db);
    const online = await cli(['migrate', '--yes', '--db', db]);
    expect([online.code, online.err]).toEqual([
      2,
      expect.stringMatching(/nothing was changed.*\nhint: Stop the program.*--offline/),
    ]);
    for (const journal of ['delete', 'wal']) {
      await send(db, `pragma journal_mode = ${journal}`);
      const writer = await agnoWriter(db);
      const inUse = await cli(['migrate', '--yes', '--offline', '--db', db]);
      expect([inUse.code, inUse.err]).toEqual([
        4,
        expect.stringMatching(/is open in ".*" \(process \d+\).*\nhint: Stop that program/),
      ]);
      expect(await writer.stop()).toMatchObject({lost: 0});
      expect(await catalogueOf(db)).toEqual(before);
    }
    // One that cannot be seen among the processes holds its lock all the same.
    const idle = new Database(db);
    idle.prepare('select count(*) from agno_traces').get();
    expect(await cli(['migrate', '--yes', '--offline', '--db', db])).toMatchObject({code: 4});
    idle.close();
    expect(await cli(['migrate', '--yes', '--offline', '--db', db])).toMatchObject({code: 0});
  });

  it('refuses to hold the write lock for more than a second', async () => {
    const db = await openFixture('sqlite', FIXTURE);
    await send(
      db,
      'drop index idx_agno_spans_created_at',
      // As a table of 400 million rows looks: the newest row number says how many there are.
      `insert into agno_spans (rowid, span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
       select 400000000, 'far', trace_id, name, 'INTERNAL', 'OK', start_time, end_time, 0, '{}', created_at from agno_traces limit 1`,
    );
    const {code, err, out} = await cli(['migrate', '--yes', '--db', db]);
    expect([code, err]).toEqual([2, expect.stringMatching(/nothing was changed/)]);
    expect(out).toMatch(/it would block Agno's writes for about \d+ s/);
    expect(await cli(['migrate', '--yes', '--offline', '--db', db])).toMatchObject({code: 0});
  });
});

/** Waits until `look` has an answer. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 30_000; ; ) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error('it never came');
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
