import {describe, expect, it} from 'vitest';
import {BACKENDS} from '../databases.ts';
import {following, id, isIdle, isState, newTable} from './followed.ts';

describe.each(BACKENDS)('following on %s', backend => {
  it('tells spans once, from now on, as they are committed', async () => {
    const table = await newTable(backend);
    await table.create();
    await table.insert('a', id(1));
    const told = following(table.url, {from: 'now'});
    await told.until(isIdle);
    expect(told.seen).toEqual([]);
    await table.insert('a', id(2));
    await table.insert('b', id(3), '2020-01-01T00:00:00+00:00');
    await told.until(() => told.seen.length === 2);
    await told.until(isIdle);
    expect(told.seen.sort()).toEqual([id(2), id(3)]);
  });

  it('waits for tables that are not there yet, and then tells all of them', async () => {
    const table = await newTable(backend);
    const told = following(table.url, {from: 'now'});
    await told.until(isState('waiting'));
    await table.create();
    await table.insert('a', id(1));
    await told.until(() => told.seen.length === 1);
    expect(told.said).toContain('live');
  });

  it('tells a backlog in whole traces, and nothing twice at the seam', async () => {
    const table = await newTable(backend);
    await table.create();
    await table.insert('a', id(1), '2020-01-01T00:00:00+00:00');
    await table.insert('a', id(2));
    await table.insert('b', id(3), '2020-01-01T00:00:00+00:00');
    const told = following(table.url, {from: 'since', sinceMicros: (Date.now() - 60_000) * 1000});
    await told.until(isIdle);
    expect(told.seen).toEqual([id(1), id(2)]);
    await table.insert('b', id(4));
    await told.until(() => told.seen.length === 3);
    await told.until(isIdle);
    expect(told.seen).toEqual([id(1), id(2), id(4)]);
  });
});
