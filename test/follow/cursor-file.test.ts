import {readdirSync, readFileSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {CursorFile} from '../../src/follow/cursor-file.ts';
import type {Cursor} from '../../src/follow/start.ts';
import {BACKENDS, temporaryFolder} from '../databases.ts';
import {following, id, isIdle, newTable} from './followed.ts';

function fileIn(folder: string) {
  const file = path.join(folder, 'tail.cursor');
  return {file, cursorFile: new CursorFile(file)};
}

describe.each(BACKENDS)('a cursor file of %s', backend => {
  async function saved() {
    const table = await newTable(backend);
    await table.create();
    await table.insert('a', id(1));
    const told = following(table.url, {from: 'now'});
    await told.until(isIdle);
    await table.insert('a', id(2));
    const event = await told.until(() => told.seen.length === 1);
    const {file, cursorFile} = fileIn(temporaryFolder());
    if (event.type !== 'delivery') throw new Error('no poll');
    cursorFile.save(event.cursor!());
    return {table, file, cursorFile};
  }

  it('is where the next run goes on: what was told is not told again, what came meanwhile is', async () => {
    const {table, cursorFile, file} = await saved();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await table.insert('a', id(3), '2020-01-01T00:00:00+00:00');
    await table.insert('a', id(4));
    const told = following(table.url, {from: 'cursor', cursor: cursorFile.load()!});
    await told.until(() => told.seen.length === 2);
    for (let n = 0; n < 3; n++) await told.until(isIdle);
    expect(told.seen.sort()).toEqual([id(3), id(4)]);
  });

  it('of another database is refused', async () => {
    const {cursorFile} = await saved();
    for (const other of BACKENDS) {
      const table = await newTable(other);
      await table.create();
      await table.insert('a', id(1001));
      const told = following(table.url, {from: 'cursor', cursor: cursorFile.load()!});
      await expect(told.until(isIdle)).rejects.toMatchObject({
        exitCode: EXIT.usage,
        message: expect.stringContaining('is another database'),
      });
    }
  });

  it('goes on in the middle of a backlog', async () => {
    const table = await newTable(backend);
    await table.create();
    for (let n = 1; n <= 60; n++) await table.insert(`trace ${n}`, id(n));
    const start = {from: 'since', sinceMicros: (Date.now() - 60_000) * 1000} as const;
    const told = following(table.url, start);
    const event = await told.until(({type}) => type === 'delivery');
    if (event.type !== 'delivery') throw new Error('no poll');
    const rest = following(table.url, {from: 'cursor', cursor: JSON.parse(JSON.stringify(event.cursor!()))});
    await rest.until(isIdle);
    expect([told.seen.length, rest.seen.length]).toEqual([50, 10]);
    expect([...told.seen, ...rest.seen].sort()).toEqual(Array.from({length: 60}, (_, n) => id(n + 1)));
  });
});

describe('a cursor file', () => {
  const cursor: Cursor = {
    source: '/tmp/agno.db',
    position: {dialect: 'sqlite', anchors: [[1, id(1)]], exactFrom: 0, ahead: [], atMicros: 5},
    backlog: ['a'],
    atMicros: 5,
  };

  it('that is not there yet is no error', () => {
    expect(fileIn(temporaryFolder()).cursorFile.load()).toBeNull();
  });

  it('comes back as it was saved, replaces the old one as a whole and leaves nothing beside it', () => {
    const folder = temporaryFolder();
    const {file, cursorFile} = fileIn(folder);
    for (const backlog of [['a', 'b'], ['b'], []]) {
      cursorFile.save({...cursor, backlog});
      expect(cursorFile.load()).toEqual({...cursor, backlog});
    }
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
  });

  it('that is a link stays one', () => {
    const folder = temporaryFolder();
    const {cursorFile, file} = fileIn(folder);
    const link = path.join(folder, 'link');
    cursorFile.save(cursor);
    symlinkSync(file, link);
    new CursorFile(link).save({...cursor, backlog: ['z']});
    expect(cursorFile.load()?.backlog).toEqual(['z']);
  });

  it.each([
    ['nothing', ''],
    ['half of one', JSON.stringify({schema: 'agno-trace/cursor/1', ...cursor}).slice(0, 80)],
    ['another document', '{"name": "agno-trace"}'],
    ['a newer one', JSON.stringify({schema: 'agno-trace/cursor/2', ...cursor})],
    ['a number where a list belongs', JSON.stringify({schema: 'agno-trace/cursor/1', ...cursor, backlog: 5})],
    ['a list of more than texts', JSON.stringify({schema: 'agno-trace/cursor/1', ...cursor, backlog: ['a', 5]})],
    [
      'a list of more than ids',
      JSON.stringify({schema: 'agno-trace/cursor/1', ...cursor, position: {...cursor.position, ahead: [null]}}),
    ],
    [
      'no list of rows',
      JSON.stringify({schema: 'agno-trace/cursor/1', ...cursor, position: {...cursor.position, anchors: [5]}}),
    ],
  ])('that holds %s is refused in one line, and left as it is', (_, text) => {
    const {file, cursorFile} = fileIn(temporaryFolder());
    writeFileSync(file, text);
    expect(() => cursorFile.load()).toThrow(`"${file}" is not a cursor file, or is damaged.`);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('that cannot be written is said with its reason', () => {
    const {cursorFile} = fileIn(path.join(temporaryFolder(), 'missing'));
    expect(() => cursorFile.save(cursor)).toThrow(/cannot be written: there is no such file or folder/);
  });
});
