import {rmSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {onTestFinished} from 'vitest';
import type {Clock} from '../../src/follow/clock.ts';
import {type FollowEvent, isIdle} from '../../src/follow/event.ts';
import {type FollowOptions, follow} from '../../src/follow/follow.ts';
import type {Start} from '../../src/follow/start.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {DEFAULT_TABLES, type OpenOptions, type Store} from '../../src/store/store.ts';
import {type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';

/** Opens Agno's tables for reading, as a command would. */
export function openTables(url: string, options: Partial<OpenOptions> = {}): Promise<Store> {
  return openStore(parseSource(url, '--db', {}, '/'), {
    tables: {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 5000,
    busyMs: 50,
    ...options,
  });
}

/** Agno's tables in a new database, and a way to put spans into them. */
export interface Table {
  readonly url: string;
  create(): Promise<void>;
  insert(traceId: string, spanId: string, createdAt?: string): Promise<void>;
}

export async function newTable(backend: Backend): Promise<Table> {
  const now = () => new Date().toISOString().replace('Z', '000+00:00');
  if (backend === 'sqlite') {
    const file = path.join(temporaryFolder(), 'agno.db');
    let db: Database.Database | null = null;
    onTestFinished(async () => {
      db?.close();
      rmSync(file, {force: true});
    });
    return {
      url: file,
      create: async () => {
        db = new Database(file);
        for (const statement of agnoTables('sqlite', '')) db.exec(statement);
      },
      insert: async (traceId, spanId, createdAt = now()) => {
        db!.prepare(TRACE).run(traceId, createdAt, createdAt, createdAt);
        db!.prepare(SPAN('?')).run(spanId, traceId, createdAt, createdAt, createdAt);
      },
    };
  }
  const {url, client} = await newPostgresDatabase();
  return {
    url,
    create: async () => {
      for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
    },
    insert: async (traceId, spanId, createdAt = now()) => {
      await client.query(numbered(TRACE).replace('agno_', 'ai.agno_'), [traceId, createdAt, createdAt, createdAt]);
      await client.query(numbered(SPAN('?')).replace('agno_', 'ai.agno_'), [
        spanId,
        traceId,
        createdAt,
        createdAt,
        createdAt,
      ]);
    },
  };
}

const TRACE = `insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)
values (?, 'Agent.run', 'OK', ?, ?, 1, ?) on conflict (trace_id) do nothing`;
const SPAN = (
  id: string,
) => `insert into agno_spans (span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
values (${id}, ?, 'Agent.run', 'INTERNAL', 'OK', ?, ?, 1, '{"openinference.span.kind": "AGENT"}', ?)`;
const numbered = (text: string) => {
  let n = 0;
  return text.replace(/\?/g, () => `$${++n}`);
};

/** Each pause counts as a minute and takes some milliseconds. */
export function fastClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    sleep: async () => {
      nowMs += 60_000;
      await new Promise(resolve => setTimeout(resolve, 5));
    },
  };
}

export function following(url: string, from: Start, options: Partial<FollowOptions> = {}) {
  const stop = new AbortController();
  const events = follow({
    open: () => openTables(url),
    start: from,
    signal: stop.signal,
    clock: fastClock(),
    ...options,
  });
  const seen: string[] = [];
  const said: string[] = [];
  onTestFinished(async () => {
    stop.abort();
    await events.return(undefined);
  });
  return {
    seen,
    said,
    /** Takes events until one of them fits. */
    until: async (fits: (event: FollowEvent) => boolean): Promise<FollowEvent> => {
      for (;;) {
        const {value, done} = await events.next();
        if (done) throw new Error('the follower ended');
        if (value.type === 'delivery')
          seen.push(...value.traces.flatMap(trace => trace.spans.map(span => span.spanId)));
        if (value.type === 'connection') said.push(value.connection.state);
        if (value.type === 'notice') said.push(value.text);
        if (fits(value)) return value;
      }
    },
  };
}

export {isIdle};
export const isState = (state: string) => (event: FollowEvent) =>
  event.type === 'connection' && event.connection.state === state;
/** A span id that is easy to read. */
export const id = (n: number) => n.toString(16).padStart(16, '0');
