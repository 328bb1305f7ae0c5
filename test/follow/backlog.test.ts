import Database from 'better-sqlite3';
import {expect, it} from 'vitest';
import {backlogOf} from '../../src/follow/backlog.ts';
import {parseTime} from '../../src/trace/time.ts';
import {sqliteCopy} from '../fixtures.ts';
import {openTables} from './followed.ts';

it('a trace that gained a span since then is told, also one whose time of writing cannot be read', async () => {
  const file = sqliteCopy('agno-2.9.0-pictures.sqlite');
  const db = new Database(file);
  const traces = db
    .prepare('select trace_id, min(created_at) as at from agno_spans group by trace_id order by at desc')
    .all() as {trace_id: string; at: string}[];
  const [newest, old] = [traces[0]!, traces.at(-1)!];
  db.prepare("update agno_spans set created_at = 'None' where trace_id = ?").run(old.trace_id);
  db.close();
  const store = await openTables(file);
  const told = await backlogOf(store, {from: 'since', sinceMicros: parseTime(newest.at)!});
  await store.close();
  expect(told).toContain(newest.trace_id);
  expect(told).toContain(old.trace_id);
  expect(told.length).toBeLessThan(traces.length);
});
