import path from 'node:path';
import Database from 'better-sqlite3';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {agnoTime, parseTime} from '../../src/trace/time.ts';
import {type Backend, newPostgresDatabase, sqliteCopy, temporaryFolder} from '../databases.ts';

export type Row = Record<string, unknown>;

/** Recorded rows, written one by one into a database of their own, in the order in which Agno wrote them. */
export interface Player {
  readonly url: string;
  /** What is not written yet, first things first. */
  readonly waiting: readonly Row[];
  /** Writes the next spans. A trace's row knows its ids from its root on, as Agno fills it. */
  write(spans?: number): Promise<Row[]>;
  /** Writes a row of the span table that is none of the recorded. */
  insert(span: Row): Promise<void>;
  run(statement: string): Promise<void>;
}

const IDENTITY = ['run_id', 'session_id', 'user_id', 'agent_id', 'team_id', 'workflow_id'];
const TIMES = ['start_time', 'end_time', 'created_at'];

interface PlayerOptions {
  /** Only traces with a span that this SQL condition on `agno_spans` holds for. */
  readonly where?: string;
  /** How long before now the last row was written, ms. */
  readonly endedMs?: number;
}

/** Opens empty tables of Agno's, its own run table included where the recording has one. */
export async function openPlayer(
  backend: Backend,
  fixtureName: string,
  {where = 'true', endedMs = 0}: PlayerOptions = {},
): Promise<Player> {
  const recorded = new Database(sqliteCopy(fixtureName), {readonly: true});
  const rows = (text: string) => recorded.prepare(text).all() as Row[];
  const chosen = `select trace_id from agno_spans where ${where}`;
  const spans = rows(`select * from agno_spans where trace_id in (${chosen}) order by created_at, rowid`);
  const traces = new Map(
    rows(`select * from agno_traces where trace_id in (${chosen})`).map(row => [String(row.trace_id), row]),
  );
  const hasRuns = rows("select 1 from sqlite_master where name = 'agno_runs'").length > 0;
  const runs = hasRuns ? rows('select run_id, session_id, status, created_at from agno_runs') : [];
  recorded.close();
  const newest = Math.max(...spans.map(row => parseTime(row.created_at)!));
  const shift = (Date.now() - endedMs) * 1000 - newest;
  const moved = (row: Row): Row => ({
    ...row,
    ...Object.fromEntries(TIMES.map(column => [column, agnoTime(parseTime(row[column])! + shift)])),
  });
  const {url, execute} = backend === 'sqlite' ? openSqlite() : await openPostgres();
  for (const statement of agnoTables(backend, 'ai')) await execute(statement);
  const table = (name: string) => (backend === 'sqlite' ? name : `ai.${name}`);
  const place = (i: number) => (backend === 'sqlite' ? '?' : `$${i + 1}`);
  const insert = (name: string, columns: readonly string[], row: Row) =>
    execute(
      `insert into ${table(name)} (${columns.join(', ')}) values (${columns.map((_, i) => place(i)).join(', ')})`,
      columns.map(column => (column === 'duration_ms' ? Math.round(Number(row[column])) : row[column])),
    );
  if (hasRuns) {
    const columns = 'run_id text primary key, session_id text, status text, created_at bigint';
    await execute(`create table ${table('agno_runs')} (${columns})`);
  }
  const waiting = spans.map(moved);
  /** Agno's row of a run comes with its run span; while a continuation is to come it says that the run waits. */
  const writeRun = async (span: Row) => {
    const runId = runIdOf(span);
    const run = runs.find(row => row.run_id === runId);
    if (!run) return;
    await execute(`delete from ${table('agno_runs')} where run_id = ${place(0)}`, [runId]);
    const status = waiting.some(row => runIdOf(row) === runId) ? 'PAUSED' : run.status;
    await insert('agno_runs', ['run_id', 'session_id', 'status', 'created_at'], {...run, status});
  };
  const begun = new Set<string>();
  return {
    url,
    waiting,
    insert: span => insert('agno_spans', SPAN_COLUMNS, span),
    run: statement => execute(statement),
    write: async (count = 1) => {
      const written = waiting.splice(0, count);
      for (const span of written) {
        const traceId = String(span.trace_id);
        const row = traces.get(traceId);
        if (row && !begun.has(traceId)) {
          const nameless = Object.fromEntries(IDENTITY.map(column => [column, null]));
          await insert('agno_traces', TRACE_COLUMNS, {...moved(row), ...nameless});
          begun.add(traceId);
        }
        if (row && span.parent_span_id === null) {
          const sets = IDENTITY.map((column, i) => `${column} = ${place(i)}`);
          await execute(
            `update ${table('agno_traces')} set ${sets.join(', ')} where trace_id = '${traceId}'`,
            IDENTITY.map(column => row[column]),
          );
        }
        await insert('agno_spans', SPAN_COLUMNS, span);
        await writeRun(span);
      }
      return written;
    },
  };
}

function runIdOf(span: Row): unknown {
  return JSON.parse(String(span.attributes))['agno.run.id'];
}

interface Connected {
  readonly url: string;
  execute(statement: string, values?: unknown[]): Promise<void>;
}

function openSqlite(): Connected {
  const file = path.join(temporaryFolder(), 'agno.db');
  const db = new Database(file);
  db.pragma('journal_mode = wal');
  return {
    url: file,
    execute: async (statement, values = []) => {
      db.prepare(statement).run(...values);
    },
  };
}

async function openPostgres(): Promise<Connected> {
  const {url, client} = await newPostgresDatabase();
  return {
    url,
    execute: async (statement, values = []) => {
      await client.query(statement, values);
    },
  };
}
