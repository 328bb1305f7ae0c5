import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {chmodSync, chownSync, cpSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {SYSTEM_CLOCK} from '../../src/follow/clock.ts';
import {cli, json} from '../cli.ts';
import {loadIntoPostgres, postgresDump, sqliteCopy, temporaryFolder} from '../databases.ts';
import {EmbeddedPostgres} from '../embedded-postgres.ts';
import {following, id, isIdle, isState} from '../follow/followed.ts';
import {startProxy} from '../follow/proxy.ts';
import {freePort} from '../free-port.ts';
import {catalogueOf} from '../migrations/catalogue.ts';
import {agnoWriter} from '../writer-process.ts';

/** Servers as they stand in production, the real programs. */

const COMMANDS = [
  ['list', '--limit', '0'],
  ['show', 'latest', '--io', 'full'],
  ['show', 'team'],
  ['slowest', '--by', 'tool'],
] as const;
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = {uid: 65_534, gid: 65_534};
const PGBOUNCER =
  ['pgbouncer', '/usr/sbin/pgbouncer'].find(name => spawnSync(name, ['--version']).status === 0) ?? null;

/** A span like one that is there, written now. */
const COPY_SPAN = `insert into ai.agno_spans
(span_id, trace_id, parent_span_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
select $1::text, trace_id, parent_span_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes,
       to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00')
  from ai.agno_spans limit 1`;

async function answering(url: string): Promise<pg.Client> {
  for (let tries = 0; ; tries++) {
    const client = new pg.Client({connectionString: url});
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (tries === 1000) throw error;
      await sleep(100);
    }
  }
}

describe.skipIf(!PGBOUNCER)(
  `PgBouncer in transaction mode${PGBOUNCER ? '' : ' (skipped: it is not installed)'}`,
  () => {
    let direct: string;
    let pooled: string;
    let bouncer: ChildProcess;

    beforeAll(async () => {
      direct = await loadIntoPostgres(sqliteCopy('agno-3.1.10-pictures.sqlite'));
      const {username, password, hostname, port, pathname} = new URL(direct);
      const folder = temporaryFolder();
      chmodSync(folder, 0o755);
      const listen = await freePort();
      const config = path.join(folder, 'pgbouncer.ini');
      writeFileSync(
        config,
        [
          '[databases]',
          `agno = host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password}`,
          `wide = host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password} pool_size=4`,
          '[pgbouncer]',
          'listen_addr = 127.0.0.1',
          `listen_port = ${listen}`,
          'unix_socket_dir =',
          'auth_type = any',
          'pool_mode = transaction',
          'default_pool_size = 1',
        ].join('\n'),
      );
      bouncer = spawn(PGBOUNCER!, [config], {stdio: 'ignore', ...(IS_ROOT ? NOBODY : {})});
      pooled = `postgresql://anybody@127.0.0.1:${listen}/agno`;
      await (await answering(pooled)).end();
    });
    afterAll(() => {
      bouncer?.kill();
    });

    it.each(COMMANDS.map(argv => [argv]))('%s answers as without it', async argv => {
      const answer = await cli([...argv, '--db', pooled]);
      expect(answer).toMatchObject({code: 0, out: (await cli([...argv, '--db', direct])).out});
    });

    it('several readers share the one connection, and leave nothing behind in it', async () => {
      const stranger = await answering(pooled);
      const settings = "select current_setting('statement_timeout') as time, current_setting('lock_timeout') as lock";
      const before = (await stranger.query(settings)).rows;
      const answers = await Promise.all([...COMMANDS, ...COMMANDS].map(argv => cli([...argv, '--db', pooled])));
      expect(answers.map(({code}) => code)).toEqual(answers.map(() => 0));
      expect((await stranger.query(settings)).rows).toEqual(before);
      await stranger.end();
    });

    it('is followed through: every span once', async () => {
      const client = await answering(direct);
      const told = following(pooled, {from: 'now'});
      await told.until(isIdle);
      for (let n = 1; n <= 3; n++) {
        await client.query(COPY_SPAN, [id(n)]);
        await told.until(() => told.seen.length === n);
        await told.until(isIdle);
      }
      expect(told.seen).toEqual([1, 2, 3].map(id));
      await client.query('delete from ai.agno_spans where span_id = any($1)', [told.seen]);
      await client.end();
    });

    it('a statement that takes too long is stopped, and the connection goes on', async () => {
      const client = await answering(direct);
      await client.query(`create schema slow; create table slow.agno_traces as table ai.agno_traces;
      create view slow.agno_spans as select s.* from ai.agno_spans s, pg_sleep(2)`);
      const slow = await cli(['slowest', '--schema', 'slow', '--timeout', '300ms', '--db', pooled]);
      expect([slow.code, slow.out]).toEqual([4, '']);
      expect(slow.err).toMatch(/took too long.*\nhint: .*--timeout/);
      expect(await cli(['slowest', '--schema', 'ai', '--db', pooled])).toMatchObject({code: 0});
      await client.query('drop schema slow cascade');
      await client.end();
    });

    it('migrate builds and takes back its indexes beside a writer, and leaves nothing set in a session of the pool', async () => {
      const wide = pooled.replace(/agno$/, 'wide');
      const before = await catalogueOf(direct);
      const strangers = await Promise.all([0, 1, 2, 3].map(() => answering(wide)));
      const writer = await agnoWriter(wide);
      const {data} = await json(['migrate', '--yes', '--db', wide]);
      expect(data.result).toMatchObject({left: [], stoppedBy: null});
      await json(['vacuum', '--yes', '--db', wide]);
      await json(['migrate', '--undo', '--yes', '--db', wide]);
      expect(await writer.stop()).toMatchObject({lost: 0});
      expect(await catalogueOf(direct)).toEqual(before);
      // At the same time, so that each gets another of the pool's sessions.
      const settings = await Promise.all(
        strangers.map(client =>
          client.query(
            "select current_setting('lock_timeout') as lock, current_setting('statement_timeout') as time, pg_sleep(0.2)::text",
          ),
        ),
      );
      for (const {rows} of settings) expect(rows).toMatchObject([{lock: '0', time: '0'}]);
      for (const client of strangers) await client.end();
    });

    it('migrate says so where the pool lends one connection only', async () => {
      const {code, err} = await cli(['migrate', '--yes', '--db', pooled]);
      expect([code, err]).toEqual([
        4,
        expect.stringMatching(/gives no second connection\.\nhint: Connect to the server directly/),
      ]);
    });
  },
);

describe('a standby', () => {
  const servers: EmbeddedPostgres[] = [];
  let url: string;
  let primaryUrl: string;
  let folder: string;

  beforeAll(async () => {
    folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const ports = {primary: await freePort(), standby: await freePort()};
    const make = (name: keyof typeof ports) =>
      new EmbeddedPostgres({
        databaseDir: path.join(folder, name),
        user: 'postgres',
        password: 'test-only',
        port: ports[name],
        persistent: true,
        createPostgresUser: IS_ROOT,
        initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C'],
        postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'hot_standby=on'],
        onLog: () => undefined,
        onError: () => undefined,
      });
    const primary = make('primary');
    await primary.initialise();
    const [from, to] = [path.join(folder, 'primary'), path.join(folder, 'standby')];
    // The data folder of a server that never ran since is a base backup.
    cpSync(from, to, {recursive: true});
    const conninfo = `host=127.0.0.1 port=${ports.primary} user=postgres password=test-only`;
    writeFileSync(path.join(to, 'standby.signal'), '');
    writeFileSync(path.join(to, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
    const owner = statSync(from);
    if (IS_ROOT) spawnSync('chown', ['-R', `${owner.uid}:${owner.gid}`, to]);
    chmodSync(to, 0o700);
    if (IS_ROOT) chownSync(to, owner.uid, owner.gid);
    await primary.start();
    servers.push(primary);
    const urlOf = (port: number) => `postgresql://postgres:test-only@127.0.0.1:${port}/postgres`;
    primaryUrl = urlOf(ports.primary);
    url = urlOf(ports.standby);
    const standby = make('standby');
    servers.push(standby);
    // Its promise waits for words that only a primary says.
    await Promise.race([standby.start(), answering(url).then(client => client.end())]);
  });
  afterAll(async () => {
    for (const server of servers.reverse()) await server.stop();
  });

  it('answers what its primary does', async () => {
    const source = await answering(await postgresDump('agno-3.1.10-pictures.postgres.sql'));
    const primary = await answering(primaryUrl);
    await primary.query('create schema ai');
    for (const name of ['agno_traces', 'agno_spans']) {
      const {rows: columns} = await source.query(
        'select attname as name, format_type(atttypid, null) as type from pg_attribute where attrelid = $1::regclass and attnum > 0',
        [`ai.${name}`],
      );
      await primary.query(
        `create table ai.${name} (${columns.map(({name: key, type}) => `${key} ${type}`).join(', ')})`,
      );
      const {rows} = await source.query(`select json_agg(t) as rows from ai.${name} t`);
      await primary.query(`insert into ai.${name} select * from json_populate_recordset(null::ai.${name}, $1)`, [
        JSON.stringify(rows[0].rows),
      ]);
    }
    const {rows: places} = await primary.query('select pg_current_wal_lsn() as place');
    const standby = await answering(url);
    const replayed = () => standby.query('select pg_last_wal_replay_lsn() >= $1 as is_there', [places[0].place]);
    await expect.poll(async () => (await replayed()).rows[0].is_there).toBe(true);
    expect((await standby.query('select pg_is_in_recovery() as is_standby')).rows).toEqual([{is_standby: true}]);
    for (const client of [source, primary, standby]) await client.end();
    for (const argv of COMMANDS.filter(([, id]) => id !== 'team')) {
      const answer = await cli([...argv, '--db', url]);
      expect(answer).toMatchObject({code: 0, out: (await cli([...argv, '--db', primaryUrl])).out});
    }
    const http = await cli(['show', 'http-stream-error', '--db', url]);
    expect([http.code, http.out]).toEqual([0, expect.stringContaining('model call failed')]);
    // It is not changed: one line that says where to go.
    const refused = [['migrate'], ['vacuum'], ['prune', '--older-than', '1h', '--expect-max', '1000']];
    for (const command of refused) {
      const {code, err} = await cli([...command, '--yes', '--db', url]);
      expect([code, err]).toEqual([
        4,
        expect.stringMatching(/^error: ".*" is a standby: it may only be read\.\nhint: Connect to the primary\.\n$/),
      ]);
    }
  });

  it('is followed: what its primary commits is told once, also from a transaction that was open for long', async () => {
    const [writer, slow] = [await answering(primaryUrl), await answering(primaryUrl)];
    const told = following(url, {from: 'now'});
    await told.until(isIdle);
    await slow.query('begin');
    await slow.query(COPY_SPAN, [id(1)]);
    await writer.query(COPY_SPAN, [id(2)]);
    await told.until(() => told.seen.length === 1);
    await slow.query('commit');
    await told.until(() => told.seen.length === 2);
    for (let n = 0; n < 3; n++) await told.until(isIdle);
    expect(told.seen).toEqual([id(2), id(1)]);
    for (const client of [writer, slow]) await client.end();
  });

  it('is promoted under a follower: what the new primary commits is told once, also under numbers of lost transactions', async () => {
    const [primary, standby] = [await answering(primaryUrl), await answering(url)];
    for (const client of [primary, standby]) client.on('error', () => undefined);
    const proxy = await startProxy(primaryUrl);
    const told = following(proxy.url, {from: 'now'}, {clock: SYSTEM_CLOCK, pollMs: 20});
    await told.until(isIdle);
    await primary.query(COPY_SPAN, [id(11)]);
    await told.until(() => told.seen.length === 1);
    const copied = () => standby.query('select count(*)::int as n from ai.agno_spans where span_id = $1', [id(11)]);
    await expect.poll(async () => (await copied()).rows[0].n).toBe(1);
    // From here on nothing reaches the standby: these are told, and lost with the primary.
    await standby.query("alter system set primary_conninfo = ''");
    await standby.query('select pg_reload_conf()');
    await expect
      .poll(async () => (await standby.query('select count(*)::int as n from pg_stat_wal_receiver')).rows[0].n)
      .toBe(0);
    for (let n = 12; n <= 20; n++) await primary.query(COPY_SPAN, [id(n)]);
    await told.until(() => told.seen.length === 10);
    const pid = Number(readFileSync(path.join(folder, 'primary', 'postmaster.pid'), 'utf8').split('\n')[0]);
    process.kill(pid, 'SIGQUIT');
    // Nobody waits for the end of what has ended.
    servers.shift();
    await told.until(isState('reconnecting'));
    await standby.query('select pg_promote()');
    for (let n = 21; n <= 25; n++) await standby.query(COPY_SPAN, [id(n)]);
    proxy.leadTo(url);
    await told.until(() => told.seen.length >= 15);
    await standby.query(COPY_SPAN, [id(26)]);
    await told.until(() => told.seen.includes(id(26)));
    for (let n = 0; n < 3; n++) await told.until(isIdle);
    expect(told.seen).toEqual(Array.from({length: 16}, (_, i) => id(11 + i)));
    await proxy.close();
    await standby.end();
  });
});
