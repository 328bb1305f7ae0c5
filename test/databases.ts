import {copyFileSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {afterAll, inject} from 'vitest';
import {agnoTables} from '../src/sql/agno-tables.ts';

/** The two real databases every behaviour is tested on. */
export const BACKENDS = ['sqlite', 'postgres'] as const;
export type Backend = (typeof BACKENDS)[number];

const folders: string[] = [];
const clients: pg.Client[] = [];
afterAll(async () => {
  await endClients();
  for (const folder of folders.splice(0)) rmSync(folder, {recursive: true, force: true});
});

/** A folder of its own for a test file; removed at its end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-test-'));
  folders.push(folder);
  return folder;
}

export function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).pathname;
}

/** A copy of a SQLite fixture: opening one in WAL mode leaves files beside it. */
export function sqliteCopy(name: string): string {
  const file = path.join(temporaryFolder(), name);
  copyFileSync(fixture(name), file);
  return file;
}

/** A new, empty database on the test server. */
export async function newPostgresDatabase(): Promise<{url: string; client: pg.Client}> {
  const admin = new pg.Client({connectionString: inject('postgresUrl')});
  await admin.connect();
  const name = `t_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await admin.query(`create database ${name} template template0`);
  await admin.end();
  const url = inject('postgresUrl').replace(/\/[^/]*$/, `/${name}`);
  const client = new pg.Client({connectionString: url});
  await client.connect();
  clients.push(client);
  return {url, client};
}

/** Copies of a Postgres database, one for each call; nothing may be connected to the original from now on. */
export async function postgresCopies(url: string): Promise<() => Promise<string>> {
  await endClients();
  const original = url.split('/').at(-1)!;
  let made = 0;
  return async () => {
    const admin = new pg.Client({connectionString: inject('postgresUrl')});
    await admin.connect();
    await admin.query(`create database ${original}_${++made} template ${original}`);
    await admin.end();
    return `${url}_${made}`;
  };
}

async function endClients(): Promise<void> {
  for (const client of clients.splice(0)) await client.end().catch(() => undefined);
}

/** A Postgres database filled by one of the `.postgres.sql` fixtures. */
export async function postgresDump(name: string): Promise<string> {
  const {url, client} = await newPostgresDatabase();
  await client.query(readFileSync(fixture(name), 'utf8'));
  await client.end();
  return url;
}

/** A database URL of `backend` with the rows of a SQLite fixture; on Postgres in Agno's own tables. */
export async function openFixture(backend: Backend, name: string): Promise<string> {
  const file = sqliteCopy(name);
  return backend === 'sqlite' ? file : loadIntoPostgres(file);
}

/** Copies the rows of a SQLite file into Agno's tables in a new Postgres database; run and session tables too. */
export async function loadIntoPostgres(file: string, schema = 'ai'): Promise<string> {
  const {url, client} = await newPostgresDatabase();
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
  await client.end();
  return url;
}

async function copyRows(db: Database.Database, client: pg.Client, schema: string, table: string): Promise<void> {
  const rows = db.prepare(`select * from ${table} order by rowid`).all() as Record<string, unknown>[];
  for (const row of rows) {
    const values = Object.entries(row).map(([column, value]) => toPostgres(table, column, value));
    const places = values.map((_, i) => `$${i + 1}`).join(', ');
    await client.query(`insert into ${schema}.${table} (${Object.keys(row).join(', ')}) values (${places})`, values);
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
