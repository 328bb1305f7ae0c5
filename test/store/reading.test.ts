import Database from 'better-sqlite3';
import {expect, it} from 'vitest';
import {openReading} from '../../src/store/sqlite/reading.ts';
import {sqliteCopy} from '../fixtures.ts';

it.each([
  ['create view other as select 1', null],
  ['create view Agno_Spans as select 1', '"Agno_Spans" is a view'],
  ['create  view  if not exists [AGNO_SPANS] as select 1', '"AGNO_SPANS" is a view'],
  ['create view "agno_spans"(name) as select 1', '"agno_spans" is a view'],
  ['create virtual table AGNO_SPANS using fts5(name)', '"AGNO_SPANS" is a virtual table'],
  ['create table agno_spans (a, B generated always as (a + 1))', 'column "B" of "agno_spans" is computed'],
])('%s is read where it can be stopped, as names are the same in all letters: %s', async (statement, reason) => {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const db = new Database(file);
  if (reason !== null) db.exec('alter table agno_spans rename to kept');
  db.exec(statement);
  db.close();
  const tables = ['agno_traces', 'agno_spans'];
  const reading = await openReading({file, label: file, busyMs: 1000, limitMs: 30_000, tables});
  expect(reading.reason).toBe(reason);
  await reading.close();
});
