import {spawnSync} from 'node:child_process';
import {chmodSync, statSync} from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {SYSTEM_CLOCK} from '../../src/follow/clock.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {EmbeddedPostgres} from '../embedded-postgres.ts';
import {freePort} from '../free-port.ts';
import {following, id, isIdle, isState, newTable} from './followed.ts';
import {type NetworkProxy, startProxy} from './proxy.ts';

const CLOCK = {clock: SYSTEM_CLOCK, pollMs: 20};
const NOW = {from: 'now'} as const;

describe('a connection to Postgres that fails', () => {
  let proxy: NetworkProxy | null = null;
  afterAll(() => proxy?.close());

  async function behindProxy() {
    const table = await newTable('postgres');
    await table.create();
    await proxy?.close();
    proxy = await startProxy(table.url);
    const told = following(proxy.url, NOW, CLOCK);
    await told.until(isIdle);
    return {table, told, proxy};
  }

  it('is cut: what was written meanwhile is told', async () => {
    const {table, told, proxy: between} = await behindProxy();
    between.cut();
    await table.insert('a', id(1));
    await told.until(isState('reconnecting'));
    await told.until(() => told.seen.length === 1);
    between.cut();
    await table.insert('a', id(2));
    await told.until(() => told.seen.length === 2);
    await told.until(isIdle);
    expect(told.seen).toEqual([id(1), id(2)]);
  });

  it('is slow: nothing is told twice', async () => {
    const {table, told, proxy: between} = await behindProxy();
    between.delay(150);
    for (let n = 1; n <= 5; n++) await table.insert('a', id(n));
    await told.until(() => told.seen.length === 5);
    await told.until(isIdle);
    expect(told.seen.sort()).toEqual([1, 2, 3, 4, 5].map(id));
  });

  it('swallows every byte: it is noticed, and left', async () => {
    const {table, told, proxy: between} = await behindProxy();
    between.swallow(true);
    await table.insert('a', id(1));
    await told.until(isState('reconnecting'));
    between.swallow(false);
    await told.until(() => told.seen.length === 1);
    expect(told.seen).toEqual([id(1)]);
  });

  it('is ended by an administrator', async () => {
    const {table, told} = await behindProxy();
    const admin = new pg.Client({connectionString: table.url});
    await admin.connect();
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'agno-trace' and datname = current_database()",
    );
    await admin.end();
    await table.insert('a', id(1));
    await told.until(() => told.seen.length === 1);
    expect(told.said).toContain('reconnecting');
  });
});

describe('a Postgres that crashes', () => {
  let server: EmbeddedPostgres;
  let url: string;
  let folder: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const port = await freePort();
    server = new EmbeddedPostgres({
      databaseDir: path.join(folder, 'data'),
      user: 'postgres',
      password: 'test-only',
      port,
      persistent: true,
      createPostgresUser: process.getuid?.() === 0,
      initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
      postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'fsync=off'],
      onLog: () => undefined,
      onError: () => undefined,
    });
    await server.initialise();
    // Started by its own program, so that it can be started again after a crash.
    control = (action, ...more) => pgCtl(path.join(folder, 'data'), port, action, ...more);
    await control('start');
    url = `postgresql://postgres:test-only@127.0.0.1:${port}/postgres`;
  });
  let control: (action: string, ...more: string[]) => Promise<void>;
  afterAll(() => control('stop', '-m', 'immediate'));

  it('goes on where it was, and tells what was committed before and after', async () => {
    const client = new pg.Client({connectionString: url});
    client.on('error', () => undefined);
    await client.connect();
    for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
    await client.query(trace);
    await client.query(spans(1, 50));
    const told = following(url, NOW, CLOCK);
    await told.until(isIdle);
    await client.query(spans(51, 60));
    await told.until(() => told.seen.length === 10);
    // Committed, and not yet told when the server dies; an open transaction dies with it.
    const doomed = new pg.Client({connectionString: url});
    doomed.on('error', () => undefined);
    await doomed.connect();
    await doomed.query('begin');
    await doomed.query(spans(900, 910));
    await client.query(spans(61, 70));
    await control('restart', '-m', 'immediate');
    const again = new pg.Client({connectionString: url});
    await again.connect();
    await again.query(spans(71, 80));
    await told.until(() => told.seen.length === 30);
    await told.until(isIdle);
    expect(told.seen.sort()).toEqual(Array.from({length: 30}, (_, i) => id(51 + i)));
    expect(told.said).toContain('reconnecting');
    await again.end();
  });
});

const trace = `insert into ai.agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)
values ('a', 'Agent.run', 'OK', '', '', 1, '')`;
const spans = (from: number, to: number) => `insert into ai.agno_spans
(span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
select lpad(to_hex(n), 16, '0'), 'a', 'x', 'INTERNAL', 'OK', t, t, 1, '{}', t
  from generate_series(${from}, ${to}) n, to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00') t`;

/** The server's own program: it starts what it has stopped in whatever way. */
async function pgCtl(data: string, port: number, action: string, ...more: string[]): Promise<void> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const {pg_ctl: program} = (await import(`@embedded-postgres/${platform}-${process.arch}`)) as {pg_ctl: string};
  const {uid, gid} = statSync(data);
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off`;
  const log = path.join(data, 'server.log');
  const result = spawnSync(program, [action, '-w', '-D', data, '-l', log, '-o', options, ...more], {
    stdio: 'ignore',
    ...(process.getuid?.() === 0 ? {uid, gid} : {}),
  });
  if (result.status !== 0) throw new Error(`pg_ctl ${action} ended with ${result.status ?? result.error}`);
}

describe('spans that are no plain table', () => {
  it('are followed as well as they can be, and it is said', async () => {
    const {url, client} = await newPostgresDatabase();
    for (const statement of agnoTables('postgres', 'real')) await client.query(statement);
    await client.query(`create schema ai;
      alter table real.agno_traces rename to traces;
      alter table real.agno_spans rename to spans;
      create view ai.agno_traces as select * from real.traces;
      create view ai.agno_spans as select * from real.spans`);
    await client.query(trace);
    await client.query(spans(1, 3));
    const told = following(url, NOW, {});
    await told.until(isIdle);
    await client.query(spans(4, 6));
    await told.until(() => told.seen.length === 3);
    for (let n = 0; n < 5; n++) await told.until(isIdle);
    expect(told.seen.sort()).toEqual([4, 5, 6].map(id));
    expect(told.said.join()).toMatch(/best effort/);
  });

  it('a column of type json is no hindrance', async () => {
    const {url, client} = await newPostgresDatabase();
    for (const statement of agnoTables('postgres', 'ai')) await client.query(statement.replace('JSONB', 'JSON'));
    await client.query(trace);
    const told = following(url, NOW, {});
    await told.until(isIdle);
    await client.query(spans(4, 6));
    await told.until(() => told.seen.length === 3);
    await told.until(isIdle);
    expect(told.seen.sort()).toEqual([4, 5, 6].map(id));
    expect(told.said.join()).not.toMatch(/best effort/);
  });
});
