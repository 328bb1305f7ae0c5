import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import Database from 'better-sqlite3';
import pg from 'pg';
import {expect, inject} from 'vitest';
import {agnoTables} from '../src/sql/agno-tables.ts';
import {atEndOfFile} from './end-of-file.ts';
import {fixture, sqliteCopy} from './fixtures.ts';

export {fixture, sqliteCopy, temporaryFolder} from './fixtures.ts';

/** The two real databases every behaviour is tested on. */
export const BACKENDS = ['sqlite', 'postgres'] as const;
export type Backend = (typeof BACKENDS)[number];

const clients: pg.Client[] = [];

/** A new, empty database on the test server, and a superuser's connection to it. */
export async function newPostgresDatabase(): Promise<{url: string; client: pg.Client}> {
  const url = await create('template0');
  const client = new pg.Client({connectionString: url});
  await client.connect();
  if (clients.length === 0) atEndOfFile(endClients);
  clients.push(client);
  return {url, client};
}

/** A new database; it is dropped with the server or, on one that was given, at the end of the run. */
async function create(template: string): Promise<string> {
  const name = `${inject('postgresPrefix')}${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await asAdmin(async admin => {
    // The files as they are: through the log, as Postgres does it by itself since 15, a copy takes several times as long.
    const {rows} = await admin.query("select current_setting('server_version_num')::int >= 150000 as chooses");
    await admin.query(`create database ${name} template ${template} ${rows[0].chooses ? 'strategy file_copy' : ''}`);
  });
  return urlOf(name);
}

const urlOf = (name: string) => inject('postgresUrl').replace(/\/[^/]*$/, `/${name}`);

async function asAdmin<Result>(work: (admin: pg.Client) => Promise<Result>): Promise<Result> {
  const admin = new pg.Client({connectionString: inject('postgresUrl')});
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

/**
 * A new database with what `fill` writes, which is written once in a run: into a template, of which each is a copy.
 *
 * @param key what is written; the same key, the same rows
 */
async function copyOf(key: string, fill: (client: pg.Client) => Promise<void>): Promise<string> {
  const template = `${inject('postgresPrefix')}${createHash('sha256').update(key).digest('hex').slice(0, 16)}`;
  await asAdmin(async admin => {
    // Test files run side by side: who comes second waits here, and finds it made.
    await admin.query('select pg_advisory_lock(hashtext($1))', [template]);
    const {rows} = await admin.query('select datistemplate from pg_database where datname = $1', [template]);
    if (rows[0]?.datistemplate) return;
    // Begun by a file that failed in the middle.
    if (rows[0]) await admin.query(`drop database ${template} with (force)`);
    await admin.query(`create database ${template} template template0`);
    const client = new pg.Client({connectionString: urlOf(template)});
    await client.connect();
    try {
      await fill(client);
    } finally {
      await client.end();
    }
    await admin.query(`alter database ${template} with is_template true allow_connections false`);
  });
  return create(template);
}

/**
 * Waits until `prune` may take whatever was written to the test server so far: it leaves what is younger than the oldest
 * transaction of the whole server, which a test of another file may hold open.
 */
export async function settled(): Promise<void> {
  await asAdmin(async admin => {
    const {rows} = await admin.query('select pg_current_xact_id()::text as id');
    const oldest = async () =>
      (await admin.query('select pg_snapshot_xmin(pg_current_snapshot())::text as id')).rows[0].id;
    await expect.poll(async () => BigInt(await oldest()) > BigInt(rows[0].id)).toBe(true);
  });
}

/** Copies of a Postgres database, one for each call; nothing may be connected to the original from now on. */
export async function postgresCopies(url: string): Promise<() => Promise<string>> {
  await endClients();
  const original = url.split('/').at(-1)!;
  return () => create(original);
}

async function endClients(): Promise<void> {
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
}

/** A Postgres database filled by one of the `.postgres.sql` fixtures. */
export async function postgresDump(name: string): Promise<string> {
  return copyOf(name, async client => {
    await client.query(readFileSync(fixture(name), 'utf8'));
  });
}

/** A database URL of `backend` with the rows of a SQLite fixture; on Postgres in Agno's own tables. */
export async function openFixture(backend: Backend, name: string): Promise<string> {
  return backend === 'sqlite' ? sqliteCopy(name) : copyOf(name, client => load(sqliteCopy(name), client, 'ai'));
}

const shared = new Map<string, Promise<string>>();

/** The same for tests that only read: on Postgres one database for all of them, which refuses to be written. */
export async function sharedFixture(backend: Backend, name: string): Promise<string> {
  if (backend === 'sqlite') return sqliteCopy(name);
  let url = shared.get(name);
  if (!url) {
    url = openFixture(backend, name).then(async made => {
      const database = made.split('/').at(-1);
      await asAdmin(admin => admin.query(`alter database ${database} set default_transaction_read_only = on`));
      // The server knows no TLS: asking for it first would cost every command a second connection.
      return `${made}?sslmode=disable`;
    });
    shared.set(name, url);
  }
  return url;
}

/** Copies the rows of a SQLite file into Agno's tables in a new Postgres database; run and session tables too. */
export async function loadIntoPostgres(file: string, schema = 'ai'): Promise<string> {
  const {url, client} = await newPostgresDatabase();
  await load(file, client, schema);
  await client.end();
  return url;
}

async function load(file: string, client: pg.Client, schema: string): Promise<void> {
  const db = new Database(file, {readonly: true});
  for (const statement of agnoTables('postgres', schema)) await client.query(statement);
  for (const table of ['agno_traces', 'agno_spans']) await copyRows(db, client, schema, table);
  const optional = db
    .prepare("select name from sqlite_master where name in ('agno_runs', 'agno_sessions')")
    .pluck()
    .all() as string[];
  for (const table of optional) {
    const columns = db.prepare('select name, type from pragma_table_info(?)').all(table) as {
      name: string;
      type: string;
    }[];
    const types = columns.map(
      ({name, type}) => `${name} ${type === 'JSON' ? 'jsonb' : type === 'BIGINT' ? 'bigint' : 'varchar'}`,
    );
    await client.query(`create table ${schema}.${table} (${types.join(', ')})`);
    await copyRows(db, client, schema, table);
  }
  db.close();
}

async function copyRows(db: Database.Database, client: pg.Client, schema: string, table: string): Promise<void> {
  const rows = db.prepare(`select * from ${table} order by rowid`).all() as Record<string, unknown>[];
  // A statement takes 65,535 parameters.
  for (let from = 0; from < rows.length; from += 1000) {
    const some = rows.slice(from, from + 1000);
    const values = some.flatMap(row => Object.entries(row).map(([column, value]) => toPostgres(table, column, value)));
    const columns = Object.keys(some[0]!);
    const places = some.map((_, r) => `(${columns.map((_, c) => `$${r * columns.length + c + 1}`).join(', ')})`);
    await client.query(`insert into ${schema}.${table} (${columns.join(', ')}) values ${places.join(', ')}`, values);
  }
}

/** What differs between the two as Agno writes them: rounded durations, and the JSON in JSON of SQLite's sessions. */
function toPostgres(table: string, column: string, value: unknown): unknown {
  if (column === 'duration_ms') return Math.round(Number(value));
  if (table === 'agno_sessions' && column === 'runs' && typeof value === 'string') {
    const parsed = JSON.parse(value);
    return typeof parsed === 'string' ? parsed : value;
  }
  return value;
}
