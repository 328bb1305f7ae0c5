import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {isRunning, statOf} from '../processes.ts';
import {BIN} from '../program.ts';

/*
 * The built program, ended by signals in the middle of something: nothing of ours is left, neither files nor processes.
 */

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;
const HAS_PROC = existsSync('/proc/self/stat');
const IS_ROOT = process.getuid?.() === 0;
const NOBODY = {uid: 65_534, gid: 65_534};
/** Root may read everything: then another user is needed, who can read the program. */
const CAN_BE_ORDINARY = !IS_ROOT || spawnSync(process.execPath, [BIN, '--version'], NOBODY).status === 0;
const ENDLESS = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n';

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name));
  return pids.filter(pid => statOf(pid)?.parent === parent).map(Number);
}

/** A temporary folder of its own for the program. */
function place(): {temporary: string; copies: () => string[]} {
  const temporary = temporaryFolder();
  chmodSync(temporary, 0o777);
  return {temporary, copies: () => readdirSync(temporary).filter(name => !/^agno-trace-\d+$/.test(name))};
}

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>;
}

function start(argv: readonly string[], env: NodeJS.ProcessEnv, as: object = {}): Started {
  const child = spawn(process.execPath, [BIN, ...argv], {
    cwd: '/',
    env: {PATH: process.env.PATH, ...env},
    stdio: 'ignore',
    ...as,
  });
  const ended = new Promise<number | string | null>(resolve =>
    child.once('exit', (code, signal) => resolve(code ?? signal)),
  );
  return {child, pid: child.pid!, ended};
}

/** What a shell says of the end of a process. */
const asCode = (end: number | string | null) => SIGNALS.find(([signal]) => signal === end)?.[1] ?? end;

describe.skipIf(!HAS_PROC).each(SIGNALS)('%s', (signal, code) => {
  it('an unpacked archive, and the process that works on it, are gone', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const archive = path.join(temporaryFolder(), 'a.ndjson');
    const pruned = ['prune', '--older-than', '1h', '--yes', '--expect-max', '1000', '--settle', '0s', '--force'];
    expect((await cli([...pruned, '--archive', archive, '--db', db])).code).toBe(0);
    const {temporary, copies} = place();
    const argv = ['sql', ENDLESS, '--timeout', '1h', '--db', `archive:${archive}`];
    const {child, pid, ended} = start(argv, {TMPDIR: temporary});
    await expect.poll(() => childrenOf(pid).length).toBe(1);
    const [worker] = childrenOf(pid);
    expect(copies()).toHaveLength(1);
    child.kill(signal);
    expect(asCode(await ended)).toBe(code);
    expect(copies()).toEqual([]);
    await expect.poll(() => isRunning(worker!)).toBe(false);
  });

  it('grep hears it in the middle of a statement that never ends, and the process that reads is gone', async () => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const written = new Database(db);
    written.exec(
      `alter table agno_spans rename to s0; create view agno_spans as select * from s0 where (${ENDLESS}) > 0`,
    );
    written.close();
    const {child, pid, ended} = start(['grep', 'nowhere', '--timeout', '1h', '--db', db], {});
    await expect.poll(() => childrenOf(pid).length).toBe(1);
    const [worker] = childrenOf(pid);
    child.kill(signal);
    expect(asCode(await ended)).toBe(code);
    await expect.poll(() => isRunning(worker!)).toBe(false);
  });

  it.skipIf(!CAN_BE_ORDINARY)('the copy of a file that cannot be read where it lies is gone', async () => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const folder = path.dirname(db);
    chmodSync(db, 0o644);
    chmodSync(folder, 0o555);
    const {temporary, copies} = place();
    try {
      const as = IS_ROOT ? NOBODY : {};
      const {child, ended} = start(['tail', '--for', '1h', '--jsonl', '--db', db], {TMPDIR: temporary}, as);
      await expect.poll(() => copies().length).toBe(1);
      child.kill(signal);
      expect(asCode(await ended)).toBe(code);
      expect(copies()).toEqual([]);
    } finally {
      chmodSync(folder, 0o755);
    }
  });

  it('what a password_command has started is gone', async () => {
    const home = temporaryFolder();
    const pidFile = path.join(home, 'pid');
    writeFileSync(
      path.join(home, 'config.toml'),
      `[profiles.a]\ndb = "postgresql://u@127.0.0.1:1/d"\npassword_command = "sleep 600 & echo $! > ${pidFile}; wait"\n`,
      {mode: 0o600},
    );
    const env = {HOME: home, AGNO_TRACE_CONFIG: path.join(home, 'config.toml')};
    const {child, ended} = start(['list', '--profile', 'a'], env);
    const read = () => existsSync(pidFile) && readFileSync(pidFile, 'utf8');
    await expect.poll(read).toMatch(/\d\n/);
    child.kill(signal);
    expect(asCode(await ended)).toBe(code);
    await expect.poll(() => isRunning(Number(read()))).toBe(false);
  });
});

describe.skipIf(process.platform === 'win32')('the command as it is installed', () => {
  it('lets Node read no --env-file: what stands in it is not run', () => {
    const folder = temporaryFolder({isOnDisk: true});
    const ran = path.join(folder, 'ran');
    writeFileSync(path.join(folder, 'evil.cjs'), `require('node:fs').writeFileSync(${JSON.stringify(ran)}, '');\n`);
    writeFileSync(path.join(folder, '.env'), `NODE_OPTIONS="--require ${folder}/evil.cjs"\n`);
    // By a link of that name, as npm makes it, so that the first line of the file says how it is run.
    mkdirSync(path.join(folder, 'bin'));
    const installed = path.join(folder, 'bin/agno-trace');
    execFileSync('ln', ['-s', BIN, installed]);
    for (const flags of [['--env-file', '.env'], ['--env-file=.env'], ['--env-file-if-exists=.env']]) {
      const PATH = `${path.dirname(process.execPath)}:${process.env.PATH}`;
      const {status, stdout, stderr} = spawnSync(installed, ['list', ...flags], {
        cwd: folder,
        env: {PATH},
        encoding: 'utf8',
      });
      expect([flags, status, stdout]).toEqual([flags, 2, '']);
      expect(stderr).toMatch(/^error: --env-file(-if-exists)? is refused: [^\n]*\nhint: --dotenv FILE [^\n]*\n$/);
      expect(existsSync(ran)).toBe(false);
    }
  });
});
