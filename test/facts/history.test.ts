import {rmSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {ALL_DAYS} from '../../src/facts/days.ts';
import {type Facts, openFacts} from '../../src/facts/facts.ts';
import {Prices} from '../../src/prices/prices.ts';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {raw} from '../../src/sql/sql.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import type {Store} from '../../src/store/store.ts';
import {agnoTime, parseTime} from '../../src/trace/time.ts';
import {BACKENDS, type Backend, fixture, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {inLong, SEED} from '../long.ts';
import {Random} from '../random.ts';

/*
 * Random histories of a database: spans come in any order, late, parents after children, traces are pruned, single spans
 * deleted by somebody else, Agno changes its word on runs, time passes. After every step the facts that were kept all along
 * are compared with facts made afresh: not one row may differ. A failure names its seed, which AGNO_TRACE_SEED gives back.
 */
const SEEDS = inLong(200, 6);
const STEPS = 14;
const DAY_MICROS = 86_400_000_000;

type Row = Record<string, string | number | null>;

/** Traces as real Agno wrote them. */
interface Recorded {
  readonly row: Row | null;
  readonly spans: readonly Row[];
  readonly runs: readonly Row[];
}

function recorded(name: string): Recorded[] {
  const folder = temporaryFolder();
  const file = path.join(folder, name);
  const source = new Database(fixture(name), {readonly: true});
  source.exec(`vacuum into '${file}'`);
  source.close();
  const db = new Database(file);
  const spans = db.prepare('select * from agno_spans order by start_time').all() as Row[];
  const rows = db.prepare('select * from agno_traces').all() as Row[];
  const hasRuns = db.prepare("select 1 from sqlite_master where name = 'agno_runs'").get() !== undefined;
  const runs = hasRuns ? (db.prepare('select run_id, status, created_at from agno_runs').all() as Row[]) : [];
  db.close();
  return [...new Set(spans.map(span => span.trace_id))].map(traceId => {
    const own = spans.filter(span => span.trace_id === traceId);
    return {
      row: rows.find(row => row.trace_id === traceId) ?? null,
      spans: own,
      runs: runs.filter(run => own.some(span => String(span.attributes).includes(String(run.run_id)))),
    };
  });
}

/** What of a trace is still to be written. */
interface Waiting {
  readonly row: Row | null;
  spans: Row[];
  readonly runs: Row[];
  writtenMicros: number | null;
}

/** The database, and what happens to it. */
interface World {
  readonly url: string;
  insert(table: 'agno_traces' | 'agno_spans' | 'agno_runs', row: Row): Promise<void>;
  remove(table: 'agno_traces' | 'agno_spans' | 'agno_runs', column: string, value: string): Promise<void>;
  vacuum(): Promise<void>;
  empty(): Promise<void>;
  close(): Promise<void>;
}

const COLUMNS = {agno_traces: TRACE_COLUMNS, agno_spans: SPAN_COLUMNS, agno_runs: ['run_id', 'status', 'created_at']};
const RUNS = 'agno_runs (run_id varchar primary key, status varchar, created_at bigint)';

async function newWorld(backend: Backend): Promise<World> {
  if (backend === 'sqlite') {
    const file = path.join(temporaryFolder(), 'agno.db');
    const db = new Database(file);
    db.pragma('journal_mode = wal');
    db.pragma('synchronous = off');
    db.pragma('foreign_keys = off');
    for (const statement of agnoTables('sqlite', '')) db.exec(statement);
    db.exec(`create table ${RUNS}`);
    return {
      url: file,
      insert: async (table, row) => {
        const names = COLUMNS[table];
        db.prepare(
          `insert or replace into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`,
        ).run(...names.map(name => row[name] ?? null));
      },
      remove: async (table, column, value) => void db.prepare(`delete from ${table} where ${column} = ?`).run(value),
      vacuum: async () => void db.exec('vacuum'),
      empty: async () => void db.exec('delete from agno_spans; delete from agno_traces; delete from agno_runs'),
      close: async () => void db.close(),
    };
  }
  const {url, client} = await newPostgresDatabase();
  for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
  await client.query(`create table ai.${RUNS}`);
  const keys = {agno_traces: 'trace_id', agno_spans: 'span_id', agno_runs: 'run_id'};
  return {
    url,
    insert: async (table, row) => {
      const names = COLUMNS[table];
      const set = names.map(name => `${name} = excluded.${name}`).join(', ');
      await client.query(
        `insert into ai.${table} (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})
         on conflict (${keys[table]}) do update set ${set}`,
        names.map(name => (name === 'duration_ms' ? Math.round(Number(row[name])) : (row[name] ?? null))),
      );
    },
    remove: async (table, column, value) =>
      void (await client.query(`delete from ai.${table} where ${column} = $1`, [value])),
    vacuum: async () => void (await client.query('vacuum ai.agno_spans')),
    // Nothing vacuums here: rows deleted a hundred times over would make every statement slow.
    empty: async () => void (await client.query('truncate ai.agno_spans, ai.agno_traces, ai.agno_runs')),
    close: async () => undefined,
  };
}

/** Moves a trace to another time, all of it. */
function moved(row: Row, byMicros: number): Row {
  const times = ['start_time', 'end_time', 'created_at'].map(column => [
    column,
    agnoTime(parseTime(row[column])! + byMicros),
  ]);
  return {...row, ...Object.fromEntries(times)};
}

const prices = new Prices(null);

function open(
  store: Store,
  folder: string | null,
  window: {sinceMicros: number | null; untilMicros: number | null},
): Promise<Facts> {
  return openFacts(store, {env: folder === null ? {} : {AGNO_TRACE_CACHE: folder}, cwd: '/', prices, ...window});
}

/** What the facts say, without keys and hashes, which are of one file. */
function contentOf(facts: Facts, days: {from: string; until: string}): Record<string, string[]> {
  const omit = [
    'run_key',
    'span_key',
    'trace_key',
    'first_span_key',
    'whole_key',
    'begin_key',
    'arguments_hash',
    'output_hash',
  ];
  const rows = (text: string) =>
    facts
      .all<Row>(raw(text))
      .map(row => JSON.stringify(Object.entries(row).filter(([key]) => !omit.includes(key))))
      .sort();
  const within = `(select trace_key from span_facts where day >= '${days.from}' and day < '${days.until}')`;
  const content = {
    runs: rows(
      `select r.*, w.trace_id || ' ' || w.span_id as whole from run_facts r left join run_facts w on w.run_key = r.whole_key
        where r.trace_key in ${within}`,
    ),
    spans: rows(
      `select s.*, t.trace_id, r.span_id as run_span_id, b.span_id as begin_span_id
         from span_facts s join trace_facts t using (trace_key)
         left join run_facts r using (run_key) left join span_facts b on b.span_key = s.begin_key where s.trace_key in ${within}`,
    ),
    traces: rows(`select * from trace_facts where trace_key in ${within}`),
  };
  if (days.from !== ALL_DAYS.from || days.until !== ALL_DAYS.until) return content;
  return {
    ...content,
    days: rows('select * from span_days'),
    counts: rows('select day, spans from day_spans where spans <> 0'),
  };
}

/** Rows of one that the other lacks, by relation; nothing where they are the same. */
function differences(kept: Record<string, string[]>, fresh: Record<string, string[]>): Record<string, unknown> {
  const without = (rows: string[], others: string[]) => rows.filter(row => !others.includes(row));
  return Object.fromEntries(
    Object.keys(fresh).flatMap(name => {
      const [ours, theirs] = [kept[name]!, fresh[name]!];
      if (JSON.stringify(ours) === JSON.stringify(theirs)) return [];
      return [
        [
          name,
          {onlyKept: without(ours, theirs), onlyFresh: without(theirs, ours), counts: [ours.length, theirs.length]},
        ],
      ];
    }),
  );
}

const pool = [...recorded('agno-3.1.10-pictures.sqlite'), ...recorded('agno-2.9.0-pictures.sqlite')];

describe.each(BACKENDS)('kept facts on %s', backend => {
  let world: World;
  let store: Store;
  let nowMicros = 0;
  beforeAll(async () => {
    world = await newWorld(backend);
    const opened = await openStore(parseSource(world.url, '--db', {}, '/'), {
      tables: {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
      nowMicros: () => nowMicros,
      timeoutMs: 30_000,
    });
    // The clock of a server cannot be moved; the facts ask this one.
    store = Object.create(opened, {nowMicros: {value: () => nowMicros}}) as Store;
  });
  afterAll(async () => {
    await store.close();
    await world.close();
  });

  it(
    'are the facts made afresh, after every step of a random history',
    async () => {
      let compared = 0;
      for (let seed = SEED; seed < SEED + SEEDS; seed++) {
        const random = new Random(seed);
        const folder = path.join(temporaryFolder(), 'cache');
        nowMicros = parseTime('2026-11-28T12:00:00Z')!;
        await world.empty();
        const traces = Array.from({length: 10}, () => random.pick(pool)).filter(
          (one, i, all) => all.indexOf(one) === i,
        );
        const waiting: Waiting[] = traces.map(({row, spans, runs}) => {
          const at = parseTime(spans[0]!.start_time)!;
          const by = nowMicros - random.between(0, 3) * DAY_MICROS - random.between(0, 7_200) * 1e6 - at;
          return {
            row: row && moved(row, by),
            spans: spans.map(span => moved(span, by)).sort(() => random.next() - 0.5),
            runs: [...runs],
            writtenMicros: null,
          };
        });
        const written = new Map<string, string[]>();
        const log: string[] = [];
        for (let step = 0; step < STEPS; step++) {
          for (let n = random.between(1, 4); n > 0; n--) log.push(await happen(random, waiting, written));
          if (random.chance(0.3)) nowMicros += random.pick([60, 400, 4000]) * 1e6;
          const since = nowMicros - random.between(0, 3) * DAY_MICROS;
          const window = random.chance(0.5)
            ? {sinceMicros: null, untilMicros: null}
            : {sinceMicros: since - (since % DAY_MICROS), untilMicros: random.chance(0.5) ? null : since + DAY_MICROS};
          const day = (micros: number) => new Date(micros / 1000).toISOString().slice(0, 10);
          const days = {
            from: window.sinceMicros === null ? ALL_DAYS.from : day(window.sinceMicros),
            until: window.untilMicros === null ? ALL_DAYS.until : day(window.untilMicros + DAY_MICROS - 1),
          };
          const kept = await open(store, folder, window);
          const fresh = await open(store, null, {sinceMicros: null, untilMicros: null});
          const of = {backend, seed, step, log: log.slice(-12)};
          expect({...of, ...differences(contentOf(kept, days), contentOf(fresh, days))}).toEqual(of);
          expect(kept.path).not.toBeNull();
          expect(fresh.path).toBeNull();
          expect(kept.notices).toEqual([]);
          compared += contentOf(fresh, ALL_DAYS).spans!.length;
          kept.close();
          fresh.close();
        }
        rmSync(folder, {recursive: true, force: true});
      }
      expect(compared).toBeGreaterThan(SEEDS * STEPS * 5);
    },
    SEEDS * 60_000,
  );

  async function happen(random: Random, waiting: Waiting[], written: Map<string, string[]>): Promise<string> {
    const dice = random.next();
    const trace = random.pick(waiting);
    const ids = [...written.keys()];
    if (dice < 0.62 && trace.spans.length > 0) {
      const some = trace.spans.splice(0, random.chance(0.4) ? trace.spans.length : random.between(1, 3));
      const traceId = String(some[0]!.trace_id);
      trace.writtenMicros = nowMicros;
      if (trace.row) await world.insert('agno_traces', trace.row);
      for (const span of some) await world.insert('agno_spans', {...span, created_at: agnoTime(nowMicros)});
      written.set(traceId, [...(written.get(traceId) ?? []), ...some.map(span => String(span.span_id))]);
      return `${some.length} spans of ${traceId.slice(0, 6)}`;
    }
    // Its word comes when a run ends, or when a paused one goes on; of runs that were quiet for an hour it is not asked again.
    const isRecent = trace.writtenMicros !== null && trace.writtenMicros > nowMicros - 3_000_000_000;
    if (dice < 0.72 && trace.runs.length > 0 && isRecent) {
      const run = trace.runs[0]!;
      const status = random.pick([run.status, 'COMPLETED', 'ERROR', 'CANCELLED']);
      await world.insert('agno_runs', {...run, status: status!});
      return `Agno says ${status} of ${run.run_id}`;
    }
    if (dice < 0.82 && ids.length > 0) {
      const traceId = random.pick(ids);
      await world.remove('agno_spans', 'trace_id', traceId);
      await world.remove('agno_traces', 'trace_id', traceId);
      written.delete(traceId);
      return `pruned ${traceId.slice(0, 6)}`;
    }
    if (dice < 0.94 && ids.length > 0) {
      const traceId = random.pick(ids);
      const spans = written.get(traceId)!;
      if (spans.length === 0) return 'nothing';
      const [spanId] = spans.splice(random.between(0, spans.length - 1), 1);
      await world.remove('agno_spans', 'span_id', spanId!);
      return `deleted ${spanId} of ${traceId.slice(0, 6)}`;
    }
    await world.vacuum();
    return 'vacuum';
  }
});
