import {fork} from 'node:child_process';
import {copyFileSync, renameSync, rmSync} from 'node:fs';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {SYSTEM_CLOCK} from '../../src/follow/clock.ts';
import {following, id, isIdle, isState, newTable} from './followed.ts';

const CLOCK = {clock: SYSTEM_CLOCK, pollMs: 20};
const NOW = {from: 'now'} as const;

async function withSpans(count: number) {
  const table = await newTable('sqlite');
  await table.create();
  for (let n = 1; n <= count; n++) await table.insert('a', id(n));
  return table;
}

describe('a SQLite file that is followed', () => {
  it('moved away and back: what was written meanwhile is told', async () => {
    const table = await withSpans(3);
    const told = following(table.url, NOW, CLOCK);
    await told.until(isIdle);
    renameSync(table.url, `${table.url}.away`);
    await told.until(isState('waiting'));
    const db = new Database(`${table.url}.away`);
    db.exec(`insert into agno_spans select '${id(4)}', trace_id, null, name, span_kind, status_code, null, start_time, end_time,
      duration_ms, attributes, created_at from agno_spans limit 1`);
    db.close();
    renameSync(`${table.url}.away`, table.url);
    await told.until(isState('live'));
    await told.until(isIdle);
    expect(told.seen).toEqual([id(4)]);
  });

  it('replaced by an older copy of itself: rows that come after it are told, old ones are not', async () => {
    const table = await withSpans(3);
    const backup = `${table.url}.backup`;
    copyFileSync(table.url, backup);
    const told = following(table.url, NOW, CLOCK);
    await told.until(isIdle);
    await table.insert('a', id(4));
    await told.until(() => told.seen.length === 1);
    renameSync(backup, table.url);
    await told.until(event => event.type === 'notice');
    await told.until(isIdle);
    const db = new Database(table.url);
    db.exec(`insert into agno_spans select '${id(5)}', trace_id, null, name, span_kind, status_code, null, start_time, end_time,
      duration_ms, attributes, created_at from agno_spans limit 1`);
    db.close();
    await told.until(() => told.seen.length === 2);
    await told.until(isIdle);
    expect(told.seen).toEqual([id(4), id(5)]);
    expect(told.said).toContain('the file was replaced; following the new one.');
  });

  it('replaced by a new database: all of it is told', async () => {
    const table = await withSpans(3);
    const other = await withSpans(0);
    await other.insert('b', id(11));
    await other.insert('b', id(12));
    const told = following(table.url, NOW, CLOCK);
    await told.until(isIdle);
    renameSync(other.url, table.url);
    await told.until(() => told.seen.length === 2);
    await told.until(isIdle);
    expect(told.seen).toEqual([id(11), id(12)]);
  });

  it('removed and made anew by the application: it is waited for', async () => {
    const table = await withSpans(3);
    const told = following(table.url, NOW, CLOCK);
    await told.until(isIdle);
    rmSync(table.url);
    await told.until(isState('waiting'));
    await table.create();
    await table.insert('b', id(21));
    await told.until(() => told.seen.length === 1);
    expect(told.seen).toEqual([id(21)]);
  });

  it('switched to WAL by an upgraded application: followed through', async () => {
    const table = await withSpans(3);
    const told = following(table.url, NOW, CLOCK);
    await told.until(isIdle);
    const db = new Database(table.url);
    for (const [n, mode] of [
      [4, 'wal'],
      [5, 'wal'],
    ] as const) {
      // A reader in between its looks holds nothing, so the switch goes through.
      expect(db.pragma(`journal_mode = ${mode}`, {simple: true})).toBe(mode);
      db.exec(`insert into agno_spans select '${id(n)}', trace_id, null, name, span_kind, status_code, null, start_time, end_time,
        duration_ms, attributes, created_at from agno_spans limit 1`);
      await told.until(() => told.seen.includes(id(n)));
      await told.until(isIdle);
    }
    db.close();
    expect(told.seen).toEqual([id(4), id(5)]);
  });

  it('more of the newest rows deleted than are remembered: nothing is missed, old rows stay old', async () => {
    const table = await withSpans(0);
    const db = new Database(table.url);
    db.pragma('foreign_keys = off');
    const insert = (from: number, to: number, created: string) => {
      const statement = db.prepare(
        `insert into agno_spans values (?, 'a', null, 'x', 'INTERNAL', 'OK', null, ?, ?, 1, '{}', ?)`,
      );
      db.transaction(() => {
        for (let n = from; n <= to; n++) statement.run(id(n), created, created, created);
      })();
    };
    insert(1, 5000, '2020-01-01T00:00:00+00:00');
    const told = following(table.url, NOW, CLOCK);
    await told.until(isIdle);
    db.exec('delete from agno_spans where rowid > 3333');
    insert(6001, 6003, new Date().toISOString().replace('Z', '000+00:00'));
    await told.until(() => told.seen.length >= 3);
    await told.until(isIdle);
    expect(told.seen).toEqual([id(6001), id(6002), id(6003)]);
    db.close();
  });

  it.each(['delete', 'wal'])(
    'a writer with the busy timeout of Agno loses nothing while it is followed (%s)',
    async mode => {
      const table = await withSpans(1);
      const child = fork(new URL('./writer.js', import.meta.url), [table.url, mode, '100']);
      const done = new Promise<{written: string[]; lost: number}>((resolve, reject) => {
        child.once('message', message => resolve(message as {written: string[]; lost: number}));
        child.once('error', reject);
      });
      const told = following(table.url, NOW, {clock: SYSTEM_CLOCK, pollMs: 5});
      await told.until(isIdle);
      child.send('go');
      let isOver = false;
      void done.finally(() => {
        isOver = true;
      });
      await told.until(() => isOver);
      const {written, lost} = await done;
      expect(lost).toBe(0);
      await told.until(() => told.seen.length >= written.length);
      await told.until(isIdle);
      expect(told.seen.sort()).toEqual(written);
    },
  );
});
