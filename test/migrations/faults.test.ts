import {copyFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {type AppliedSteps, apply} from '../../src/migrations/apply.ts';
import {inspect} from '../../src/migrations/plan.ts';
import {openSubject} from '../../src/migrations/subject.ts';
import {openAlone} from '../../src/retention/alone.ts';
import {parseSource} from '../../src/store/source.ts';
import {openWriter, writeRun} from '../agno-writer.js';
import {cli} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, postgresCopies, temporaryFolder} from '../databases.ts';
import {Faults, failingChanges, failingStore, sweep} from '../faults.ts';
import {smallDisk} from '../small-disk.ts';
import {type CatalogueRow, catalogueOf} from './catalogue.ts';
import {openOlderShape, send} from './shapes.ts';

interface MigrateOptions {
  readonly undo: boolean;
  /** SQLite only: the text of a table is edited. */
  readonly offline: boolean;
  readonly report?: (text: string) => void;
}

/** As `migrate --yes` does it, with faults. @returns what was done, or what was thrown before anything was */
async function migrate(
  url: string,
  faults: Faults,
  {undo, report = () => undefined, ...asked}: MigrateOptions,
): Promise<AppliedSteps | Error> {
  const source = parseSource(url, '--db', {}, '/');
  const offline = asked.offline && source.dialect === 'sqlite';
  const options = {
    tables: {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 5000,
    offline,
  };
  try {
    const found = await openSubject(source, options);
    const subject = {
      ...found,
      all: ((query: Parameters<typeof found.all>[0]) => {
        if (faults.next('look')) throw new Error('a read failed (made by the test)');
        return found.all(query);
      }) as typeof found.all,
      store: found.store && failingStore(found.store, faults),
    };
    const planned = await inspect(subject, {undo}).finally(() => found.close());
    const tables = {
      ...(subject.traces ? {traces: subject.traces.qualifiedName} : {}),
      ...(subject.spans ? {spans: subject.spans.qualifiedName} : {}),
    };
    const changes = await openAlone(source, {tables, label: subject.label}, 0, {offline});
    const options2 = {stop: new AbortController().signal, report};
    return await apply(failingChanges(changes, faults), subject, planned, options2).finally(() => changes.close());
  } catch (error) {
    return error as Error;
  }
}

const failureOf = (outcome: AppliedSteps | Error) => (outcome instanceof Error ? outcome : outcome.failure);

/**
 * A run whose calls every run has. One that gets no lock (the server's own vacuum and analyze hold some) takes away what it
 * began and tries again: calls that others need not have.
 */
async function undisturbed(next: () => Promise<string>, how: MigrateOptions): Promise<{goal: string; whole: Faults}> {
  for (;;) {
    const [goal, whole] = [await next(), new Faults()];
    let isDisturbed = false;
    const report = (text: string) => {
      isDisturbed ||= text.includes('locked by somebody else');
    };
    expect(failureOf(await migrate(goal, whole, {...how, report}))).toBe(null);
    if (!isDisturbed) return {goal, whole};
  }
}

interface Scene {
  readonly name: string;
  readonly how: MigrateOptions;
  /** New databases in the shape that the change begins from. */
  readonly open: (backend: Backend) => Promise<() => Promise<string>>;
  /** Calls by name that it has on either. */
  readonly meets: Readonly<Record<'both' | Backend, readonly string[]>>;
}

async function empty(backend: Backend) {
  if (backend === 'postgres') return postgresCopies((await newPostgresDatabase()).url);
  const file = path.join(temporaryFolder(), 'agno.db');
  writeFileSync(file, '');
  return copiesOf(file);
}

/** Without the foreign key and without two of Agno's indexes. */
async function older(backend: Backend) {
  const url = await openOlderShape(backend);
  const schema = backend === 'postgres' ? 'ai.' : '';
  await send(url, `drop index ${schema}idx_agno_spans_start_time`, `drop index ${schema}idx_agno_traces_run_id`);
  return backend === 'postgres' ? postgresCopies(url) : copiesOf(url);
}

const copiesOf = (file: string) => async () => {
  const copy = path.join(temporaryFolder(), 'copy.db');
  copyFileSync(file, copy);
  return copy;
};

const migrated = (begin: Scene['open'], how: Omit<MigrateOptions, 'undo'>) => async (backend: Backend) => {
  const url = await (await begin(backend))();
  expect(failureOf(await migrate(url, new Faults(), {...how, undo: false}))).toBe(null);
  return backend === 'postgres' ? postgresCopies(url) : copiesOf(url);
};

const TRANSACTION = ['begin', 'commit', 'committed', 'tidy'];
const REMEMBERS = ['send create table', 'run insert into'];
const FORGETS = ['run delete from', 'read select 1', 'send drop table'];
const BUILDS = [
  'read before select i.indisvalid',
  'read before select p.pid',
  'alone create index',
  'after create index',
];
const DROPS = ['alone drop index', 'after drop index'];
const EDITS = [
  'read pragma schema_version',
  ...['send pragma writable_schema', 'send update sqlite_master', 'send pragma schema_version'],
];

const SCENES: Scene[] = [
  {
    name: 'that makes the tables',
    how: {undo: false, offline: false},
    open: empty,
    meets: {
      both: [...TRANSACTION, ...REMEMBERS, 'look', 'send create index'],
      sqlite: [],
      postgres: [...BUILDS, 'send create schema'],
    },
  },
  {
    name: 'that brings the older shape up to the current one',
    how: {undo: false, offline: true},
    open: older,
    meets: {
      both: [...TRANSACTION, ...REMEMBERS, 'look', 'look select count(*)'],
      sqlite: [...EDITS, 'look select min(rowid)', 'send create index', 'read select *', 'read select "from"'],
      postgres: [...BUILDS, 'send alter table'],
    },
  },
  {
    name: '--undo of the tables',
    how: {undo: true, offline: false},
    open: migrated(empty, {offline: false}),
    meets: {
      both: [...TRANSACTION, ...FORGETS, 'look'],
      sqlite: [],
      postgres: [...DROPS, 'send lock table', 'send drop schema'],
    },
  },
  {
    name: '--undo of what the older shape lacked',
    how: {undo: true, offline: true},
    open: migrated(older, {offline: true}),
    meets: {
      both: [...TRANSACTION, ...FORGETS],
      sqlite: [...EDITS, 'send drop index'],
      postgres: [...DROPS, 'send alter table'],
    },
  },
];

/** True where Agno can write into the tables with its exact statements. */
async function takesRows(url: string): Promise<boolean> {
  const writer = await openWriter(url);
  let lost = 0;
  await writeRun(writer, (_ms, isLost) => {
    if (isLost) lost++;
  });
  await writer.close();
  return lost === 0;
}

/**
 * A foreign key is added without a look at the rows, and proved by a look at them: both are whole steps. A concurrent build
 * that is cut short leaves its index marked invalid, which nobody reads; the second run makes it anew.
 */
const stateOf = (row: CatalogueRow) => JSON.stringify(row).replace(/ NOT VALID| INVALID/, '');
const isThere = (catalogue: readonly {name: string}[], name: string) => catalogue.some(row => row.name === name);

describe.each(BACKENDS)('one failure on %s', backend => {
  it.each(SCENES)(
    'of any statement or commit of migrate $name leaves whole steps, and a second run finishes',
    async ({how, open, meets}) => {
      const next = await open(backend);
      const before = await catalogueOf(await next());
      const {goal, whole} = await undisturbed(next, how);
      const after = await catalogueOf(goal);
      expect(after).not.toEqual(before);
      const known = new Set([...before, ...after].map(stateOf));
      await sweep<string>(whole, {
        meets: [...meets.both, ...meets[backend]],
        open: next,
        run: async (url, faults) => failureOf(await migrate(url, faults, how)),
        expectWhole: async (url, call) => {
          const between = await catalogueOf(url);
          // Every object is as it was or as it should be; what remembers them comes and goes with the first and last of them.
          const strange = between.filter(row => !known.has(stateOf(row)) && !row.name.includes('agnotrace_made'));
          expect(strange, call).toEqual([]);
          if (isThere(between, 'idx_agno_spans_trace_id') && !how.undo) expect(await takesRows(url)).toBe(true);
        },
        expectDone: async (url, call) => expect(await catalogueOf(url), call).toEqual(after),
      });
    },
    900_000,
  );
});

const disk = smallDisk();

describe.skipIf(disk === null)('a full disk', () => {
  it('leaves the file as it was, and with room the same command finishes', async () => {
    const file = path.join(disk!.folder, 'a.db');
    copyFileSync(await (await older('sqlite'))(), file);
    const before = await catalogueOf(file);
    disk!.fill(0);
    const argv = ['migrate', '--offline', '--yes', '--db', file];
    expect(await cli(argv)).toMatchObject({code: 4, err: expect.stringContaining('is full')});
    expect(await catalogueOf(file)).toEqual(before);
    disk!.empty();
    expect((await cli(argv)).code).toBe(0);
    expect(await catalogueOf(file)).not.toEqual(before);
  });
});

describe('a server that ends our connections', () => {
  it('while an index is built: one line, and the same command finishes', async () => {
    const url = await (await older('postgres'))();
    const [writer, watcher] = [new pg.Client({connectionString: url}), new pg.Client({connectionString: url})];
    await Promise.all([writer.connect(), watcher.connect()]);
    // The build waits for this transaction.
    await writer.query('begin');
    await writer.query('update ai.agno_spans set name = name');
    const migrating = cli(['migrate', '--yes', '--db', url]);
    const building = 'select 1 from pg_stat_progress_create_index where index_relid <> 0';
    while ((await watcher.query(building)).rows.length === 0) await sleep(20);
    await watcher.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'agno-trace' and datname = current_database()",
    );
    const {code, err} = await migrating;
    expect([code, err]).toEqual([4, expect.stringMatching(/^(.*\n)*error: .*\n(hint: .*\n)?$/)]);
    await writer.query('rollback');
    expect((await cli(['migrate', '--yes', '--db', url])).code).toBe(0);
    expect((await catalogueOf(url)).filter(({definition}) => / (INVALID|NOT VALID)$/.test(definition))).toEqual([]);
    await Promise.all([writer.end(), watcher.end()]);
  });
});
