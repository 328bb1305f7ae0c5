import {copyFileSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import type pg from 'pg';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import type {Store} from '../../src/store/store.ts';
import {fixture, newPostgresDatabase, temporaryFolder} from '../databases.ts';

/** What the program under trace and the model server kept of a database (fixtures/truth/README.md). */
export interface Log {
  readonly runs: readonly LoggedRun[];
  readonly model_calls: readonly LoggedModelCall[];
  readonly tool_calls: readonly LoggedToolCall[];
}

export interface LoggedRun {
  /** Begins with `?` where people would not agree. */
  readonly state: string | null;
  readonly who: string | null;
  readonly kind: string;
  readonly run_id: string | null;
  readonly session: string | null;
}

export interface LoggedModelCall {
  readonly n: number;
  readonly model: string;
  readonly prompt: number;
  readonly completion: number;
  readonly status: number;
  /** False: the client left before the answer was sent whole. */
  readonly complete: boolean;
  /** Seconds since 1970, as the server saw them. */
  readonly t0: number;
  readonly t1?: number;
}

export interface LoggedToolCall {
  /** `STEP name` is a function that a workflow runs as a step. */
  readonly tool: string;
  readonly ok: boolean | null;
  readonly t0: number;
}

export const NAMES: readonly string[] = readdirSync(fixture('truth'))
  .filter(file => file.endsWith('.truth.json'))
  .map(file => file.replace('.truth.json', ''))
  .sort();

export function logOf(name: string): Log {
  return JSON.parse(readFileSync(fixture(`truth/${name}.truth.json`), 'utf8'));
}

const RUN_TABLES = ['agno_runs', 'agno_sessions'];

/** Every database of the set, once for reading with Agno's run tables and, when they were taken away, without. */
export interface TruthSet {
  open(name: string): Promise<Store>;
  dropRunTables(): Promise<void>;
}

export function onSqlite(): TruthSet {
  const folder = temporaryFolder();
  const fileOf = (name: string) => path.join(folder, `${name}.sqlite`);
  for (const name of NAMES) copyFileSync(fixture(`truth/${name}.sqlite`), fileOf(name));
  return {
    open: name => openAt(fileOf(name), null),
    dropRunTables: async () => {
      for (const name of NAMES) {
        const db = new Database(fileOf(name));
        db.pragma('foreign_keys = off');
        for (const table of RUN_TABLES) db.exec(`drop table if exists ${table}`);
        db.close();
      }
    },
  };
}

/** The same rows in one Postgres database, a schema for each: a database of its own would take a second each. */
export async function onPostgres(): Promise<TruthSet> {
  const {url, client} = await newPostgresDatabase();
  for (const name of NAMES) {
    const db = new Database(fixture(`truth/${name}.sqlite`), {readonly: true});
    await client.query(agnoTables('postgres', name).join(';\n'));
    for (const table of ['agno_traces', 'agno_spans']) await copyRows(db, client, name, table);
    for (const table of RUN_TABLES) {
      const types = Object.entries(columnTypes(db, table));
      await client.query(
        `create table ${name}.${table} (${types.map(([column, type]) => `${column} ${type}`).join(', ')})`,
      );
      await copyRows(db, client, name, table);
    }
    db.close();
  }
  await client.query('analyze');
  return {
    open: name => openAt(url, name),
    dropRunTables: async () => {
      for (const name of NAMES)
        await client.query(`drop table ${RUN_TABLES.map(table => `${name}.${table}`).join(', ')}`);
    },
  };
}

function columnTypes(db: Database.Database, table: string): Record<string, string> {
  const columns = db.prepare('select name, type from pragma_table_info(?)').all(table) as {
    name: string;
    type: string;
  }[];
  return Object.fromEntries(
    columns.map(({name, type}) => [name, type === 'JSON' ? 'jsonb' : type === 'BIGINT' ? 'bigint' : 'text']),
  );
}

/** All rows of a table in one statement. */
async function copyRows(db: Database.Database, client: pg.Client, schema: string, table: string): Promise<void> {
  const types = columnTypes(db, table);
  const columns = Object.keys(types);
  const rows = db.prepare(`select * from ${table} order by rowid`).all() as Record<string, unknown>[];
  if (rows.length === 0) return;
  const lists = columns.map(column =>
    rows.map(row => (column === 'duration_ms' ? Math.round(Number(row[column])) : row[column])),
  );
  const unnested = columns.map((column, i) => `$${i + 1}::${types[column]}[]`);
  await client.query(
    `insert into ${schema}.${table} (${columns.join(', ')}) select * from unnest(${unnested.join(', ')})`,
    lists,
  );
}

/** After all of the recordings: what is not finished there never will be. */
const NOW = Date.parse('2027-01-01T00:00:00Z') * 1000;

function openAt(url: string, schema: string | null): Promise<Store> {
  return openStore(parseSource(url, '--db', {}, '/'), {
    tables: {schema, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
    nowMicros: () => NOW,
    timeoutMs: 30_000,
  });
}
