import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {GOES_ON, watched} from '../../src/store/sqlite/watched.ts';

const TABLES = new Set(['"agno_spans"', '"agno_traces"']);
const ask = (name: string) => `(random() & 63 or ${GOES_ON}(${name}.rowid))`;
/** One blank for many. */
const made = (text: string) => watched(text, TABLES).replaceAll(/\s+/g, ' ').trim();

describe('a statement that is watched', () => {
  it.each([
    ['select 1', 'select 1'],
    [
      'select \'"agno_spans" s where\' from other o where o.a = 1',
      'select \'"agno_spans" s where\' from other o where o.a = 1',
    ],
    ['select * from "agno_spans"', `select * from "agno_spans" where ${ask('"agno_spans"')}`],
    ['select * from "agno_spans" limit 1', `select * from "agno_spans" where ${ask('"agno_spans"')} limit 1`],
    [
      'select s.a from "agno_spans" s where s.a = 1 or s.b = 2 order by s.a limit 1',
      `select s.a from "agno_spans" s where ${ask('s')} and ( s.a = 1 or s.b = 2 ) order by s.a limit 1`,
    ],
    [
      'select (select max(s.a) from "agno_spans" s where s.b = t.b) from "agno_traces" as t group by 1',
      `select (select max(s.a) from "agno_spans" s where ${ask('s')} and ( s.b = t.b) ) from "agno_traces" as t where ${ask('t')} group by 1`,
    ],
    [
      'select 1 from "agno_spans" s left join "agno_traces" t on t.a = s.a where s.b union all select 2 from "agno_traces" t where t.b',
      `select 1 from "agno_spans" s left join "agno_traces" t on t.a = s.a where ${ask('s')} and ${ask('t')} and ( s.b ) union all select 2 from "agno_traces" t where ${ask('t')} and ( t.b)`,
    ],
    [
      'with n as (select 1 from "agno_spans" s) select sum(a) filter (where a > 1) over (order by a) from n where n.a in (select 1)',
      `with n as (select 1 from "agno_spans" s where ${ask('s')} ) select sum(a) filter (where a > 1) over (order by a) from n where n.a in (select 1)`,
    ],
  ])('%s', (text, expected) => {
    expect(made(text)).toBe(expected);
  });

  it('asks before anything else is asked of a row, and of every table', () => {
    const db = new Database(':memory:');
    db.pragma('automatic_index = off');
    db.exec(`create table "agno_spans" (a, b); create index i on agno_spans (a); create table agno_traces (a, b);
      with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) insert into agno_spans select i % 7, i from n;
      insert into agno_traces select * from agno_spans limit 100`);
    let asked = 0;
    db.function(GOES_ON, {varargs: true}, () => {
      asked++;
      return 1;
    });
    for (const text of [
      'select count(*) from "agno_spans" s where s.b < 0',
      'select s.rowid from "agno_spans" s where s.a between 0 and 7 and s.a + 1 < 0 order by s.a desc',
      'select 1 from "agno_traces" t where exists (select 1 from "agno_spans" s where s.b = -t.b)',
    ]) {
      asked = 0;
      expect(db.prepare(watched(text, TABLES)).all()).toEqual(db.prepare(text).all());
      expect(asked, text).toBeGreaterThan(100);
    }
    db.close();
  });
});
