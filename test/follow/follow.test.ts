import {rmSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {afterEach, describe, expect, it} from 'vitest';
import type {Clock} from '../../src/follow/clock.ts';
import {follow} from '../../src/follow/follow.ts';
import type {FollowEvent} from '../../src/follow/poll.ts';
import type {Start} from '../../src/follow/start.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {DEFAULT_TABLES} from '../../src/store/store.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';

/** Agno's tables in a new database, and a way to put spans into them. */
interface Table {
  readonly url: string;
  create(): Promise<void>;
  insert(traceId: string, spanId: string, createdAt?: string): Promise<void>;
}

async function newTable(backend: Backend): Promise<Table> {
  const now = () => new Date().toISOString().replace('Z', '000+00:00');
  if (backend === 'sqlite') {
    const file = path.join(temporaryFolder(), 'agno.db');
    let db: Database.Database | null = null;
    closing.push(async () => {
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

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** Each pause counts as a minute and takes some milliseconds. */
function fastClock(): Clock {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    sleep: async () => {
      nowMs += 60_000;
      await new Promise(resolve => setTimeout(resolve, 5));
    },
  };
}

function start(url: string, from: Start) {
  const stop = new AbortController();
  const open = () =>
    openStore(parseSource(url, '--db', {}, '/'), {
      tables: {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans},
      nowMicros: () => Date.now() * 1000,
      timeoutMs: 30_000,
    });
  const events = follow({open, start: from, signal: stop.signal, clock: fastClock()});
  const seen: string[] = [];
  const said: string[] = [];
  closing.push(async () => {
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
        if (value.type === 'poll')
          seen.push(...value.poll.traces.flatMap(trace => trace.spans.map(span => span.spanId)));
        if (value.type === 'connection') said.push(value.connection.state);
        if (value.type === 'notice') said.push(value.text);
        if (fits(value)) return value;
      }
    },
  };
}

const isIdle = (event: FollowEvent) => event.type === 'idle';
const id = (n: number) => n.toString(16).padStart(16, '0');

describe.each(BACKENDS)('following on %s', backend => {
  it('tells spans once, from now on, as they are committed', async () => {
    const table = await newTable(backend);
    await table.create();
    await table.insert('a', id(1));
    const told = start(table.url, {from: 'now'});
    await told.until(isIdle);
    expect(told.seen).toEqual([]);
    await table.insert('a', id(2));
    await table.insert('b', id(3), '2020-01-01T00:00:00+00:00');
    await told.until(() => told.seen.length === 2);
    await told.until(isIdle);
    expect(told.seen.sort()).toEqual([id(2), id(3)]);
  });

  it('waits for tables that are not there yet, and then tells all of them', async () => {
    const table = await newTable(backend);
    const told = start(table.url, {from: 'now'});
    await told.until(event => event.type === 'connection' && event.connection.state === 'waiting');
    await table.create();
    await table.insert('a', id(1));
    await told.until(() => told.seen.length === 1);
    expect(told.said).toContain('live');
  });

  it('tells a backlog in whole traces, and nothing twice at the seam', async () => {
    const table = await newTable(backend);
    await table.create();
    await table.insert('a', id(1), '2020-01-01T00:00:00+00:00');
    await table.insert('a', id(2));
    await table.insert('b', id(3), '2020-01-01T00:00:00+00:00');
    const told = start(table.url, {from: 'since', sinceMicros: (Date.now() - 60_000) * 1000});
    await told.until(isIdle);
    expect(told.seen).toEqual([id(1), id(2)]);
    await table.insert('b', id(4));
    await told.until(() => told.seen.length === 3);
    await told.until(isIdle);
    expect(told.seen).toEqual([id(1), id(2), id(4)]);
  });
});
