import Database from 'better-sqlite3';
import {inject} from 'vitest';
import {parseTime} from '../src/trace/time.ts';
import {fixture} from './fixtures.ts';

/** Agno's own DDL on ClickHouse (agno 3.1.10, db/clickhouse/schemas.py). */
const TABLES = {
  agno_traces: {
    columns: {
      trace_id: 'String',
      name: 'String',
      status: 'LowCardinality(String)',
      start_time: "DateTime64(6, 'UTC')",
      end_time: "DateTime64(6, 'UTC')",
      duration_ms: 'Int64',
      run_id: 'Nullable(String)',
      session_id: 'Nullable(String)',
      user_id: 'Nullable(String)',
      agent_id: 'Nullable(String)',
      team_id: 'Nullable(String)',
      workflow_id: 'Nullable(String)',
      created_at: "DateTime64(6, 'UTC')",
    },
    order: 'start_time, trace_id',
  },
  agno_spans: {
    columns: {
      span_id: 'String',
      trace_id: 'String',
      parent_span_id: 'Nullable(String)',
      name: 'String',
      span_kind: 'LowCardinality(String)',
      status_code: 'LowCardinality(String)',
      status_message: 'Nullable(String)',
      start_time: "DateTime64(6, 'UTC')",
      end_time: "DateTime64(6, 'UTC')",
      duration_ms: 'Int64',
      attributes: 'String',
      created_at: "DateTime64(6, 'UTC')",
    },
    order: 'trace_id, start_time, span_id',
  },
} as const;
export type ClickhouseTable = keyof typeof TABLES;
export type ClickhouseRow = Readonly<Record<string, string | number | null>>;

/** Sends one statement as a user who may do all. @throws with what the server says */
export async function send(statement: string, body?: string): Promise<string> {
  const url = `http://${inject('clickhouseAddress')}/${body === undefined ? '' : `?query=${encodeURIComponent(statement)}`}`;
  const response = await fetch(url, {method: 'POST', body: body ?? statement});
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return text;
}

let made = 0;

/** A new database with Agno's tables, and the URL of it. */
export async function newClickhouseDatabase(): Promise<{name: string; url: string}> {
  const name = `test_${process.pid}_${made++}`;
  await send(`create database ${name}`);
  for (const [table, {columns, order}] of Object.entries(TABLES)) {
    const list = Object.entries(columns).map(([column, type]) => `${column} ${type}`);
    await send(
      `create table ${name}.${table} (${list.join(', ')}) engine = MergeTree partition by toYYYYMM(start_time) order by (${order})`,
    );
  }
  return {name, url: `clickhouse://${inject('clickhouseAddress')}/${name}`};
}

/** Inserts rows as they are on SQLite, in one insert: times and durations take the form that they have here. */
export async function insert(database: string, table: ClickhouseTable, rows: readonly ClickhouseRow[]): Promise<void> {
  if (rows.length === 0) return;
  const columns = Object.keys(TABLES[table].columns);
  const lines = rows.map(row =>
    JSON.stringify(Object.fromEntries(columns.map(column => [column, stored(column, row[column] ?? null)]))),
  );
  await send(`insert into ${database}.${table} (${columns.join(', ')}) format JSONEachRow`, lines.join('\n'));
}

function stored(column: string, value: string | number | null): string | number | null {
  if (column === 'duration_ms') return Math.round(Number(value));
  if (!/_(time|at)$/.test(column)) return value;
  const micros = parseTime(value);
  if (micros === null) throw new Error(`"${value}" is no time`);
  return `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, 19).replace('T', ' ')}.${String(micros % 1e6).padStart(6, '0')}`;
}

export function rowsOf(file: string, table: ClickhouseTable): ClickhouseRow[] {
  const db = new Database(file, {readonly: true});
  try {
    return db.prepare(`select * from ${table} order by rowid`).all() as ClickhouseRow[];
  } finally {
    db.close();
  }
}

const fixtures = new Map<string, Promise<string>>();

/** The URL of a database with the rows of a SQLite fixture; one for all tests, which only read. */
export function clickhouseFixture(name: string): Promise<string> {
  const known = fixtures.get(name) ?? load(fixture(name));
  fixtures.set(name, known);
  return known;
}

async function load(file: string): Promise<string> {
  const {name, url} = await newClickhouseDatabase();
  for (const table of ['agno_traces', 'agno_spans'] as const) await insert(name, table, rowsOf(file, table));
  return url;
}
