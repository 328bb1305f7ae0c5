import {spawn, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import {createInterface} from 'node:readline';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {sql} from '../../src/sql/sql.ts';
import {openStore} from '../../src/store/open.ts';
import {DEFAULT_TABLES, type Store} from '../../src/store/store.ts';
import {type CliResult, cli, json} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';

/** Agno 2 leaves the rollback journal, Agno 3 puts its files into WAL. */
const ROLLBACK = 'agno-2.9.0-shop.sqlite';
const WAL = 'agno-3.1.10-shop.sqlite';
const FILES = [ROLLBACK, WAL] as const;
const COMMANDS = [
  ['list', '--limit', '0'],
  ['show', 'latest', '--io', 'full'],
  ['slowest', '--by', 'tool'],
] as const;

const NEW_RUN = 'ffffffff-0000-4000-8000-000000000001';

/** A run newer than all others, as Agno writes it. */
function insertRun(db: Database.Database, runId = NEW_RUN): void {
  const [start, end] = ['2027-01-01T00:00:00.000001+00:00', '2027-01-01T00:00:02+00:00'];
  const insert = (table: string, columns: readonly string[], values: readonly unknown[]) =>
    db
      .prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`)
      .run(...values);
  const traceId = runId.replaceAll('-', '');
  insert('agno_traces', TRACE_COLUMNS, [
    ...[traceId, 'New_Agent.run', 'OK', start, end, 1999.9, runId, 'session-new', 'user-new', 'new-agent'],
    ...[null, null, end],
  ]);
  const attributes = {'openinference.span.kind': 'AGENT', 'agno.run.id': runId, 'output.value': 'Done.'};
  insert('agno_spans', SPAN_COLUMNS, [
    ...[traceId.slice(0, 16), traceId, null, 'New_Agent.run', 'INTERNAL', 'OK', null, start, end, 1999.9],
    ...[JSON.stringify(attributes), end],
  ]);
}

async function newestRun(file: string): Promise<string> {
  const {data} = await json(['list', '--limit', '1', '--db', file]);
  return data[0].runId;
}

/** What a file holds, and when it was last written. */
function stateOf(file: string): string {
  return `${createHash('sha256').update(readFileSync(file)).digest('hex')} ${statSync(file).mtimeMs}`;
}

function journalMode(file: string): string {
  // Bytes 18 and 19 of the header: 1 is the rollback journal, 2 is WAL (SQLite file format 1.3.1).
  return readFileSync(file).subarray(18, 20).join(',') === '2,2' ? 'wal' : 'rollback';
}

function refused(result: CliResult, code: number, ...texts: (string | RegExp)[]): void {
  expect(result.code, result.err).toBe(code);
  expect(result.out).toBe('');
  for (const text of [/^error: .*\n/, /^hint: .*\S/m, ...texts]) expect(result.err).toMatch(text);
}

async function open(file: string): Promise<Store> {
  return openStore(
    {dialect: 'sqlite', file},
    {
      tables: {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans},
      nowMicros: () => Date.now() * 1000,
      timeoutMs: 30_000,
    },
  );
}

const IS_ROOT = process.getuid?.() === 0;
const NOBODY = {uid: 65_534, gid: 65_534};
/** Root in a container may read everything; then the built program is run as another user, where that one may read it. */
const CAN_BE_ORDINARY = !IS_ROOT || spawnSync(process.execPath, [BIN, '--version'], NOBODY).status === 0;

/** Runs the program as a user whom file modes bind. */
async function asOrdinaryUser(argv: readonly string[]): Promise<CliResult> {
  if (!IS_ROOT) return cli(argv);
  const {status, stdout, stderr} = spawnSync(process.execPath, [BIN, ...argv], {...NOBODY, encoding: 'utf8'});
  return {code: status ?? -1, out: stdout, err: stderr};
}

/** The folder of a copy, open to everybody, so that only what a test forbids is forbidden. */
function publicCopy(name: string): string {
  const file = sqliteCopy(name);
  chmodSync(path.dirname(file), 0o755);
  chmodSync(file, 0o644);
  return file;
}

describe('what is no SQLite database', () => {
  it('a missing file is named and never created', async () => {
    const folder = temporaryFolder();
    const file = path.join(folder, 'none.db');
    for (const command of COMMANDS) {
      refused(await cli([...command, '--db', file]), EXIT.unreachable, file, /no database file/);
    }
    refused(await cli(['list', '--db', path.join(folder, 'no', 'folder.db')]), EXIT.unreachable, /no database file/);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a store that was closed says so, and fails in no other way', async () => {
    const store = await open(sqliteCopy(WAL));
    await store.close();
    await expect(store.all(sql`select 1`)).rejects.toMatchObject({exitCode: EXIT.unreachable});
  });

  it('a link to nowhere is a missing file', async () => {
    const folder = temporaryFolder();
    symlinkSync(path.join(folder, 'gone.db'), path.join(folder, 'link.db'));
    refused(await cli(['list', '--db', path.join(folder, 'link.db')]), EXIT.unreachable, /no database file/);
    expect(readdirSync(folder)).toEqual(['link.db']);
  });

  it('a path through a file is a missing file', async () => {
    const file = path.join(sqliteCopy(ROLLBACK), 'agno.db');
    refused(await cli(['list', '--db', file]), EXIT.unreachable, file);
  });

  it('a folder is told apart', async () => {
    const folder = temporaryFolder();
    refused(await cli(['list', '--db', folder]), EXIT.unreachable, /is a folder/);
  });

  it.skipIf(spawnSync('mkfifo', ['--version']).error !== undefined)('a FIFO is not waited for', async () => {
    const fifo = path.join(temporaryFolder(), 'fifo');
    expect(spawnSync('mkfifo', [fifo]).status).toBe(0);
    refused(await cli(['list', '--db', fifo]), EXIT.unreachable, /not a regular file/);
  });

  it('an empty file has no tables yet, and stays empty', async () => {
    const file = path.join(temporaryFolder(), 'empty.db');
    writeFileSync(file, '');
    refused(await cli(['list', '--db', file]), EXIT.schema, /empty database/, /tracing on/);
    expect(statSync(file).size).toBe(0);
  });

  it.each([
    ['text', Buffer.from('trace_id,name,status\n'.repeat(100))],
    ['a few bytes', Buffer.from('hello')],
    ['an encrypted file', Buffer.from(Array.from({length: 8192}, (_, i) => (i * 7919 + 13) % 251))],
    ['an archive', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), Buffer.alloc(4096, 7)])],
  ])('%s is no database', async (_, bytes) => {
    const file = path.join(temporaryFolder(), 'other.db');
    writeFileSync(file, bytes);
    refused(await cli(['list', '--db', file]), EXIT.unreachable, /not a SQLite database/);
    expect(readFileSync(file)).toEqual(bytes);
  });

  it.each(FILES)('%s cut off in the middle is damaged, and the hint rescues it', async name => {
    const file = sqliteCopy(name);
    truncateSync(file, Math.floor(statSync(file).size / 2));
    const before = stateOf(file);
    for (const command of COMMANDS) {
      refused(await cli([...command, '--db', file]), EXIT.unreachable, file, /damaged or cut off/, /hint: .*\.recover/);
    }
    expect(stateOf(file)).toBe(before);
  });

  it('a file with a damaged page in a table is damaged, not empty', async () => {
    const file = sqliteCopy(ROLLBACK);
    const bytes = readFileSync(file);
    // All pages but the first, which holds the schema.
    bytes.fill(0xab, 4096);
    writeFileSync(file, bytes);
    for (const command of COMMANDS) refused(await cli([...command, '--db', file]), EXIT.unreachable, /damaged/);
  });

  it.skipIf(!CAN_BE_ORDINARY)('a file that may not be read is told apart from a damaged one', async () => {
    const file = publicCopy(ROLLBACK);
    chmodSync(file, 0o000);
    const result = await asOrdinaryUser(['list', '--db', file]);
    refused(result, EXIT.unreachable, file, /cannot be read: you lack/, /hint: .*permissions/);
  });

  it.skipIf(!CAN_BE_ORDINARY)('a file in a folder that may not be entered is not reported as missing', async () => {
    const file = publicCopy(ROLLBACK);
    chmodSync(path.dirname(file), 0o000);
    const result = await asOrdinaryUser(['list', '--db', file]);
    chmodSync(path.dirname(file), 0o755);
    refused(result, EXIT.unreachable, file, /cannot be read: you lack/, /hint: .*permissions/);
  });
});

describe('tables', () => {
  it('a database without the tables says so', async () => {
    const file = path.join(temporaryFolder(), 'other.db');
    new Database(file).exec('create table notes (i int)').close();
    for (const command of COMMANDS) {
      refused(await cli([...command, '--db', file]), EXIT.schema, /"agno_traces" and "agno_spans"/, /tracing on/);
    }
  });

  it.each(['agno_traces', 'agno_spans'])('a database without %s says which one is missing', async table => {
    const file = sqliteCopy(ROLLBACK);
    new Database(file).exec(`pragma foreign_keys = off; drop table ${table}`).close();
    refused(await cli(['list', '--db', file]), EXIT.schema, new RegExp(`has no table "${table}"\\.`));
  });

  it.each([
    ['agno_spans', 'status_message'],
    ['agno_traces', 'session_id'],
  ])('a table %s without %s is not understood', async (table, column) => {
    const file = sqliteCopy(ROLLBACK);
    const db = new Database(file);
    db.exec(`drop index if exists idx_${table}_${column}; alter table ${table} drop column ${column}`).close();
    refused(await cli(['list', '--db', file]), EXIT.schema, new RegExp(`"${table}".*"${column}"`));
  });

  it('columns that others added do not matter', async () => {
    const file = sqliteCopy(ROLLBACK);
    const before = await json(['list', '--db', file]);
    new Database(file)
      .exec('alter table agno_spans add column "Our ""Note""" text; alter table agno_traces add x')
      .close();
    expect(await json(['list', '--db', file])).toEqual(before);
  });

  it('tables of other names are read when they are named', async () => {
    const file = sqliteCopy(ROLLBACK);
    const before = await json(['list', '--db', file]);
    new Database(file)
      .exec('alter table agno_spans rename to "My ""Spans"""; alter table agno_traces rename to my_traces')
      .close();
    refused(await cli(['list', '--db', file]), EXIT.schema, /--traces-table/, /--spans-table/);
    const names = ['--db', file, '--traces-table', 'my_traces', '--spans-table', 'My "Spans"'];
    expect(await json(['list', ...names])).toEqual(before);
    for (const command of COMMANDS) expect(await cli([...command, ...names])).toMatchObject({code: 0});
  });

  it('views instead of tables are read', async () => {
    const file = sqliteCopy(ROLLBACK);
    const before = await json(['list', '--db', file]);
    new Database(file)
      .exec(
        `alter table agno_spans rename to s; alter table agno_traces rename to t;
         create view agno_spans as select * from s; create view agno_traces as select * from t`,
      )
      .close();
    expect(await json(['list', '--db', file])).toEqual(before);
    for (const command of COMMANDS) expect(await cli([...command, '--db', file])).toMatchObject({code: 0});
  });

  it('--schema is refused: SQLite has none', async () => {
    refused(await cli(['list', '--db', sqliteCopy(ROLLBACK), '--schema', 'ai']), EXIT.usage, /--schema "ai"/);
  });
});

describe('reading without harm', () => {
  it('a file with a rollback journal is left as it was, and nothing is left beside it', async () => {
    const file = sqliteCopy(ROLLBACK);
    const before = stateOf(file);
    for (const command of COMMANDS) expect(await cli([...command, '--db', file])).toMatchObject({code: 0});
    expect(stateOf(file)).toBe(before);
    expect(readdirSync(path.dirname(file))).toEqual([ROLLBACK]);
  });

  it('a file in WAL is left as it was, and stays in WAL', async () => {
    const file = sqliteCopy(WAL);
    const before = stateOf(file);
    for (const command of COMMANDS) expect(await cli([...command, '--db', file])).toMatchObject({code: 0});
    expect(stateOf(file)).toBe(before);
    expect(journalMode(file)).toBe('wal');
  });

  it.each([
    [ROLLBACK, 'rollback'],
    [WAL, 'wal'],
  ])('%s can be written right after it was read, in its own mode', async (name, mode) => {
    const file = sqliteCopy(name);
    for (const command of COMMANDS) await cli([...command, '--db', file]);
    const db = new Database(file, {timeout: 0});
    insertRun(db);
    db.close();
    expect(journalMode(file)).toBe(mode);
    expect(await newestRun(file)).toBe(NEW_RUN);
  });

  it.each(FILES)('%s: an open store refuses to write', async name => {
    const file = sqliteCopy(name);
    const before = stateOf(file);
    const store = await open(file);
    for (const statement of [
      sql`delete from agno_spans`,
      sql`update agno_traces set name = 'x'`,
      sql`create table mine (i)`,
      sql`create index mine on agno_spans (name)`,
    ]) {
      await expect(store.all(statement)).rejects.toThrow();
    }
    expect(await store.all(sql`select count(*) > 0 as n from agno_spans`)).toEqual([{n: 1}]);
    await store.close();
    expect(stateOf(file)).toBe(before);
  });

  it.each(FILES)('%s: an open store holds no lock between its reads, and sees what is written', async name => {
    const file = sqliteCopy(name);
    const store = await open(file);
    const count = async () => (await store.all<{n: number}>(sql`select count(*) as n from agno_spans`))[0]!.n;
    const before = await count();
    // No patience: a lock of ours would fail this at once.
    const db = new Database(file, {timeout: 0});
    db.exec('begin exclusive');
    insertRun(db);
    db.exec('commit');
    db.close();
    expect(await count()).toBe(before + 1);
    await store.close();
  });

  it.skipIf(!CAN_BE_ORDINARY)(
    'a file with a rollback journal is read in a folder where nothing may be written',
    async () => {
      const file = publicCopy(ROLLBACK);
      chmodSync(path.dirname(file), 0o555);
      const result = await asOrdinaryUser(['list', '--db', file]);
      expect(result).toMatchObject({code: 0});
      expect(result.out.split('\n').length).toBeGreaterThan(10);
    },
  );

  // SQLite reads a WAL file only with an -shm beside it, which cannot be made here.
  it.skipIf(!CAN_BE_ORDINARY)('a WAL file in a folder where nothing may be written is read from a copy', async () => {
    const file = publicCopy(WAL);
    const before = stateOf(file);
    chmodSync(path.dirname(file), 0o555);
    const result = await asOrdinaryUser(['list', '--db', file]);
    // Else it could not be removed at the end.
    chmodSync(path.dirname(file), 0o755);
    expect(result.code, result.err).toBe(0);
    expect(result.err).toContain('copy');
    expect(stateOf(file)).toBe(before);
    expect(readdirSync(path.dirname(file))).toEqual([WAL]);
  });

  // Agno's own process, another user, could not write its database any more: "readonly database".
  it.skipIf(!IS_ROOT || !CAN_BE_ORDINARY)('a WAL file of another user never gets an -shm that is ours', async () => {
    const file = publicCopy(WAL);
    chmodSync(path.dirname(file), 0o777);
    await asOrdinaryUser(['list', '--db', file]);
    const owners = readdirSync(path.dirname(file)).map(name => statSync(path.join(path.dirname(file), name)).uid);
    expect(owners).not.toContain(NOBODY.uid);
  });
});

describe('while Agno writes', () => {
  it('rows that are only in the -wal file are read: Agno was killed, or its threads used the file', async () => {
    const running = sqliteCopy(WAL);
    const writer = new Database(running);
    writer.pragma('wal_autocheckpoint = 0');
    insertRun(writer);
    const [alone, whole] = [path.join(temporaryFolder(), 'a.db'), path.join(temporaryFolder(), 'a.db')];
    copyFileSync(running, alone);
    copyFileSync(running, whole);
    copyFileSync(`${running}-wal`, `${whole}-wal`);
    writer.close();
    expect(await newestRun(alone)).not.toBe(NEW_RUN);
    expect(await newestRun(whole)).toBe(NEW_RUN);
    expect(await cli(['show', NEW_RUN, '--db', whole])).toMatchObject({code: 0});
  });

  it.each(FILES)('%s: an open transaction is not waited for, and not seen before it is committed', async name => {
    const file = sqliteCopy(name);
    const before = await newestRun(file);
    const writer = new Database(file);
    writer.exec('begin immediate');
    insertRun(writer);
    expect(await newestRun(file)).toBe(before);
    writer.exec('commit');
    expect(await newestRun(file)).toBe(NEW_RUN);
    writer.close();
  });

  /** Another program that locks the file, does `work`, and commits `holdMs` later or when it is told to. */
  async function lockedByAnother(file: string, holdMs: number | null) {
    const script = `
      import Database from 'better-sqlite3';
      const db = new Database(${JSON.stringify(file)});
      db.exec("begin exclusive; update agno_spans set name = 'Renamed'");
      console.log('locked');
      const end = () => { db.exec('commit'); db.close(); process.exit(0); };
      ${holdMs === null ? "process.stdin.once('data', end);" : `setTimeout(end, ${holdMs});`}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      // Modules are looked for from here.
      cwd: new URL('../..', import.meta.url).pathname,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = new Promise(resolve => child.once('close', resolve));
    await new Promise<void>((resolve, reject) => {
      createInterface({input: child.stdout}).once('line', () => resolve());
      child.once('close', code => reject(new Error(`the other program ended with ${code}`)));
    });
    return {commit: () => child.stdin.write('now\n'), ended};
  }

  it('a lock shorter than our patience is waited for, and what was written under it is read', async () => {
    const file = sqliteCopy(ROLLBACK);
    // The one wait of these tests: the other program cannot see that we are waiting, only let go after a while.
    const other = await lockedByAnother(file, 300);
    expect((await json(['slowest', '--db', file])).data).toMatchObject([{name: 'Renamed'}]);
    expect(await other.ended).toBe(0);
  });

  it('a lock longer than our patience is reported, and the writer is not disturbed', async () => {
    const file = sqliteCopy(ROLLBACK);
    const other = await lockedByAnother(file, null);
    refused(await cli(['list', '--db', file]), EXIT.unreachable, file, /locked by another program/);
    other.commit();
    expect(await other.ended).toBe(0);
    expect(await cli(['list', '--db', file])).toMatchObject({code: 0});
  });

  it('a file whose writer was killed in the middle of a commit is left as it is', async () => {
    const running = sqliteCopy(ROLLBACK);
    const writer = new Database(running);
    // A cache of nothing makes SQLite write pages before the commit, with the old ones in the journal.
    writer.pragma('cache_size = 1');
    writer.exec("begin; update agno_spans set name = 'Half.' || name");
    expect(existsSync(`${running}-journal`)).toBe(true);
    const folder = temporaryFolder();
    const file = path.join(folder, 'killed.db');
    copyFileSync(running, file);
    copyFileSync(`${running}-journal`, `${file}-journal`);
    writer.exec('rollback');
    writer.close();
    const before = [stateOf(file), stateOf(`${file}-journal`)];
    const result = await cli(['list', '--db', file]);
    refused(result, EXIT.unreachable, file, /-journal/);
    expect([stateOf(file), stateOf(`${file}-journal`)]).toEqual(before);
    expect(readdirSync(folder).sort()).toEqual(['killed.db', 'killed.db-journal']);
  });

  it('a file that is replaced while it is open is read to its end', async () => {
    const file = sqliteCopy(ROLLBACK);
    const store = await open(file);
    const before = await store.all(sql`select count(*) as n from agno_spans`);
    const folder = path.join(path.dirname(file), 'backup');
    mkdirSync(folder);
    renameSync(file, path.join(folder, 'old.db'));
    expect(await store.all(sql`select count(*) as n from agno_spans`)).toEqual(before);
    await store.close();
  });
});
