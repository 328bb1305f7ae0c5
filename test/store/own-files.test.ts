import {execFileSync} from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';

/*
 * What another user, or a stranger's archive of files, may have put where files of ours go: it is never used, never written
 * through, and never waited for.
 */

/** Things in the way, each at the path that it is given. */
const IN_THE_WAY: Readonly<Record<string, (file: string) => void>> = {
  'a link to a database': file => symlinkSync(sqliteCopy('agno-2.9.0-shop.sqlite'), file),
  'a link to a device': file => symlinkSync('/dev/full', file),
  'a pipe that nobody writes': file => execFileSync('mkfifo', [file]),
  'a file that others may write': file => {
    writeFileSync(file, '');
    chmodSync(file, 0o666);
  },
  'a file with a second name': file => {
    writeFileSync(`${file}.other`, '', {mode: 0o600});
    linkSync(`${file}.other`, file);
  },
  'a folder': file => mkdirSync(file),
};
const PRUNE = ['--older-than', '1h', '--yes', '--expect-max', '1000', '--settle', '0s', '--force'];

/** What stands at a path, to see that nothing of it has changed. */
function look(file: string): unknown {
  const stat = lstatSync(file);
  const target = stat.isSymbolicLink() && statSync(file).isFile() ? readFileSync(file).toString('latin1') : null;
  return [stat.mode, stat.ino, stat.size, target];
}

describe('what is in the way', () => {
  it.each(Object.entries(IN_THE_WAY))('%s: facts are made in memory, and it stays what it is', async (_, put) => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const file = (await cli(['facts', 'path', '--db', db], {env})).out.trim();
    for (const suffix of ['', '-wal', '-journal']) {
      const place = file + suffix;
      put(place);
      const before = look(place);
      const {code, out, err} = await cli(['tools', '--db', db], {env});
      expect([suffix, code, err]).toEqual([
        suffix,
        0,
        expect.stringContaining('facts are computed in memory for this question: their file cannot be used'),
      ]);
      expect(out).not.toBe('');
      expect(look(place)).toEqual(before);
      execFileSync('rm', ['-rf', place, `${place}.other`]);
    }
    const status = await cli(['facts', 'status', '--db', db], {env});
    expect(status.code).toBe(0);
  });

  it('a database with tables of others is not taken for facts of another version', async () => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const file = (await cli(['facts', 'path', '--db', db], {env})).out.trim();
    const other = new Database(file);
    other.exec('create table precious (x); insert into precious values (1)');
    other.close();
    chmodSync(file, 0o600);
    const {err} = await cli(['tools', '--db', db], {env});
    expect(err).toContain('it has tables that agno-trace may not have made');
    expect(new Database(file).prepare('select x from precious').pluck().all()).toEqual([1]);
    expect((await cli(['facts', 'status', '--db', db], {env})).code).toBe(EXIT.unreachable);
    expect((await cli(['facts', 'rebuild', '--db', db], {env})).code).toBe(0);
  });

  it('a folder for facts that others may write, or that cannot be made, is not used', async () => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const open = temporaryFolder();
    chmodSync(open, 0o1777);
    const file = path.join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    for (const env of [
      {AGNO_TRACE_CACHE: open},
      {XDG_CACHE_HOME: file},
      {XDG_CACHE_HOME: `/${'x'.repeat(5000)}`},
      {XDG_CACHE_HOME: '/dev/null'},
      {XDG_CACHE_HOME: '/proc/1'},
    ]) {
      const {code, err} = await cli(['tools', '--db', db], {env});
      expect([code, err]).toEqual([0, expect.stringContaining('facts are computed in memory for this question')]);
    }
    expect(readdirSync(open)).toEqual([]);
  });

  it.each(Object.entries(IN_THE_WAY))('%s: an archive is not gone on with there', async (_, put) => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const archive = path.join(temporaryFolder(), 'a.ndjson');
    put(`${archive}.partial`);
    const before = look(`${archive}.partial`);
    const {code, err} = await cli(['prune', '--db', db, ...PRUNE, '--archive', archive]);
    expect([code, err]).toEqual([EXIT.usage, expect.stringContaining('is in the way and cannot be resumed')]);
    expect([look(`${archive}.partial`), existsSync(archive)]).toEqual([before, false]);
  });

  it('pipes and devices are no input: each is refused in one line, and not waited for', async () => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const pipe = path.join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [pipe]);
    const journal = `${sqliteCopy('agno-3.1.10-shop.sqlite')}-journal`;
    execFileSync('mkfifo', [journal]);
    for (const [argv, env] of [
      [['list', '--db', pipe], {}],
      [['list', '--db', journal.replace(/-journal$/, '')], {}],
      [['list', '--db', `archive:${pipe}`], {}],
      [['archive', 'verify', pipe], {}],
      [['archive', 'restore', '/dev/zero', '--db', db, '--yes'], {}],
      [['tail', '--db', db, '--cursor-file', pipe, '--for', '1s'], {}],
      [['list', '--db', db, '--prices', '/dev/zero'], {}],
      [['list', '--dotenv', pipe], {}],
      [['list', '--profile', 'a'], {AGNO_TRACE_CONFIG: pipe}],
      [['sql', '--file', pipe, '--db', db], {}],
      [['demo', '--path', pipe], {}],
    ] as const) {
      const {code, err, out} = await cli(argv, {env});
      expect([argv.join(' '), code === EXIT.done, out]).toEqual([argv.join(' '), false, '']);
      expect(err).toMatch(/^error: [^\n]*\nhint: [^\n]*\n$/);
      expect(err).not.toContain('bug in agno-trace');
    }
  });
});
