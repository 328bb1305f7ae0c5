import {spawn, spawnSync} from 'node:child_process';
import {chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, statSync, writeFileSync} from 'node:fs';
import {createServer as createHttpServer} from 'node:http';
import {type AddressInfo, connect, createServer, type Server} from 'node:net';
import path from 'node:path';
import type pg from 'pg';
import {afterAll, beforeAll, describe, expect, inject, it} from 'vitest';
import {EXIT, UserError} from '../../src/errors.ts';
import {INDEX_HINT} from '../../src/runs/look-up.ts';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {raw, sql} from '../../src/sql/sql.ts';
import {openStore} from '../../src/store/open.ts';
import {passwordFromFile} from '../../src/store/postgres/pgpass.ts';
import {type PostgresSource, parseSource} from '../../src/store/source.ts';
import {DEFAULT_TABLES, type Store} from '../../src/store/store.ts';
import {type CliResult, cli, json} from '../cli.ts';
import {newPostgresDatabase, postgresDump, temporaryFolder} from '../databases.ts';
import {EmbeddedPostgres} from '../embedded-postgres.ts';
import {freePort} from '../free-port.ts';
import {BIN} from '../program.ts';

const RUN_ID = '0149c31d-281e-47b1-b6b4-6f49de76f112';
const COMMANDS = [['list'], ['show', 'latest'], ['slowest']] as const;

/** A database with Agno's tables and one run in `schema`. */
async function databaseWithRun(schema = 'ai'): Promise<{url: string; client: pg.Client}> {
  const {url, client} = await newPostgresDatabase();
  await addTables(client, schema);
  return {url, client};
}

async function addTables(client: pg.Client, schema: string): Promise<void> {
  for (const statement of agnoTables('postgres', schema)) await client.query(statement);
  const [start, end] = ['2026-11-22T07:08:16.934520+00:00', '2026-11-22T07:08:17.874431+00:00'];
  const ids = [RUN_ID, 'session-1', 'user-1', 'weather-agent', null, null];
  const attributes = {'openinference.span.kind': 'AGENT', 'agno.run.id': RUN_ID, 'output.value': 'Sunny.'};
  const name = client.escapeIdentifier(schema);
  await insert(client, `${name}.agno_traces`, TRACE_COLUMNS, [
    ...['e0f561d9aee4e0408acdb3e59e9080c7', 'Weather_Agent.run', 'OK', start, end, 939, ...ids, end],
  ]);
  await insert(client, `${name}.agno_spans`, SPAN_COLUMNS, [
    ...['60960fe981e3c7c7', 'e0f561d9aee4e0408acdb3e59e9080c7', null, 'Weather_Agent.run', 'INTERNAL', 'OK', null],
    ...[start, end, 939, JSON.stringify(attributes), end],
  ]);
}

async function insert(client: pg.Client, table: string, columns: readonly string[], values: unknown[]): Promise<void> {
  const places = columns.map((_, i) => `$${i + 1}`).join(', ');
  await client.query(`insert into ${table} (${columns.join(', ')}) values (${places})`, values);
}

const PASSWORD = 'plain-pw';

/** A new login role, and `url` as this role. Names are random: roles belong to the whole server. */
async function newRole(client: pg.Client, url: string, options = ''): Promise<{name: string; url: string}> {
  const name = `r_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await client.query(`create role ${name} login password '${PASSWORD}' ${options}`);
  return {name, url: as(url, name, PASSWORD)};
}

function as(url: string, user: string, password: string): string {
  const changed = new URL(url);
  changed.username = encodeURIComponent(user);
  changed.password = encodeURIComponent(password);
  return changed.href;
}

function withParameters(url: string, parameters: Record<string, string>): string {
  return `${url}?${new URLSearchParams(parameters)}`;
}

function at(url: string, host: string, port: number): string {
  const changed = new URL(url);
  changed.host = `${host}:${port}`;
  return changed.href;
}

const stores: Store[] = [];
const servers: Server[] = [];
afterAll(async () => {
  for (const store of stores.splice(0)) await store.close();
  for (const server of servers.splice(0)) server.close();
});

async function open(url: string, debug?: (text: string) => void, timeoutMs = 30_000): Promise<Store> {
  const store = await openStore(parseSource(url, '--db', {}, '/'), {
    tables: {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans},
    nowMicros: () => Date.now() * 1000,
    timeoutMs,
    debug,
  });
  stores.push(store);
  return store;
}

function refused(result: CliResult, code: number, ...texts: (string | RegExp)[]): void {
  expect(result.code, result.err).toBe(code);
  expect(result.out).toBe('');
  for (const text of [/^error: .*\n/, /^hint: .*\S/m, ...texts]) expect(result.err).toMatch(text);
}

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  return (server.address() as AddressInfo).port;
}

/** Stands between the program and the real server and keeps every byte that the program sends, per connection. */
async function listener(url: string): Promise<{url: string; sent: () => Buffer[]}> {
  const target = new URL(url);
  const connections: Buffer[][] = [];
  const server = createServer(socket => {
    const chunks: Buffer[] = [];
    connections.push(chunks);
    const upstream = connect(Number(target.port), target.hostname);
    socket.on('data', chunk => {
      chunks.push(chunk);
      upstream.write(chunk);
    });
    upstream.on('data', chunk => socket.write(chunk));
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on('end', () => other.end());
      one.on('error', () => other.destroy());
    }
  });
  const port = await listening(server);
  return {url: at(url, '127.0.0.1', port), sent: () => connections.map(chunks => Buffer.concat(chunks))};
}

interface Message {
  readonly type: string;
  readonly text: string;
}

/** What a client said in Postgres' protocol (documentation, "Message Formats"): the startup, then typed messages. */
function parseProtocol(bytes: Buffer): {startup: Record<string, string>; messages: Message[]} {
  const length = bytes.readInt32BE(0);
  const words = bytes
    .subarray(8, length - 2)
    .toString()
    .split('\0');
  const startup: Record<string, string> = {};
  for (let i = 0; i + 1 < words.length; i += 2) startup[words[i]!] = words[i + 1]!;
  const messages: Message[] = [];
  for (let offset = length; offset < bytes.length; ) {
    const end = offset + 1 + bytes.readInt32BE(offset + 1);
    messages.push({type: String.fromCharCode(bytes[offset]!), text: bytes.subarray(offset + 5, end).toString()});
    offset = end;
  }
  return {startup, messages};
}

/** Runs the built program as a shell would, so that what libraries print by themselves is seen too. */
function bin(argv: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const child = spawn(process.execPath, [BIN, ...argv], {env: {PATH: process.env.PATH, ...env}});
  const printed = {out: '', err: ''};
  child.stdout.on('data', chunk => {
    printed.out += chunk;
  });
  child.stderr.on('data', chunk => {
    printed.err += chunk;
  });
  return new Promise(resolve => child.on('close', code => resolve({code: code ?? -1, ...printed})));
}

describe('reading without harm', () => {
  it.each([
    ['inserts', sql`insert into ai.agno_traces select * from ai.agno_traces`],
    ['updates', sql`update ai.agno_spans set name = 'x'`],
    ['deletes', sql`delete from ai.agno_spans`],
    ['creates tables', sql`create table ai.mine (i int)`],
    ['creates indexes', sql`create index mine on ai.agno_spans (name)`],
    ['takes numbers from sequences', sql`select nextval('ai.numbers')`],
  ])('the server refuses a read that %s', async (_, statement) => {
    const {url, client} = await databaseWithRun();
    await client.query('create sequence ai.numbers');
    const store = await open(url);
    await expect(store.all(statement)).rejects.toMatchObject({cause: {code: '25006'}});
    // The connection is not left in the failed transaction.
    expect(await store.all(sql`select name from ai.agno_spans`)).toEqual([{name: 'Weather_Agent.run'}]);
  });

  it('every statement stands in its own BEGIN READ ONLY, and nothing outlives it: it works through a pooler', async () => {
    const {url} = await databaseWithRun();
    for (const command of COMMANDS) {
      const proxy = await listener(url);
      expect(await cli([...command, '--db', `${proxy.url}?sslmode=disable`])).toMatchObject({code: 0});
      expect(proxy.sent()).toHaveLength(1);
      const {startup, messages} = parseProtocol(proxy.sent()[0]!);
      // PgBouncer refuses any startup parameter beyond these.
      expect(Object.keys(startup).sort()).toEqual(['application_name', 'client_encoding', 'database', 'user']);
      expect(startup.application_name).toBe('agno-trace');
      // Q: simple query, P B D E S: an unnamed statement, p: password, X: goodbye.
      expect([...new Set(messages.map(({type}) => type))].filter(type => !'QPBDESpX'.includes(type))).toEqual([]);
      expect(messages.at(-1)).toMatchObject({type: 'X'});
      let isOpen = false;
      let reads = 0;
      for (const {type, text} of messages) {
        if (type === 'P') {
          expect(text.startsWith('\0'), `a named statement: ${text}`).toBe(true);
          expect(isOpen, `outside a transaction: ${text}`).toBe(true);
          reads++;
        }
        if (type !== 'Q') continue;
        const statements = text.replace(/\0$/, '').split(';');
        const [first = '', ...others] = statements.map(statement => statement.trim().toLowerCase());
        if (first === 'begin isolation level read committed read only') {
          expect(isOpen).toBe(false);
          for (const other of others) expect(other).toMatch(/^set local \w+ = (\d+|on|off|'\w+'|pg_catalog, pg_temp)$/);
          expect(others).toContain('set local search_path = pg_catalog, pg_temp');
          isOpen = true;
        } else if (/^(commit|rollback)$/.test(first)) isOpen = false;
        else {
          expect(isOpen, `outside a transaction: ${text}`).toBe(true);
          reads++;
        }
      }
      expect(isOpen).toBe(false);
      expect(reads).toBeGreaterThan(0);
    }
  });

  it('an open store holds no lock between its reads', async () => {
    const {url, client} = await databaseWithRun();
    const store = await open(url);
    await store.all(sql`select * from ai.agno_spans`);
    await client.query('begin; lock table ai.agno_spans, ai.agno_traces in access exclusive mode nowait; rollback');
  });

  it('is named agno-trace in pg_stat_activity', async () => {
    const {url} = await databaseWithRun();
    const store = await open(url);
    expect(await store.all(sql`select application_name as name from pg_stat_activity where pid = pg_backend_pid()`)) //
      .toEqual([{name: 'agno-trace'}]);
  });
});

describe('limits on time', () => {
  const limitOf = async (url: string, timeoutMs?: number) => {
    const store = await open(url, undefined, timeoutMs);
    const [row] = await store.all<{ms: string}>(
      sql`select extract(epoch from current_setting('statement_timeout')::interval) * 1000 as ms`,
    );
    return Number(row!.ms);
  };

  it('a statement gets the time that was asked for', async () => {
    const {url} = await databaseWithRun();
    expect(await limitOf(url, 30_000)).toBe(30_000);
    expect(await limitOf(url, 120_000)).toBe(120_000);
    expect(await limitOf(url, 700)).toBe(700);
  });

  it("a role's own statement_timeout is never raised", async () => {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    await client.query(`grant usage on schema ai to ${role.name}; grant select on all tables in schema ai to ${role.name};
      alter role ${role.name} set statement_timeout = '777ms'`);
    expect(await limitOf(role.url)).toBe(777);
    expect(await limitOf(role.url, 500)).toBe(500);
  });

  it('a statement that takes longer is stopped and says how to allow more', async () => {
    const {url} = await databaseWithRun();
    const store = await open(url, undefined, 50);
    await expect(store.all(sql`select pg_sleep(60)`)).rejects.toMatchObject({
      exitCode: EXIT.unreachable,
      hint: expect.stringContaining('--timeout'),
    });
  });

  it('a table that a migration holds locked is not a defect of this program', async () => {
    const {url, client} = await databaseWithRun();
    await client.query('begin; lock table ai.agno_spans in access exclusive mode');
    refused(await cli(['list', '--db', url]), EXIT.unreachable, /lock/);
    await client.query('rollback');
  });

  it('a --timeout longer than any clock counts is taken or refused, never a defect', async () => {
    const {url} = await databaseWithRun();
    const result = await cli(['list', '--db', url, '--timeout', '52w']);
    expect([EXIT.done, EXIT.usage]).toContain(result.code);
  });
});

describe('where the tables are', () => {
  it.each(['ai', 'public', 'agno_prod', 'My "Traces"'])('schema %s is found by looking', async schema => {
    const {url} = await databaseWithRun(schema);
    for (const command of COMMANDS) expect(await cli([...command, '--db', url])).toMatchObject({code: 0});
    expect((await json(['list', '--db', url])).data).toMatchObject([{runId: RUN_ID}]);
    expect((await json(['list', '--db', url, '--schema', schema])).data).toMatchObject([{runId: RUN_ID}]);
  });

  it('several schemas are refused, and the hint names one that works', async () => {
    const {url, client} = await databaseWithRun('staging');
    await addTables(client, 'ai');
    const result = await cli(['list', '--db', url]);
    refused(result, EXIT.usage, /"ai".*"staging"/);
    const [, schema] = /--schema (\S+)/.exec(result.err)!;
    expect(schema).toBe('ai');
    expect((await json(['list', '--db', url, '--schema', schema!])).data).toHaveLength(1);
    expect((await json(['list', '--db', url, '--schema', 'staging'])).data).toHaveLength(1);
  });

  it('a schema without the tables is refused with the one that has them', async () => {
    const {url} = await databaseWithRun('agno_prod');
    refused(await cli(['list', '--db', url, '--schema', 'ai']), EXIT.schema, /schema "ai"/, /hint: .*"agno_prod"/);
    refused(await cli(['list', '--db', url, '--schema', 'nope']), EXIT.schema, /schema "nope"/, /hint: .*"agno_prod"/);
  });

  it('tables of other names are read when they are named', async () => {
    const {url, client} = await databaseWithRun();
    await client.query('alter table ai.agno_traces rename to my_traces');
    await client.query('alter table ai.agno_spans rename to "My Spans"');
    refused(await cli(['list', '--db', url]), EXIT.schema, /"agno_traces"/, /--traces-table/, /--spans-table/);
    const names = ['--db', url, '--traces-table', 'my_traces', '--spans-table', 'My Spans'];
    for (const command of COMMANDS) expect(await cli([...command, ...names])).toMatchObject({code: 0});
    expect((await json(['list', ...names])).data).toMatchObject([{runId: RUN_ID}]);
  });

  it('an empty database says that its tables are missing', async () => {
    const {url} = await newPostgresDatabase();
    for (const command of COMMANDS) {
      refused(await cli([...command, '--db', url]), EXIT.schema, /"agno_traces" and "agno_spans"/, /tracing on/);
    }
  });

  it.each(['agno_traces', 'agno_spans'])('a database without %s says which one is missing', async table => {
    const {url, client} = await databaseWithRun();
    await client.query(`drop table ai.${table} cascade`);
    const result = await cli(['list', '--db', url]);
    refused(result, EXIT.schema, new RegExp(`has no table "${table}"\\.`));
  });

  it.each([
    ['agno_spans', 'parent_span_id'],
    ['agno_traces', 'run_id'],
  ])('a table %s without %s is not understood', async (table, column) => {
    const {url, client} = await databaseWithRun();
    await client.query(`alter table ai.${table} drop column ${column}`);
    refused(await cli(['list', '--db', url]), EXIT.schema, new RegExp(`"${table}".*"${column}"`));
  });

  it('columns that others added do not matter', async () => {
    const {url, client} = await databaseWithRun();
    const answers = async () => Promise.all(COMMANDS.map(command => json([...command, '--db', url])));
    const before = await answers();
    await client.query(`alter table ai.agno_spans add column "Our ""Note""" text default 'x', add column tenant int;
      alter table ai.agno_traces add column tenant int`);
    expect(await answers()).toEqual(before);
  });

  it('views instead of tables are read', async () => {
    const {url, client} = await databaseWithRun('hidden');
    const before = await json(['list', '--db', url]);
    await client.query(`create schema ai;
      alter table hidden.agno_traces rename to traces; alter table hidden.agno_spans rename to spans;
      create view ai.agno_traces as select * from hidden.traces;
      create materialized view ai.agno_spans as select * from hidden.spans`);
    expect(await json(['list', '--db', url])).toEqual(before);
    expect(await cli(['show', RUN_ID, '--db', url])).toMatchObject({code: 0});
  });

  it('attributes of type json give the same answers as jsonb', async () => {
    const url = await postgresDump('agno-3.1.10-pictures.postgres.sql');
    const answers = async () => {
      const list = await json(['list', '--limit', '0', '--db', url]);
      const runs = list.data.slice(0, 5).map(({runId}: {runId: string}) => runId);
      const shown = [];
      for (const id of runs) shown.push(await json(['show', id, '--io', 'full', '--db', url]));
      return {list, shown, slowest: await json(['slowest', '--by', 'tool', '--db', url])};
    };
    const before = await answers();
    const admin = await clientOf(url);
    await admin.query('alter table ai.agno_spans alter column attributes type json using attributes::json');
    await admin.query('alter table ai.agno_spans add column "Our ""Note""" text');
    // No index of look-ups can be made over what is read through a cast, so none is named.
    const hints = JSON.stringify(before).split(`,"${INDEX_HINT}"`);
    expect(hints.length).toBeGreaterThan(1);
    expect(await answers()).toEqual(JSON.parse(hints.join('')));
    await admin.end();
  });

  it('attributes of type text are not understood', async () => {
    const {url, client} = await databaseWithRun();
    await client.query('alter table ai.agno_spans alter column attributes type text');
    refused(await cli(['list', '--db', url]), EXIT.schema, /"attributes".* type text/, /jsonb/);
  });
});

async function clientOf(url: string): Promise<pg.Client> {
  const {default: driver} = await import('pg');
  const client = new driver.Client({connectionString: url});
  await client.connect();
  return client;
}

describe('rights', () => {
  it('a role that may only SELECT can do everything', async () => {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    await client.query(`grant usage on schema ai to ${role.name};
      grant select on ai.agno_traces, ai.agno_spans to ${role.name}`);
    for (const command of COMMANDS) {
      expect(await cli([...command, '--json', '--db', role.url])).toMatchObject({code: 0, err: ''});
    }
    expect((await json(['list', '--db', role.url])).data).toMatchObject([{runId: RUN_ID}]);
  });

  it.each([
    ['USAGE on the schema', 'ai', ''],
    ['SELECT', 'ai', 'grant usage on schema ai to ROLE'],
    ['SELECT on the spans', 'ai', 'grant usage on schema ai to ROLE; grant select on ai.agno_traces to ROLE'],
    ['USAGE on a schema whose name needs quotes', 'Our Traces', ''],
  ])('a role without %s is told the GRANT that helps, ready to run', async (_, schema, grants) => {
    const {url, client} = await databaseWithRun(schema);
    const role = await newRole(client, url);
    await client.query(grants.replaceAll('ROLE', role.name));
    const result = await cli(['list', '--db', role.url]);
    refused(result, EXIT.unreachable, role.name, /hint: GRANT/);
    const [, grant] = /hint: (GRANT .*)/.exec(result.err)!;
    await client.query(grant!);
    expect(await cli(['list', '--db', role.url])).toMatchObject({code: 0});
  });

  it("Agno's run table is optional: without the right to read it, its traces are read all the same", async () => {
    const {url, client} = await databaseWithRun();
    await client.query(
      'create table ai.agno_runs (run_id varchar, status varchar, session_id varchar, created_at bigint)',
    );
    const role = await newRole(client, url);
    await client.query(`grant usage on schema ai to ${role.name};
      grant select on ai.agno_traces, ai.agno_spans to ${role.name}`);
    expect((await json(['list', '--db', role.url])).data).toMatchObject([{runId: RUN_ID}]);
  });

  it('a wrong password is refused as a login', async () => {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    refused(await cli(['list', '--db', as(url, role.name, 'wrong')]), EXIT.unreachable, role.name, /password/);
  });

  it('no password where one is wanted says where to put it', async () => {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    const nobody = new URL(role.url);
    nobody.password = '';
    refused(await cli(['list', '--db', nobody.href]), EXIT.unreachable, /hint: .*PGPASSWORD.*\.pgpass/);
  });

  it('a role that may not log in, or has no connection left, is told so', async () => {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    await client.query(`alter role ${role.name} connection limit 0`);
    refused(await cli(['list', '--db', role.url]), EXIT.unreachable, /no free connection/);
    await client.query(`alter role ${role.name} nologin`);
    refused(await cli(['list', '--db', role.url]), EXIT.unreachable, /refused the login/);
  });

  it('a role that may not connect to the database is not told about tables', async () => {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    const database = new URL(url).pathname.slice(1);
    await client.query(`revoke connect on database ${database} from public`);
    const result = await cli(['list', '--db', role.url]);
    refused(result, EXIT.unreachable, role.name, /CONNECT/);
  });
});

describe('a server that cannot be reached', () => {
  const base = () => inject('postgresUrl');

  it('an unknown database is named', async () => {
    const url = base().replace(/\/[^/]*$/, '/no_such_database');
    refused(await cli(['list', '--db', url]), EXIT.unreachable, /no database "no_such_database"/);
  });

  it('an unknown host is named', async () => {
    const url = at(base(), 'nowhere.invalid', 5432);
    refused(await cli(['list', '--db', url]), EXIT.unreachable, /"nowhere\.invalid"/);
  });

  it('a refused port is named', async () => {
    const port = await freePort();
    refused(await cli(['list', '--db', at(base(), '127.0.0.1', port)]), EXIT.unreachable, `127.0.0.1:${port}`);
  });

  it('a folder without a socket is named', async () => {
    const folder = temporaryFolder();
    const result = await cli(['list', '--db', `postgresql:///ai?host=${encodeURIComponent(folder)}`]);
    refused(result, EXIT.unreachable, folder);
  });

  it.each(['prefer', 'disable', 'require'])(
    'what hangs up at once, or is a web server, is no Postgres: sslmode=%s',
    async sslmode => {
      const rude = await listening(createServer(socket => socket.destroy()));
      const web = await listening(createHttpServer((_, response) => response.end('hello')));
      for (const port of [rude, web]) {
        const url = withParameters(at(base(), '127.0.0.1', port), {sslmode});
        refused(await cli(['list', '--db', url]), EXIT.unreachable, `127.0.0.1:${port}`);
      }
    },
  );

  it('a Unix socket is a way in', async context => {
    const {url, client} = await databaseWithRun();
    const {rows} = await client.query("select current_setting('unix_socket_directories') as folders");
    const folder = rows[0].folders.split(',')[0].trim();
    const {port, pathname, username, password} = new URL(url);
    context.skip(!existsSync(`${folder}/.s.PGSQL.${port}`), 'the server has no socket on this machine');
    const socket = `postgresql://${username}:${password}@${pathname}?host=${encodeURIComponent(folder)}&port=${port}`;
    const result = await cli(['list', '--debug', '--db', socket]);
    expect(result).toMatchObject({code: 0});
    expect(result.err).toMatch(/no TLS/);
  });

  it('a connection that the server ends while it is idle is reported by the next read, not by a crash', async () => {
    const {url, client} = await databaseWithRun();
    let lost = () => {};
    const isLost = new Promise<void>(resolve => {
      lost = resolve;
    });
    const store = await open(url, text => /connection lost/.test(text) && lost());
    const [row] = await store.all<{pid: number}>(sql`select pg_backend_pid() as pid`);
    await client.query('select pg_terminate_backend($1)', [row!.pid]);
    await isLost;
    const failure = await store.all(sql`select 1`).catch(error => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure).toMatchObject({exitCode: EXIT.unreachable, message: expect.stringContaining('was lost')});
  });

  it('a connection that the server ends during a read is reported', async () => {
    const {url} = await databaseWithRun();
    const store = await open(url);
    const failure = await store.all(sql`select pg_terminate_backend(pg_backend_pid())`).catch(error => error);
    expect(failure).toBeInstanceOf(UserError);
    expect(failure).toMatchObject({exitCode: EXIT.unreachable});
  });
});

describe('.pgpass', () => {
  const source = (values: Partial<PostgresSource>): PostgresSource => ({
    ...(parseSource('postgresql://anna@db.example:5433/ai', '--db', {}, '/') as PostgresSource),
    ...values,
  });
  const passwordIn = (lines: string, values: Partial<PostgresSource> = {}) => {
    const passFile = path.join(temporaryFolder(), 'pgpass');
    writeFileSync(passFile, lines, {mode: 0o600});
    return passwordFromFile(source({passFile, ...values}), () => undefined);
  };

  it.each([
    ['the line of the connection', 'db.example:5433:ai:anna:pw'],
    ['wildcards', '*:*:*:*:pw'],
    ['the first line that matches', 'other:5433:ai:anna:no\n*:5433:*:anna:pw\n*:*:*:*:later'],
    ['past comments and empty lines', '# db.example:5433:ai:anna:no\n\n*:*:*:anna:pw\n'],
    ['lines that end as on Windows', '*:*:*:anna:pw\r\n'],
  ])('takes %s', (_, lines) => {
    expect(passwordIn(lines)).toBe('pw');
  });

  it.each([
    ['p\\:w\\\\', 'p:w\\'],
    ['p:w', 'p:w'],
  ])('the written password %s is %s', (written, password) => {
    expect(passwordIn(`*:*:*:*:${written}`)).toBe(password);
  });

  it('escapes stand in names too', () => {
    expect(passwordIn('2001\\:db8\\:\\:7:*:*:*:pw', {host: '2001:db8::7'})).toBe('pw');
  });

  it('a Unix socket is localhost', () => {
    expect(passwordIn('localhost:*:*:*:pw', {host: '/run/postgresql'})).toBe('pw');
  });

  it.each(['db.example:5432:ai:anna:pw', 'db.example:5433:other:anna:pw', 'db.example:5433:ai', ''])(
    'finds nothing in "%s"',
    lines => {
      expect(passwordIn(lines)).toBeNull();
    },
  );

  /** A role, its URL without a password, and a file with it. */
  async function roleWithFile(mode: number, folder = temporaryFolder()) {
    const {url, client} = await databaseWithRun();
    const role = await newRole(client, url);
    await client.query(
      `grant usage on schema ai to ${role.name}; grant select on all tables in schema ai to ${role.name}`,
    );
    const open = new URL(role.url);
    open.password = '';
    const file = path.join(folder, '.pgpass');
    writeFileSync(file, `*:${open.port}:*:${role.name}:${PASSWORD}\n`);
    chmodSync(file, mode);
    return {url: open.href, file, folder};
  }

  it('mode 600: it logs in, by PGPASSFILE and by passfile=', async () => {
    const {url, file} = await roleWithFile(0o600);
    expect(await cli(['list', '--db', url], {env: {PGPASSFILE: file}})).toMatchObject({code: 0});
    expect(await cli(['list', '--db', withParameters(url, {passfile: file})])).toMatchObject({code: 0});
  });

  it('a password in the URL or in PGPASSWORD is taken before it', async () => {
    const {url, file} = await roleWithFile(0o600);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    refused(await cli(['list', '--db', wrong.href], {env: {PGPASSFILE: file}}), EXIT.unreachable);
    refused(await cli(['list', '--db', url], {env: {PGPASSFILE: file, PGPASSWORD: 'wrong'}}), EXIT.unreachable);
  });

  it('mode 644: it is ignored as libpq does, and --debug says so', async () => {
    const {url, file} = await roleWithFile(0o644);
    const result = await cli(['list', '--db', url, '--debug'], {env: {PGPASSFILE: file}});
    expect(result).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(result.err).toContain(file);
    expect(result.err).toMatch(/^debug: .*chmod 600/m);
    expect(result.err).not.toContain(PASSWORD);
  });

  it('in the home folder it is read by the program as it is installed', async () => {
    const {url, folder} = await roleWithFile(0o600);
    expect(await bin(['list', '--json', '--db', url], {HOME: folder})).toMatchObject({code: 0, err: ''});
  });

  it('mode 644: nothing but the error is printed, and under --json it is JSON', async () => {
    const {url, folder} = await roleWithFile(0o644);
    const result = await bin(['list', '--json', '--db', url], {HOME: folder});
    expect(result).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(JSON.parse(result.err)).toMatchObject({error: {exitCode: EXIT.unreachable}});
  });

  it('another file given by passfile= replaces the one in the home folder', async () => {
    const {url, folder} = await roleWithFile(0o600);
    const other = path.join(temporaryFolder(), 'empty');
    writeFileSync(other, '', {mode: 0o600});
    const result = await bin(['list', '--db', withParameters(url, {passfile: other})], {HOME: folder});
    refused(result, EXIT.unreachable);
  });
});

/** Asks whether the server speaks TLS; all that a client may send before it knows. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

describe('a server without TLS', () => {
  it.each(['require', 'verify-ca', 'verify-full'])(
    'sslmode=%s is refused and nothing is sent in plain text',
    async mode => {
      const {url} = await databaseWithRun();
      const proxy = await listener(url);
      const result = await cli(['list', '--db', withParameters(proxy.url, {sslmode: mode})]);
      refused(result, EXIT.unreachable, /offers no TLS/, `"${mode}"`, /hint: .*sslmode=prefer/);
      expect(proxy.sent()).toEqual([SSL_REQUEST]);
    },
  );

  it('sslmode=prefer asks for TLS, goes on without, and --debug says so', async () => {
    const {url} = await databaseWithRun();
    const proxy = await listener(url);
    const result = await cli(['list', '--debug', '--db', withParameters(proxy.url, {sslmode: 'prefer'})]);
    expect(result).toMatchObject({code: 0});
    expect(result.err).toMatch(/^debug: .*connected.*no TLS/m);
    expect(proxy.sent()[0]).toEqual(SSL_REQUEST);
    expect(proxy.sent()).toHaveLength(2);
  });

  it.each(['disable', 'allow'])('sslmode=%s does not ask', async mode => {
    const {url} = await databaseWithRun();
    const proxy = await listener(url);
    expect(await cli(['list', '--db', withParameters(proxy.url, {sslmode: mode})])).toMatchObject({code: 0});
    expect(proxy.sent()).toHaveLength(1);
    expect(parseProtocol(proxy.sent()[0]!).startup).toMatchObject({application_name: 'agno-trace'});
  });

  it('a wrong password is not tried a second time without TLS', async () => {
    const {url} = await databaseWithRun();
    const proxy = await listener(as(url, 'postgres', 'wrong'));
    refused(await cli(['list', '--db', withParameters(proxy.url, {sslmode: 'allow'})]), EXIT.unreachable);
    expect(proxy.sent()).toHaveLength(1);
  });
});

const HAS_OPENSSL = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!HAS_OPENSSL)(`a server with TLS${HAS_OPENSSL ? '' : ' (skipped: there is no openssl)'}`, () => {
  const files = {} as Record<'ca' | 'otherCa' | 'clientCert' | 'clientKey' | 'garbage' | 'crl' | 'emptyCrl', string>;
  const PASSPHRASE = 'key-passphrase';
  let server: EmbeddedPostgres;
  let url: string;

  beforeAll(async () => {
    const folder = temporaryFolder();
    // Postgres refuses root and runs as another user, who must be able to pass through.
    chmodSync(folder, 0o755);
    makeCertificates(folder);
    const port = await freePort();
    const data = path.join(folder, 'data');
    const log: string[] = [];
    server = new EmbeddedPostgres({
      databaseDir: data,
      user: 'postgres',
      password: 'test-only',
      port,
      authMethod: 'scram-sha-256',
      persistent: false,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
      postgresFlags: [
        ...['-c', 'fsync=off', '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
        ...['-c', 'ssl=on', '-c', 'ssl_cert_file=server.crt', '-c', 'ssl_key_file=server.key'],
        ...['-c', 'ssl_ca_file=ca.crt'],
      ],
      onLog: message => log.push(String(message)),
      onError: message => log.push(String(message)),
    });
    try {
      await server.initialise();
      moveIntoData(folder, data);
      await server.start();
    } catch (error) {
      throw new Error(`Postgres with TLS did not start: ${String(error)}\n${log.join('\n')}`);
    }
    url = `postgresql://postgres:test-only@localhost:${port}/postgres`;
    const admin = await clientOf(at(url, '127.0.0.1', port));
    await addTables(admin, 'ai');
    for (const role of ['only_tls', 'only_plain', 'by_certificate']) {
      await admin.query(`create role ${role} login password '${PASSWORD}';
        grant usage on schema ai to ${role}; grant select on all tables in schema ai to ${role}`);
    }
    await admin.end();
  });
  afterAll(async () => {
    await server?.stop();
  });

  /** An authority, a server certificate for the name localhost, another authority, and a client certificate of the first. */
  function makeCertificates(folder: string): void {
    const openssl = (...args: string[]) => {
      const {status, stderr} = spawnSync('openssl', args, {cwd: folder, encoding: 'utf8'});
      if (status !== 0) throw new Error(`openssl ${args.join(' ')}: ${stderr}`);
    };
    const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    for (const name of ['ca', 'other-ca']) {
      openssl('req', '-x509', ...newKey, '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...out(name));
    }
    const signed = (name: string, subject: string, extension: string, key: readonly string[]) => {
      writeFileSync(path.join(folder, `${name}.ext`), extension);
      openssl('req', '-new', ...newKey, ...key, '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
      openssl(
        ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
        ...['-days', '2', '-extfile', `${name}.ext`, '-out', `${name}.crt`],
      );
    };
    signed('server', '/CN=localhost', 'subjectAltName=DNS:localhost', ['-nodes']);
    signed('client', '/CN=by_certificate', 'extendedKeyUsage=clientAuth', ['-passout', `pass:${PASSPHRASE}`]);
    const config = [
      '[ca]',
      'default_ca = x',
      '[x]',
      'database = index.txt',
      'default_md = sha256',
      'default_crl_days = 2',
    ];
    writeFileSync(path.join(folder, 'ca.cnf'), `${config.join('\n')}\n`);
    writeFileSync(path.join(folder, 'index.txt'), '');
    const authority = ['-config', 'ca.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key'];
    openssl('ca', ...authority, '-gencrl', '-out', 'empty.crl');
    openssl('ca', ...authority, '-revoke', 'server.crt');
    openssl('ca', ...authority, '-gencrl', '-out', 'ca.crl');
    writeFileSync(path.join(folder, 'garbage.pem'), 'no certificate\n');
    Object.assign(files, {
      ca: path.join(folder, 'ca.crt'),
      otherCa: path.join(folder, 'other-ca.crt'),
      clientCert: path.join(folder, 'client.crt'),
      clientKey: path.join(folder, 'client.key'),
      garbage: path.join(folder, 'garbage.pem'),
      crl: path.join(folder, 'ca.crl'),
      emptyCrl: path.join(folder, 'empty.crl'),
    });
  }

  function out(name: string): string[] {
    return ['-keyout', `${name}.key`, '-out', `${name}.crt`];
  }

  /** The server reads its key only if it owns it and nobody else may. */
  function moveIntoData(folder: string, data: string): void {
    const owner = statSync(data);
    mkdirSync(data, {recursive: true});
    for (const name of ['server.crt', 'server.key', 'ca.crt']) {
      const {stdout} = spawnSync('cat', [path.join(folder, name)]);
      const file = path.join(data, name);
      writeFileSync(file, stdout, {mode: 0o600});
      if (process.getuid?.() === 0) chownSync(file, owner.uid, owner.gid);
    }
    const rules = [
      'hostssl all by_certificate all cert',
      'hostnossl all by_certificate all reject',
      'hostnossl all only_tls all reject',
      'hostssl all only_plain all reject',
      'host all all all scram-sha-256',
    ];
    writeFileSync(path.join(data, 'pg_hba.conf'), `${rules.join('\n')}\n`);
  }

  /** Whether the connection was encrypted, as the server sees it. */
  async function encryption(parameters: Record<string, string>, base = url): Promise<boolean> {
    const store = await open(withParameters(base, parameters));
    const [row] = await store.all<{ssl: boolean}>(raw('select ssl from pg_stat_ssl where pid = pg_backend_pid()'));
    return row!.ssl;
  }

  /** What the environment of the tests says of TLS is not said here. */
  const env = {PGSSLMODE: undefined};
  const list = (parameters: Record<string, string>, base = url) =>
    cli(['list', '--db', withParameters(base, parameters)], {env});
  const byAddress = () => url.replace('localhost', '127.0.0.1');

  it.each([
    ['disable', false],
    ['allow', false],
    ['prefer', true],
    ['require', true],
  ])('sslmode=%s: encrypted %s', async (sslmode, isEncrypted) => {
    expect(await encryption({sslmode})).toBe(isEncrypted);
  });

  it('says nothing: encrypted, and --debug says that the server was not verified', async () => {
    expect(await encryption({})).toBe(true);
    const result = await cli(['list', '--debug', '--db', url], {env});
    expect(result).toMatchObject({code: 0});
    expect(result.err).toMatch(/^debug: .*connected.*TLS, server not verified/m);
  });

  it.each(['verify-ca', 'verify-full'])(
    'sslmode=%s without the authority is refused with what to give',
    async sslmode => {
      const result = await list({sslmode});
      refused(result, EXIT.unreachable, /certificate/, `"${sslmode}"`, /hint: .*sslrootcert=/);
    },
  );

  it('sslmode=verify-full with the authority works, from the URL and from the PG* variables', async () => {
    expect(await encryption({sslmode: 'verify-full', sslrootcert: files.ca})).toBe(true);
    const env = {PGSSLMODE: 'verify-full', PGSSLROOTCERT: files.ca};
    const result = await cli(['list', '--debug', '--db', url], {env});
    expect(result).toMatchObject({code: 0});
    expect(result.err).toMatch(/TLS, server and name verified/);
  });

  it('sslmode=verify-full refuses a server of another name, verify-ca takes it', async () => {
    const parameters = {sslrootcert: files.ca};
    refused(await list({sslmode: 'verify-full', ...parameters}, byAddress()), EXIT.unreachable, /certificate/);
    expect(await encryption({sslmode: 'verify-ca', ...parameters}, byAddress())).toBe(true);
  });

  it('the name that is verified is host, where hostaddr says how to get there', async () => {
    const parameters = {sslmode: 'verify-full', sslrootcert: files.ca, hostaddr: '127.0.0.1'};
    expect(await encryption(parameters)).toBe(true);
  });

  it.each(['require', 'verify-ca', 'verify-full'])(
    'sslmode=%s with another authority is refused, as in libpq',
    async sslmode => {
      refused(await list({sslmode, sslrootcert: files.otherCa}), EXIT.unreachable, /certificate/);
    },
  );

  it('an authority that is not there, or is none, is named', async () => {
    const sslmode = 'verify-full';
    const missing = path.join(temporaryFolder(), 'none.crt');
    refused(await list({sslmode, sslrootcert: missing}), EXIT.unreachable, missing);
    refused(await list({sslmode, sslrootcert: files.garbage}), EXIT.unreachable);
  });

  it('a client certificate with a protected key logs in', async () => {
    const base = as(url, 'by_certificate', '');
    const certificate = {sslmode: 'require', sslcert: files.clientCert, sslkey: files.clientKey};
    expect(await encryption({...certificate, sslpassword: PASSPHRASE}, base)).toBe(true);
    const wrong = await cli([
      'list',
      '--debug',
      '--db',
      withParameters(base, {...certificate, sslpassword: 'wrong-one'}),
    ]);
    expect(wrong).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(wrong.err).not.toContain('wrong-one');
    refused(await list(certificate, base), EXIT.unreachable);
    refused(await list({sslmode: 'require'}, base), EXIT.unreachable);
  });

  it('a server that takes only TLS names the sslmode that helps', async () => {
    const base = as(url, 'only_tls', PASSWORD);
    refused(await list({sslmode: 'disable'}, base), EXIT.unreachable, /sslmode=(require|prefer)/);
    for (const sslmode of ['allow', 'prefer', 'require']) expect(await encryption({sslmode}, base)).toBe(true);
  });

  it('a server that takes no TLS from this user is reached by prefer, never by require', async () => {
    const base = as(url, 'only_plain', PASSWORD);
    expect(await encryption({sslmode: 'prefer'}, base)).toBe(false);
    refused(await list({sslmode: 'require'}, base), EXIT.unreachable);
  });

  it('a wrong password and a missing one are told apart', async () => {
    refused(await list({}, as(url, 'only_tls', 'wrong')), EXIT.unreachable, /refused the login/);
    refused(await list({}, as(url, 'only_tls', '')), EXIT.unreachable, /asks for a password/);
  });

  it('channel_binding=require takes a server that binds its login to TLS, and no other', async () => {
    expect(await encryption({channel_binding: 'require'})).toBe(true);
    const certificate = {sslcert: files.clientCert, sslkey: files.clientKey, sslpassword: PASSPHRASE};
    const asked = {channel_binding: 'require', sslmode: 'require'};
    const byCertificate = await list({...asked, ...certificate}, as(url, 'by_certificate', ''));
    refused(byCertificate, EXIT.unreachable, /did not prove/);
    const proxy = await listener(byAddress());
    refused(await list({...asked, sslmode: 'disable'}, proxy.url), EXIT.unreachable, /without channel binding/);
    expect(parseProtocol(proxy.sent()[0]!).messages.filter(({type}) => type === 'p')).toEqual([]);
  });

  it('require_auth is kept before anything of the password is sent', async () => {
    for (const words of ['scram-sha-256', '!md5,!password', 'md5,scram-sha-256'])
      expect(await encryption({require_auth: words})).toBe(true);
    const certificate = {sslcert: files.clientCert, sslkey: files.clientKey, sslpassword: PASSPHRASE};
    const base = as(url, 'by_certificate', '');
    expect(await encryption({...certificate, sslmode: 'require', require_auth: 'none'}, base)).toBe(true);
    for (const words of ['md5', '!scram-sha-256', 'none']) {
      const proxy = await listener(byAddress());
      const result = await list({require_auth: words, sslmode: 'disable'}, proxy.url);
      refused(result, EXIT.unreachable, /but require_auth excludes it/);
      expect(parseProtocol(proxy.sent()[0]!).messages.filter(({type}) => type === 'p')).toEqual([]);
    }
  });

  it('a server whose certificate was called back is refused, by sslcrl and by root.crl of the home folder', async () => {
    const parameters = {sslmode: 'verify-ca', sslrootcert: files.ca};
    expect(await encryption({...parameters, sslcrl: files.emptyCrl})).toBe(true);
    refused(await list({...parameters, sslcrl: files.crl}), EXIT.unreachable, /certificate/);
    await atHome({'root.crt': files.ca, 'root.crl': files.crl}, async () =>
      refused(await list({sslmode: 'require'}), EXIT.unreachable, /certificate/),
    );
  });

  it('root.crt of the home folder makes require check the server, and prefer go on without TLS, as in libpq', async () => {
    await atHome({'root.crt': files.otherCa}, async () => {
      refused(await list({sslmode: 'require'}), EXIT.unreachable, /certificate/);
      expect(await encryption({sslmode: 'prefer'})).toBe(false);
    });
    await atHome({'root.crt': files.ca}, async () => {
      expect(await encryption({sslmode: 'verify-full'})).toBe(true);
      const {err} = await cli(['list', '--debug', '--db', withParameters(url, {sslmode: 'require'})]);
      expect(err).toMatch(/TLS, server verified/);
    });
    await atHome({'postgresql.crt': files.clientCert, 'postgresql.key': files.clientKey}, async () => {
      const asked = {sslmode: 'require', sslpassword: PASSPHRASE};
      expect(await encryption(asked, as(url, 'by_certificate', ''))).toBe(true);
      refused(await list({...asked, sslcertmode: 'disable'}, as(url, 'by_certificate', '')), EXIT.unreachable);
    });
  });

  it('a key that others may read is refused, as in libpq', async () => {
    const open = path.join(temporaryFolder(), 'open.key');
    copyFileSync(files.clientKey, open);
    chmodSync(open, 0o644);
    const asked = {sslmode: 'require', sslcert: files.clientCert, sslkey: open, sslpassword: PASSPHRASE};
    refused(await list(asked, as(url, 'by_certificate', '')), EXIT.unreachable, /chmod 600/);
  });

  it('versions of TLS are kept', async () => {
    expect(await encryption({sslmode: 'require', ssl_min_protocol_version: 'TLSv1.3'})).toBe(true);
    const result = await list({sslmode: 'require', ssl_max_protocol_version: 'TLSv1.1'});
    refused(result, EXIT.unreachable, /ssl_max_protocol_version/);
  });

  /** Runs it with a home folder that has these files for libpq. */
  async function atHome(standing: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
    const home = temporaryFolder();
    mkdirSync(path.join(home, '.postgresql'));
    for (const [name, file] of Object.entries(standing)) copyFileSync(file, path.join(home, '.postgresql', name));
    const before = process.env.HOME;
    process.env.HOME = home;
    try {
      await work();
    } finally {
      process.env.HOME = before;
    }
  }

  it('nothing but the error is printed when the host is an address', async () => {
    const parameters = {sslmode: 'verify-full', sslrootcert: files.ca};
    const result = await bin(['list', '--json', '--db', withParameters(byAddress(), parameters)]);
    expect(result).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(JSON.parse(result.err)).toMatchObject({error: {exitCode: EXIT.unreachable}});
  });
});
