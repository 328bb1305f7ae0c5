import {copyFileSync, existsSync, rmSync} from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import {describe, expect, inject, it} from 'vitest';
import {openArchive} from '../../src/archive/reader.ts';
import {ArchiveWriter, partialOf} from '../../src/archive/writer.ts';
import {EXIT} from '../../src/errors.ts';
import {openAlone} from '../../src/retention/alone.ts';
import {type Applied, applyPrune} from '../../src/retention/apply.ts';
import {archiveHeader, type Prepared, preparePrune} from '../../src/retention/prune.ts';
import {restore, targetOf} from '../../src/retention/restore.ts';
import {TransactionalGround} from '../../src/retention/transactional.ts';
import type {Changes} from '../../src/store/changes.ts';
import type {ConnectionFacts} from '../../src/store/connection-info.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import {cli} from '../cli.ts';
import {settled} from '../databases.ts';
import {Faults, failingChanges, failingDisk, failingStore, sweep} from '../faults.ts';
import {temporaryFolder} from '../fixtures.ts';
import {smallDisk} from '../small-disk.ts';
import {archivedById, execute, idsOf, openAt, PLACES, type Place, rowsById, soundness} from './tables.ts';

const CHOICE = {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'};

async function openReading(url: string) {
  const source = parseSource(url, '--db', {}, '/');
  let facts: ConnectionFacts | null = null;
  const store = await openStore(source, {
    tables: CHOICE,
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 5000,
    onConnect: found => {
      facts = found;
    },
  });
  return {source, store, facts: facts!};
}

function asked({cutoff, columns}: Prepared, {settledXid}: TransactionalGround, archive: ArchiveWriter) {
  return {
    rules: {cutoff, settledXid, limits: {lockMs: 300, statementMs: 5000}, archive, columns},
    maxRows: null,
    maxRuntimeMs: null,
    notBeforeMs: 0,
    stop: new AbortController().signal,
  };
}

/** As `prune --archive` does it, with faults. */
async function prune(url: string, archive: string, faults: Faults): Promise<Applied | null> {
  const {source, store, facts} = await openReading(url);
  const reading = failingStore(store, faults);
  const ground = new TransactionalGround(source, reading, facts);
  const prepared = await preparePrune(reading, ground, {
    cutoffMicros: Date.now() * 1000 - 3_600_000_000,
    selection: {filter: null, trafficOnly: false, keepErrors: false, keepLast: null},
    words: 'all',
    orphans: false,
    patience: PATIENCE,
    archive,
    settleMs: 0,
    plansOnly: false,
  }).catch(async error => {
    await store.close();
    throw error;
  });
  const header = archiveHeader(store, prepared, {writtenBy: 'test', nowMicros: 0});
  const changes = failingChanges(await openAlone(source, store, 0), faults);
  await store.close();
  try {
    if (prepared.candidates.length === 0) return null;
    const writer = await ArchiveWriter.open(archive, header, failingDisk(faults));
    const applied = await applyPrune(changes, prepared.candidates, asked(prepared, ground, writer));
    if (applied.failure) writer.leave();
    else writer.finish({cutoff: '', finishedAt: ''});
    return applied;
  } finally {
    await changes.close();
  }
}

/** Databases with the same rows, one after the other. */
async function copies(place: Place): Promise<{rows: Map<string, string>; next: () => Promise<string>}> {
  const base = await openAt(place);
  const rows = await rowsById(base);
  if (place !== 'postgres') {
    const folder = temporaryFolder();
    let made = 0;
    return {
      rows,
      next: async () => {
        const file = path.join(folder, `copy-${++made}.db`);
        copyFileSync(base, file);
        return file;
      },
    };
  }
  await execute(base, 'create table first_traces as table agno_traces; create table first_spans as table agno_spans');
  const reset = `truncate agno_traces, agno_spans;
    insert into agno_traces table first_traces; insert into agno_spans table first_spans`;
  return {
    rows,
    next: async () => {
      await execute(base, reset);
      await settled();
      return base;
    },
  };
}

/** Rows that remain and rows that are archived, together: exactly what there was. */
async function together(url: string, archives: readonly string[]): Promise<Map<string, string>> {
  const all = await rowsById(url);
  for (const file of archives) {
    for (const name of [file, partialOf(file)]) {
      if (!existsSync(name)) continue;
      for (const [id, line] of await archivedById(name)) all.set(id, line);
    }
  }
  return all;
}

/** What failed of a prune or a restore. */
const failureOf = (outcome: Promise<{readonly failure?: unknown} | null>) =>
  outcome.then(
    done => done?.failure ?? null,
    (error: unknown) => error,
  );

const TRANSACTION = ['begin', 'commit', 'committed', 'give way'];
const ARCHIVES = ['reopen', 'create', 'write', 'sync', 'truncate', 'rename'];
/** Besides the reads with which it makes its plan, of which there are more. */
const DELETES = ['read select t.trace_id,', 'read select s.trace_id,', 'exact delete from'];
const LOOKS = [
  'look select t.created_at',
  'look select t.trace_id,',
  'look select s.trace_id,',
  'look select count(*)',
];
const INSERTS = ['send insert into', 'read before select trace_id'];

describe.each(PLACES)('one failure on %s', place => {
  const onPostgres = (...names: string[]) => (place === 'postgres' ? names : []);

  it('of any statement, commit, write or sync of prune --archive loses nothing, and a second run finishes', async () => {
    const {rows, next} = await copies(place);
    const whole = new Faults();
    expect(await prune(await next(), path.join(temporaryFolder(), 'a.ndjson'), whole)).toMatchObject({failure: null});
    let opened = 0;
    await sweep<{url: string; archives: string[]}>(whole, {
      meets: [...TRANSACTION, ...ARCHIVES, ...DELETES, ...LOOKS, ...onPostgres('read before select (select')],
      open: async () => {
        const name = opened++ % 2 === 0 ? 'a.ndjson' : 'a.ndjson.gz';
        return {url: await next(), archives: [path.join(temporaryFolder(), name)]};
      },
      run: ({url, archives}, faults) => {
        const last = archives.at(-1)!;
        // It has its name, and is whole.
        if (existsSync(last)) archives.push(path.join(temporaryFolder(), 'second.ndjson'));
        return failureOf(prune(url, archives.at(-1)!, faults));
      },
      expectWhole: async ({url, archives}, call) => {
        expect(await together(url, archives), call).toEqual(rows);
        expect(await soundness(url), call).toEqual([]);
      },
      expectDone: async ({url, archives}, call) => {
        expect(await idsOf(url), call).toEqual([]);
        expect(await together(url, archives), call).toEqual(rows);
      },
    });
  }, 600_000);

  it('of any statement or commit of archive restore leaves whole transactions, and a second run finishes', async () => {
    const {rows, next} = await copies(place);
    const source = await next();
    const archive = path.join(temporaryFolder(), 'a.ndjson.gz');
    await prune(source, archive, new Faults());
    const {header} = await openArchive(archive);
    const restoreInto = async (url: string, faults: Faults) => {
      const reading = await openReading(url);
      const target = await targetOf(reading.store, reading.facts, header);
      const changes = failingChanges(await openAlone(reading.source, reading.store, 0), faults);
      await reading.store.close();
      await restore(changes, archive, {target, stop: new AbortController().signal}).finally(() => changes.close());
      return null;
    };
    const whole = new Faults();
    await restoreInto(source, whole);
    expect(await rowsById(source)).toEqual(rows);
    await sweep<string>(whole, {
      meets: [...TRANSACTION, ...INSERTS, ...onPostgres('send savepoint rows', 'send release savepoint')],
      open: async () => {
        const url = await next();
        await execute(url, 'delete from agno_spans; delete from agno_traces');
        return url;
      },
      run: (url, faults) => failureOf(restoreInto(url, faults)),
      expectWhole: async (url, call) => expect(await soundness(url), call).toEqual([]),
      expectDone: async (url, call) => expect(await rowsById(url), call).toEqual(rows),
    });
  }, 600_000);
});

/** Lets the server end every connection of ours when so many transactions are ready to be committed. */
async function cutting(changes: Changes, url: string, at: number): Promise<Changes> {
  const killer = new pg.Client({connectionString: inject('postgresUrl')});
  await killer.connect();
  let ready = 0;
  return Object.create(changes, {
    transaction: {
      value: async (...[limits, work]: Parameters<Changes['transaction']>) =>
        changes.transaction(limits, async transaction => {
          const done = await work(transaction);
          if (++ready === at) {
            await killer.query(
              `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'agno-trace' and datname = '${url.split('/').at(-1)}'`,
            );
            await killer.end();
          }
          return done;
        }),
    },
  });
}

describe('a connection that is cut in the middle of a batch', () => {
  it('loses nothing, and a second run finishes', async () => {
    const {rows, next} = await copies('postgres');
    const url = await next();
    const archive = path.join(temporaryFolder(), 'a.ndjson');
    const {source, store, facts} = await openReading(url);
    const ground = new TransactionalGround(source, store, facts);
    const prepared = await preparePrune(store, ground, {
      cutoffMicros: Date.now() * 1000 - 3_600_000_000,
      selection: {filter: null, trafficOnly: false, keepErrors: false, keepLast: null},
      words: 'all',
      orphans: false,
      patience: PATIENCE,
      archive,
      settleMs: 0,
      plansOnly: false,
    });
    const writer = await ArchiveWriter.open(archive, archiveHeader(store, prepared, {writtenBy: 'test', nowMicros: 0}));
    const changes = await openAlone(source, store, 0);
    await store.close();
    const applied = await applyPrune(
      await cutting(changes, url, 2),
      prepared.candidates,
      asked(prepared, ground, writer),
    );
    expect(applied.stoppedBy).toBe('failure');
    expect(applied.failure).toMatchObject({exitCode: EXIT.unreachable});
    writer.leave();
    await changes.close();
    expect(await together(url, [archive])).toEqual(rows);
    await prune(url, archive, new Faults());
    expect(await idsOf(url)).toEqual([]);
    expect(await together(url, [archive])).toEqual(rows);
  });

  it('leaves whole transactions of a restore, and a second run finishes', async () => {
    const {rows, next} = await copies('postgres');
    const url = await next();
    const archive = path.join(temporaryFolder(), 'a.ndjson');
    await prune(url, archive, new Faults());
    const {header} = await openArchive(archive);
    const {source, store, facts} = await openReading(url);
    const target = await targetOf(store, facts, header);
    const changes = await openAlone(source, store, 0);
    await store.close();
    const stop = new AbortController().signal;
    const failure = await restore(await cutting(changes, url, 2), archive, {target, stop}).catch(
      (error: unknown) => error,
    );
    expect(failure).toMatchObject({exitCode: EXIT.unreachable});
    await changes.close();
    const left = await rowsById(url);
    expect(left.size).toBeGreaterThan(0);
    expect(left.size).toBeLessThan(rows.size);
    expect(await soundness(url)).toEqual([]);
    expect((await cli(['archive', 'restore', archive, '--db', url, '--yes'])).code).toBe(0);
    expect(await rowsById(url)).toEqual(rows);
  });
});

const disk = smallDisk();

describe.skipIf(disk === null)('a full disk', () => {
  const ALL = ['--older-than', '1h', '--yes', '--expect-max', '1000', '--settle', '0s', '--force', '--quiet'];

  it('under the archive stops it with nothing lost, and with room the same command finishes', async () => {
    const url = await openAt('sqlite wal');
    const rows = await rowsById(url);
    const archive = path.join(disk!.folder, 'a.ndjson');
    disk!.fill(300_000);
    const argv = ['prune', '--db', url, ...ALL, '--archive', archive];
    expect(await cli(argv)).toMatchObject({code: 1, err: expect.stringContaining('the disk is full')});
    expect(await together(url, [archive])).toEqual(rows);
    disk!.empty();
    expect((await cli(argv)).code).toBe(0);
    expect(await archivedById(archive)).toEqual(rows);
    rmSync(archive);
  });

  it('under the database deletes nothing of the batch, and says what to do', async () => {
    const file = path.join(disk!.folder, 'f.db');
    copyFileSync(await openAt('sqlite rollback'), file);
    const rows = await rowsById(file);
    disk!.fill(0);
    expect(await cli(['prune', '--db', file, ...ALL])).toMatchObject({
      code: 4,
      err: expect.stringContaining('is full'),
    });
    expect(await rowsById(file)).toEqual(rows);
    disk!.empty();
    expect((await cli(['prune', '--db', file, ...ALL])).code).toBe(0);
    expect(await idsOf(file)).toEqual([]);
    expect(await soundness(file)).toEqual([]);
  });

  it('under the database stops a restore with whole transactions, and with room it finishes', async () => {
    // In the place of the other: there is no room for two, and a database that was open here keeps its own.
    const file = path.join(disk!.folder, 'f.db');
    copyFileSync(await openAt('sqlite rollback'), file);
    const rows = await rowsById(file);
    const archive = path.join(temporaryFolder(), 'a.ndjson.gz');
    expect((await cli(['prune', '--db', file, ...ALL, '--archive', archive])).code).toBe(0);
    disk!.fill(0);
    const argv = ['archive', 'restore', archive, '--db', file, '--yes'];
    expect(await cli(argv)).toMatchObject({code: 4, err: expect.stringContaining('is full')});
    expect(await soundness(file)).toEqual([]);
    disk!.empty();
    expect((await cli(argv)).code).toBe(0);
    expect(await rowsById(file)).toEqual(rows);
  });
});
