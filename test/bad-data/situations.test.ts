import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {cli} from '../cli.ts';
import {BACKENDS, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {wrongWith} from './answers.ts';
import {type Filling, fillPostgres, sqliteWith} from './filling.ts';
import {BAD, GOOD, OTHER, rows, run} from './rows.ts';

describe('databases that are no bad rows but bad situations', () => {
  it('D13 the same session in two databases: each answers for its own', async () => {
    const folder = temporaryFolder();
    const here = sqliteWith({rows: run({ids: {...BAD, session: 'shared'}})}, folder);
    const there = sqliteWith({rows: run({ids: {...OTHER, session: 'shared'}})}, folder);
    for (const [file, own, foreign] of [
      [here, BAD.run, OTHER.run],
      [there, OTHER.run, BAD.run],
    ] as const) {
      const {code, out} = await cli(['show', 'shared', '--db', file]);
      expect(code).toBe(0);
      expect(out).toContain(own);
      expect(out).not.toContain(foreign);
    }
  });

  it.each(BACKENDS)('D16 a run that was deleted between list and show is not found any more, in %s', async backend => {
    const bad: Filling = {rows: rows(run({ids: GOOD}), run())};
    let [db, remove] = ['', async (_: string): Promise<unknown> => undefined];
    if (backend === 'sqlite') {
      db = sqliteWith(bad, temporaryFolder());
      remove = async statement => {
        const file = new Database(db);
        file.exec(statement.replaceAll('ai.', ''));
        file.close();
      };
    } else {
      const {url, client} = await newPostgresDatabase();
      await fillPostgres(client, bad);
      [db, remove] = [url, statement => client.query(statement)];
    }
    const before = await cli(['list', '--db', db]);
    expect(before.out).toContain(BAD.run);
    await remove(`delete from ai.agno_spans where trace_id = '${BAD.trace}'`);
    await remove(`delete from ai.agno_traces where trace_id = '${BAD.trace}'`);
    for (const argv of [
      ['show', BAD.run],
      ['show', BAD.trace],
      ['show', BAD.run.slice(0, 8)],
      ['show', BAD.root, '--json'],
      ['show', BAD.session],
    ]) {
      const result = await cli([...argv, '--db', db]);
      expect(wrongWith(argv, result, [3], null)).toEqual([]);
      expect(result.err).toContain('hint');
    }
    expect((await cli(['list', '--db', db])).out).toContain(GOOD.run);
  });

  it.each(BACKENDS)('D17 tables without a row have no run, and that is no error, in %s', async backend => {
    let db = '';
    if (backend === 'sqlite') {
      db = path.join(temporaryFolder(), 'empty.db');
      const file = new Database(db);
      for (const statement of agnoTables('sqlite', '')) file.exec(statement);
      file.close();
    } else {
      const {url, client} = await newPostgresDatabase();
      for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
      db = url;
    }
    for (const argv of [['list'], ['list', '--traffic'], ['list', '--session', 'x'], ['list', '--state', 'running']]) {
      const result = await cli([...argv, '--db', db]);
      expect(result).toMatchObject({code: 0, out: ''});
      expect(result.err).toContain('no run matches');
    }
    const {code, out} = await cli(['list', '--json', '--db', db]);
    expect({code, ...JSON.parse(out)}).toMatchObject({code: 0, data: [], page: {next: null}});
    expect((await cli(['slowest', '--db', db])).code).toBe(0);
    expect(JSON.parse((await cli(['slowest', '--json', '--db', db])).out).data).toEqual([]);
    for (const id of ['latest', 'abcd', BAD.run]) expect((await cli(['show', id, '--db', db])).code).toBe(3);
  });
});
