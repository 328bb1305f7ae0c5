import {copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import Database from 'better-sqlite3';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {UserError} from '../../src/errors.ts';
import {loadRunPage} from '../../src/runs/page.ts';
import {openStore} from '../../src/store/open.ts';
import {NO_FILTER} from '../../src/trace/filter.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import {cli} from '../cli.ts';
import {inLong, SEED} from '../long.ts';
import {Random} from '../random.ts';

const FIXTURE = new URL('../../fixtures/agno-2.3.11-async-shape-b.sqlite', import.meta.url).pathname;
const TABLES = {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'};
const ENDLESS = '(with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n)';
/** Of a statement; what never ends costs the test as long. */
const LIMIT_MS = 400;

let folder: string;
let cache: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mutated-'));
  cache = path.join(folder, 'cache');
});
afterAll(() => rmSync(folder, {recursive: true, force: true}));

/** Schemas of a stranger's: each makes the tables something else. */
const SCHEMAS: readonly string[] = [
  'alter table agno_spans rename to s0; create view agno_spans as select * from s0',
  `alter table agno_spans rename to s0; create view agno_spans as select * from s0 where ${ENDLESS} > 0`,
  `alter table agno_traces rename to t0; create view agno_traces as select * from t0 where ${ENDLESS} > 0`,
  'alter table agno_spans rename to s0; create view agno_spans as select * from agno_traces',
  'alter table agno_spans rename to s0; create view agno_spans as select * from missing',
  'drop table agno_spans; create virtual table agno_spans using fts5(span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at)',
  `alter table agno_spans add column more text generated always as (${'hex('.repeat(6)}attributes${')'.repeat(6)}) virtual`,
  `create trigger t after insert on agno_spans begin select ${ENDLESS}; end`,
  'create view other as select * from agno_spans; create table "AGNO_SPANS2" (a)',
  "pragma writable_schema = on; update sqlite_master set sql = replace(sql, 'name VARCHAR', 'name VARCHAR collate none') where name = 'agno_spans'",
  "pragma writable_schema = on; update sqlite_master set sql = 'create view agno_spans as select 1' where name = 'agno_spans'",
  "pragma writable_schema = on; update sqlite_master set rootpage = 2 where type = 'index'",
  "pragma writable_schema = on; update sqlite_master set sql = 'nonsense' where name = 'agno_traces'",
  "pragma writable_schema = on; update sqlite_master set type = 'table' where type = 'index'",
];

function mutate(file: string, random: Random): void {
  const kind = random.between(0, 9);
  if (kind < 2) changeSchema(file, random.pick(SCHEMAS));
  else writeFileSync(file, mutated(readFileSync(file), kind, random));
}

function mutated(bytes: Buffer, kind: number, random: Random): Buffer {
  if (kind === 2) return bytes.subarray(0, random.between(0, bytes.length));
  if (kind === 3) return Buffer.concat([bytes, Buffer.alloc(random.between(1, 9000), 7)]);
  const page = 4096 * random.between(0, Math.floor(bytes.length / 4096) - 1);
  // Page headers and cell pointers more often than rows.
  const reach = kind < 7 ? 120 : 4095;
  for (let i = random.between(1, 12); i > 0; i--) {
    const at = page + random.between(0, reach);
    bytes[at] = random.chance(0.5) ? random.between(0, 255) : bytes[at]! ^ (1 << random.between(0, 7));
  }
  if (kind === 9) bytes.copy(bytes, page, 4096 * random.between(0, Math.floor(bytes.length / 4096) - 1));
  return bytes;
}

function changeSchema(file: string, statements: string): void {
  const db = new Database(file);
  try {
    db.unsafeMode(true);
    db.exec(statements);
  } catch {
    // A driver that does not let it through leaves the file as it was.
  } finally {
    db.close();
  }
}

async function look(file: string): Promise<'read' | 'refused'> {
  try {
    const store = await openStore(
      {dialect: 'sqlite', file},
      {tables: TABLES, nowMicros: () => 1.8e15, timeoutMs: LIMIT_MS, onConnect: () => undefined},
    );
    try {
      await loadRunPage(store, {filter: NO_FILTER, limit: 20, cursor: null, patience: PATIENCE});
      return 'read';
    } finally {
      await store.close();
    }
  } catch (error) {
    // Anything else would be called a defect.
    expect(error, String(error)).toBeInstanceOf(UserError);
    return 'refused';
  }
}

/** What else reads a file, as a user runs it: a run, all calls, every check, and what would be deleted. */
const COMMANDS = [
  ['show', 'latest'],
  ['slowest'],
  ['doctor'],
  ['prune', '--older-than', '1h', '--dry-run'],
  ['sql', 'select count(*) from agno_spans'],
  ['tools'],
] as const;
/** Every so manieth file is read by all of them. */
const EACH = 5;

async function askAll(file: string): Promise<void> {
  for (const argv of COMMANDS) {
    const {code, err} = await cli([...argv, '--timeout', `${LIMIT_MS}ms`, '--db', file], {
      env: {AGNO_TRACE_CACHE: cache},
    });
    const isRight = [0, 2, 3, 4, 5].includes(code) && !/bug in agno-trace/.test(err) && !CONTROL.test(err);
    expect(isRight, `${argv.join(' ')}: exit ${code}\n${err}`).toBe(true);
  }
}
const CONTROL = /[\u0000-\u0009\u000b-\u001f]/;

it(
  'tells of every mutated file in words and in time, and leaves it and its folder as they were',
  async () => {
    const outcomes = {read: 0, refused: 0};
    for (let i = 0; i < inLong(2000, 100); i++) {
      const own = mkdtempSync(path.join(folder, 'f-'));
      const file = path.join(own, 'agno.db');
      copyFileSync(FIXTURE, file);
      mutate(file, new Random(SEED * 100_000 + i));
      const before = readFileSync(file);
      const start = performance.now();
      try {
        outcomes[await look(file)]++;
        // Only what hangs takes so long.
        expect(performance.now() - start).toBeLessThan(300_000);
        if (i % EACH === 0) await askAll(file);
      } catch (error) {
        throw new Error(`mutation ${i}: ${(error as Error).message}`);
      }
      expect(before.equals(readFileSync(file)), `mutation ${i} was written to`).toBe(true);
      expect(readdirSync(own), `mutation ${i}`).toEqual(['agno.db']);
      rmSync(own, {recursive: true});
    }
    expect(outcomes.read).toBeGreaterThan(0);
    expect(outcomes.refused).toBeGreaterThan(0);
  },
  inLong(1_800_000, 300_000),
);
