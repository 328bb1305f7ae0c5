import {rmSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {newPostgresDatabase, temporaryFolder} from '../databases.ts';

/** A span as a writer of Agno's would insert it. */
export interface NewSpan {
  readonly spanId: string;
  readonly traceId: string;
  /** As text, by the writer's own clock. */
  readonly createdAt: string;
}

export type Batch = readonly [NewSpan, ...NewSpan[]];

/** One connection of an application. A database that is busy refuses, as it would. */
export interface Writer {
  /** @returns false when another writer holds the database */
  begin(): Promise<boolean>;
  /** Spans of one trace. */
  insert(spans: Batch): Promise<void>;
  savepoint(): Promise<void>;
  rollbackToSavepoint(): Promise<void>;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/** A database with Agno's tables, its writers, and what an administrator does to it. */
export interface World {
  readonly url: string;
  readonly writers: readonly Writer[];
  /** Deletes these spans; @returns false when the database is busy */
  remove(spanIds: readonly string[]): Promise<boolean>;
  vacuum(full: boolean): Promise<boolean>;
  /** Ids in the table, in the order in which they are stored. */
  ids(): Promise<string[]>;
  /** What a reader that goes by `created_at` would be told after this time. */
  idsCreatedAfter(createdAt: string): Promise<{spanId: string; createdAt: string}[]>;
  close(): Promise<void>;
}

export const WORLDS = ['sqlite in rollback mode', 'sqlite in WAL mode', 'postgres'] as const;
export type WorldName = (typeof WORLDS)[number];
const WRITERS = 4;

const TRACE = `insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)
values (?, 'Agent.run', 'OK', ?, ?, 1, ?) on conflict (trace_id) do update set status = 'OK'`;
/** A batch of one trace. */
const SPANS = (rows: number) => `insert into agno_spans
(span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at) values
${Array(rows).fill(`(?, ?, 'Agent.run', 'INTERNAL', 'OK', ?, ?, 1, '{"openinference.span.kind": "AGENT"}', ?)`).join(', ')}`;

const traceValues = ([{traceId, createdAt}]: Batch) => [traceId, createdAt, createdAt, createdAt];
const spanValues = (spans: readonly NewSpan[]) =>
  spans.flatMap(({spanId, traceId, createdAt}) => [spanId, traceId, createdAt, createdAt, createdAt]);

export function newWorld(name: WorldName): Promise<World> {
  return name === 'postgres' ? postgresWorld() : sqliteWorld(name === 'sqlite in WAL mode' ? 'wal' : 'delete');
}

async function sqliteWorld(journalMode: string): Promise<World> {
  const file = path.join(temporaryFolder(), 'agno.db');
  const connect = () => {
    const db = new Database(file, {timeout: 0});
    db.pragma(`journal_mode = ${journalMode}`);
    db.pragma('synchronous = off');
    return db;
  };
  const admin = connect();
  for (const statement of agnoTables('sqlite', '')) admin.exec(statement);
  const connections = Array.from({length: WRITERS}, connect);
  const unlessBusy = (work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      if (/^SQLITE_BUSY/.test((error as {code?: string}).code ?? '')) return false;
      throw error;
    }
  };
  return {
    url: file,
    writers: connections.map(db => ({
      begin: async () => unlessBusy(() => db.exec('begin immediate')),
      insert: async spans => {
        db.prepare(TRACE).run(...traceValues(spans));
        db.prepare(SPANS(spans.length)).run(...spanValues(spans));
      },
      savepoint: async () => void db.exec('savepoint s'),
      rollbackToSavepoint: async () => void db.exec('rollback to s'),
      commit: async () => void db.exec('commit'),
      rollback: async () => void db.exec('rollback'),
    })),
    remove: async spanIds =>
      unlessBusy(() =>
        admin
          .prepare('delete from agno_spans where span_id in (select value from json_each(?))')
          .run(JSON.stringify(spanIds)),
      ),
    vacuum: async () => unlessBusy(() => admin.exec('vacuum')),
    ids: async () => admin.prepare('select span_id from agno_spans order by rowid').pluck().all() as string[],
    idsCreatedAfter: async createdAt =>
      admin
        .prepare('select span_id as spanId, created_at as createdAt from agno_spans where created_at > ?')
        .all(createdAt) as {spanId: string; createdAt: string}[],
    close: async () => {
      for (const db of [...connections, admin]) db.close();
      for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, {force: true});
    },
  };
}

async function postgresWorld(): Promise<World> {
  const {url, client: admin} = await newPostgresDatabase();
  for (const statement of agnoTables('postgres', 'ai')) await admin.query(statement);
  const clients = await Promise.all(
    Array.from({length: WRITERS}, async () => {
      const client = new pg.Client({connectionString: url});
      await client.connect();
      return client;
    }),
  );
  const inPostgres = (text: string) => {
    let n = 0;
    return text.replaceAll('agno_', 'ai.agno_').replace(/\?/g, () => `$${++n}`);
  };
  return {
    url,
    writers: clients.map(client => ({
      begin: async () => {
        await client.query('begin');
        return true;
      },
      insert: async spans => {
        await client.query(inPostgres(TRACE), traceValues(spans));
        await client.query(inPostgres(SPANS(spans.length)), spanValues(spans));
      },
      savepoint: async () => void (await client.query('savepoint s')),
      rollbackToSavepoint: async () => void (await client.query('rollback to savepoint s')),
      commit: async () => void (await client.query('commit')),
      rollback: async () => void (await client.query('rollback')),
    })),
    remove: async spanIds => {
      await admin.query('delete from ai.agno_spans where span_id = any($1)', [spanIds]);
      return true;
    },
    vacuum: async full => {
      // A rewrite waits for every open transaction; one that cannot have the table at once is left for later.
      await admin.query('set lock_timeout = 5');
      const isDone = await admin.query(`vacuum ${full ? '(full)' : '(truncate false)'} ai.agno_spans`).then(
        () => true,
        () => false,
      );
      await admin.query('set lock_timeout = 0');
      return isDone;
    },
    ids: async () =>
      (await admin.query('select span_id from ai.agno_spans order by ctid')).rows.map(row => row.span_id),
    idsCreatedAfter: async createdAt =>
      (
        await admin.query(
          'select span_id as "spanId", created_at as "createdAt" from ai.agno_spans where created_at > $1',
          [createdAt],
        )
      ).rows,
    close: async () => {
      for (const client of clients) await client.end();
    },
  };
}
