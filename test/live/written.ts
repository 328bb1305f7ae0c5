import Database from 'better-sqlite3';
import pg from 'pg';
import {parseTime} from '../../src/trace/time.ts';

/** A span as it stands in the table. */
export interface WrittenSpan {
  readonly spanId: string;
  /** `agno.run.id`, where it has one. */
  readonly runId: string | null;
  /** When Agno began to write it, ms since 1970: before both of its transactions. */
  readonly createdMs: number;
  /** When its transaction was committed by the server's own record; null on SQLite, and on a server that keeps none. */
  readonly committedMs: number | null;
}

export async function writtenSpans(db: string): Promise<WrittenSpan[]> {
  return db.startsWith('/') ? fromSqlite(db) : fromPostgres(db);
}

interface Row {
  span_id: string;
  run_id: string | null;
  created_at: string;
  committed: string | null;
}

function toWritten({span_id, run_id, created_at, committed}: Row): WrittenSpan {
  const committedMs = committed === null ? null : Number(committed);
  return {spanId: span_id, runId: run_id, createdMs: parseTime(created_at)! / 1000, committedMs};
}

function fromSqlite(file: string): WrittenSpan[] {
  const db = new Database(file, {readonly: true});
  const rows = db
    .prepare(
      `select span_id, json_extract(attributes, '$."agno.run.id"') as run_id, created_at, null as committed from agno_spans`,
    )
    .all() as Row[];
  db.close();
  return rows.map(toWritten);
}

async function fromPostgres(url: string): Promise<WrittenSpan[]> {
  const client = new pg.Client({connectionString: url});
  await client.connect();
  const [setting] = (await client.query('show track_commit_timestamp')).rows;
  const committed =
    setting.track_commit_timestamp === 'on' ? 'extract(epoch from pg_xact_commit_timestamp(xmin)) * 1000' : 'null';
  const {rows} = await client.query(
    `select span_id, attributes ->> 'agno.run.id' as run_id, created_at, ${committed} as committed from ai.agno_spans`,
  );
  await client.end();
  return rows.map(toWritten);
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** How late the timers of this process fire, ms: what a busy machine adds to every delay. */
export class TimerLateness {
  private readonly lateMs: number[] = [];
  private dueMs = performance.now() + EVERY_MS;
  private readonly timer = setInterval(() => {
    const now = performance.now();
    this.lateMs.push(Math.max(0, now - this.dueMs));
    this.dueMs = now + EVERY_MS;
  }, EVERY_MS);

  end(): readonly number[] {
    clearInterval(this.timer);
    return this.lateMs;
  }
}
const EVERY_MS = 20;
