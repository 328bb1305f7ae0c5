import {existsSync, readFileSync, statSync} from 'node:fs';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {raw, sql, table} from '../../src/sql/sql.ts';
import {type Changes, openChanges} from '../../src/store/changes.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {giveWay, longestSleepMs} from '../../src/store/sqlite/give-way.ts';
import {isTimeout} from '../../src/store/timeout.ts';
import {BACKENDS, type Backend, openFixture} from '../databases.ts';

const LIMITS = {lockMs: 200, statementMs: 5000};
const CHOICE = {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'};

async function open(backend: Backend): Promise<{changes: Changes; again: () => Promise<Changes>; url: string}> {
  const url = await openFixture(backend, 'agno-3.1.10-pictures.sqlite');
  const source = parseSource(url, '--db', {}, '/');
  const store = await openStore(source, {tables: CHOICE, nowMicros: () => Date.now() * 1000, timeoutMs: 5000});
  const {tables} = store;
  await store.close();
  const again = () => openChanges(source, {tables});
  return {changes: await again(), again, url};
}

const count = async (changes: Changes): Promise<number> => {
  const [row] = await changes.all<{n: number}>(sql`select count(*) as n from ${table('spans')}`);
  return row!.n;
};

describe.each(BACKENDS)('the writing side of the store on %s', backend => {
  it('commits what a transaction did, and takes back all of one that failed', async () => {
    const {changes} = await open(backend);
    const before = await count(changes);
    const deleted = await changes.transaction(LIMITS, transaction =>
      transaction.run(sql`delete from ${table('spans')} where name = ${'agno.none'} or parent_span_id is not null`),
    );
    expect(deleted).toBeGreaterThan(0);
    expect(await count(changes)).toBe(before - deleted);
    const failing = changes.transaction(LIMITS, async transaction => {
      await transaction.run(sql`delete from ${table('spans')}`);
      throw new Error('full disk');
    });
    await expect(failing).rejects.toThrow('full disk');
    expect(await count(changes)).toBe(before - deleted);
    await changes.close();
  });

  it('goes on after a statement that the database refused', async () => {
    const {changes} = await open(backend);
    const before = await count(changes);
    const failing = changes.transaction(LIMITS, transaction => transaction.all(raw('select nothing_like_it')));
    await expect(failing).rejects.toThrow();
    expect(await count(changes)).toBe(before);
    await changes.close();
  });

  it('enforces the foreign key: a trace does not go before its spans', async () => {
    const {changes} = await open(backend);
    const failing = changes.transaction(LIMITS, transaction => transaction.run(sql`delete from ${table('traces')}`));
    await expect(failing).rejects.toThrow(/foreign key/i);
    await changes.close();
  });

  it('lets one writing command in at a time, and the next one after it', async () => {
    const {changes, again} = await open(backend);
    const other = await again();
    expect(await changes.exclude()).toBe(true);
    expect(await changes.exclude()).toBe(true);
    expect(await other.exclude()).toBe(false);
    await changes.close();
    expect(await other.exclude()).toBe(true);
    await other.close();
  });

  it('keeps others out where there are no tables yet', async () => {
    const {url} = await open(backend);
    const source = parseSource(url, '--db', {}, '/');
    const [first, second] = [await openChanges(source, {tables: {}}), await openChanges(source, {tables: {}})];
    expect([await first.exclude(), await second.exclude()]).toEqual([true, false]);
    await first.close();
    await second.close();
  });

  it('waits for a lock no longer than it may', async () => {
    const {changes, again, url} = await open(backend);
    const other = await again();
    await other.transaction(LIMITS, async transaction => {
      await transaction.run(sql`update ${table('traces')} set name = name`);
      const failure = await changes
        .transaction(LIMITS, waiting => waiting.run(sql`update ${table('traces')} set name = name`))
        .catch((error: unknown) => error);
      expect(isTimeout(failure)).toBe(true);
    });
    // Nothing of it is left behind.
    expect(
      await changes.transaction(LIMITS, waiting => waiting.run(sql`update ${table('traces')} set name = name`)),
    ).toBe(await changes.all<{n: number}>(sql`select count(*) as n from ${table('traces')}`).then(([row]) => row!.n));
    await changes.close();
    await other.close();
    if (backend === 'sqlite') expect(new Database(url).pragma('integrity_check', {simple: true})).toBe('ok');
  });

  it('runs one statement outside of any transaction', async () => {
    const {changes} = await open(backend);
    await changes.alone(raw('vacuum'), LIMITS);
    await changes.close();
  });
});

describe('a SQLite file in WAL mode', () => {
  /** Locks of this process on a file, as Linux tells. */
  const locksOn = (file: string) => {
    const inode = `:${statSync(file).ino} `;
    const lines = readFileSync('/proc/locks', 'utf8').split('\n');
    return lines.filter(text => text.includes(` ${process.pid} `) && text.includes(inode)).length;
  };

  // Without its lock the next program that ends removes the journal under us (Python's SQLite up to 3.50 does): readers see
  // no new row ever after, and commits are lost.
  it.skipIf(!existsSync('/proc/locks'))('stays locked however often it is opened and looked at', async () => {
    const {changes, url} = await open('sqlite');
    const source = parseSource(url, '--db', {}, '/');
    const openReader = () => openStore(source, {tables: CHOICE, nowMicros: () => 0, timeoutMs: 5000});
    const first = await openReader();
    expect(locksOn(url)).toBe(1);
    const second = await openReader();
    expect(locksOn(url)).toBe(1);
    await second.close();
    await changes.transaction(LIMITS, transaction => transaction.run(sql`update ${table('traces')} set name = name`));
    await changes.tidy();
    expect(locksOn(url)).toBe(1);
    await first.close();
    expect(locksOn(url)).toBe(1);
    await changes.close();
    expect(locksOn(url)).toBe(0);
  });
});

describe('giving way on SQLite', () => {
  it('lets those ask again who have slept longest since we took the lock', () => {
    // SQLite asks 1, 3, 8, 18, 33, 53, 78, 103, 128, 178, 228 ms after the first time, then every 100 ms.
    const waits = [0, 1, 2, 8, 9, 53, 54, 100, 128, 129, 178, 228, 229, 5000];
    expect(waits.map(longestSleepMs)).toEqual([1, 1, 2, 5, 10, 20, 25, 25, 25, 50, 50, 50, 100, 100]);
  });

  it('waits until who has come has done, but not for ever', async () => {
    let commits = 0;
    const busy = {
      heldMs: 10,
      freeSinceMs: performance.now(),
      // Somebody commits between any two looks.
      version: () => ++commits,
      stop: new AbortController().signal,
    };
    await giveWay(busy);
    const busyMs = performance.now() - busy.freeSinceMs;
    const quiet = {...busy, freeSinceMs: performance.now(), version: () => 0};
    await giveWay(quiet);
    expect(performance.now() - quiet.freeSinceMs).toBeGreaterThanOrEqual(longestSleepMs(10));
    expect(busyMs).toBeGreaterThanOrEqual(longestSleepMs(10) + 40);
    await giveWay({...quiet, heldMs: 60_000, freeSinceMs: performance.now(), stop: AbortSignal.abort()});
  });
});
