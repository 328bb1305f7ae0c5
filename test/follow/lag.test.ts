import {expect, it} from 'vitest';
import {PostgresReader} from '../../src/follow/postgres.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {id, newTable, openTables} from './followed.ts';

it('spans that become visible late are looked for at every look, once some have been', async () => {
  const table = await newTable('postgres');
  await table.create();
  const store = await openTables(table.url);
  let nowMs = 0;
  const clock = {nowMs: () => nowMs, sleep: async () => undefined};
  const reader = new PostgresReader();
  await reader.begin(store, 'now');
  const ago = (seconds: number) => agnoTime(store.nowMicros() - seconds * 1e6);
  const look = async () => {
    const found: string[] = [];
    for (let isMore = true; isMore; ) {
      const answer = await reader.look(store, clock);
      found.push(...answer.keys.map(key => key.spanId));
      isMore = answer.isMore;
    }
    return found;
  };
  // Every lane is due at first; afterwards the clock stands still and only the first one is.
  await table.insert('a', id(1), ago(25));
  expect(await look()).toEqual([id(1)]);
  await table.insert('a', id(2), ago(35));
  expect(await look()).toEqual([id(2)]);
  await table.insert('a', id(3), ago(200));
  expect(await look()).toEqual([]);
  nowMs = 60_000;
  expect(await look()).toEqual([id(3)]);
  await store.close();
});
