import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {type AddressInfo, createServer} from 'node:net';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';

/**
 * The built program in a real terminal: what it takes it gives back, whichever way it ends. tmux knows what is on the main
 * screen, whether the cursor is shown and lines wrap; `stty` what the terminal does with keys.
 */
const HAS_TMUX = spawnSync('tmux', ['-V']).status === 0;
if (!HAS_TMUX) process.stderr.write('skipped: no tmux here, so nothing tells whether the terminal is given back\n');

describe.runIf(HAS_TMUX)('the terminal', () => {
  const socket = `agno-trace-test-${process.pid}`;
  const tmux = (...args: string[]) => execFileSync('tmux', ['-L', socket, ...args], {encoding: 'utf8'});
  const screen = () => tmux('capture-pane', '-p');
  const keys = (...names: string[]) => tmux('send-keys', ...names);
  const until = (text: string) => expect.poll(screen).toContain(text);
  let folder = '';
  let pidFile = '';
  let db = '';

  beforeAll(() => {
    folder = temporaryFolder();
    pidFile = path.join(folder, 'pid');
    db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    // What the program cannot do by itself, done from outside: it says who it is, and fails when it is told to.
    const outside = path.join(folder, 'outside.mjs');
    writeFileSync(
      outside,
      `import {writeFileSync} from 'node:fs';
writeFileSync(process.env.PID_FILE, String(process.pid));
process.on('SIGUSR2', () => {
  if (process.env.FAILS === 'later') void Promise.reject(new Error('a promise nobody waits for'));
  else throw new Error('an exception nobody catches');
});`,
    );
    tmux('-f', '/dev/null', 'new-session', '-d', '-x', '100', '-y', '30', 'env PS1="$ " sh -i');
    keys(`export PID_FILE=${pidFile} NODE_OPTIONS=--import=${outside}; clear`, 'Enter');
  });
  afterAll(() => void spawnSync('tmux', ['-L', socket, 'kill-server']));

  async function start(how: string, env = ''): Promise<number> {
    rmSync(pidFile, {force: true});
    keys(`clear; stty -a > ${folder}/before; echo before ${how}`, 'Enter');
    await until(`before ${how}`);
    keys(`${env} node ${BIN} ui --db ${db}`, 'Enter');
    // The row of the cursor: from then on keys are for the runs. Before that there is nothing to leave but the opening.
    await until('›');
    expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag} #{wrap_flag}').trim()).toBe('1 0 0');
    return Number(readFileSync(pidFile, 'utf8'));
  }

  /** A shell ends a line when a signal ends its first command, so the code is asked for in a line of its own. */
  async function expectLeft(code: number): Promise<void> {
    await expect.poll(() => tmux('display-message', '-p', '#{alternate_on}').trim()).toBe('0');
    keys('echo "left with $?"', 'Enter');
    await until(`left with ${code}\n`);
  }

  /** Main screen, cursor, wrapping and keys are as they were. */
  async function expectRestored(how: string): Promise<void> {
    expect(screen()).toContain(`before ${how}`);
    expect(screen()).not.toContain('[1 runs]');
    expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag} #{wrap_flag}').trim()).toBe('0 1 1');
    rmSync(`${folder}/after`, {force: true});
    // The quotes part what is typed from what is printed.
    keys(`stty -a > ${folder}/after; echo mea""sured`, 'Enter');
    await until('measured\n');
    expect(readFileSync(`${folder}/after`, 'utf8')).toBe(readFileSync(`${folder}/before`, 'utf8'));
  }

  const ways: readonly (readonly [string, (pid: number) => void, number])[] = [
    ['q', () => keys('q'), 0],
    ['^C', () => keys('C-c'), 0],
    ['SIGINT', pid => process.kill(pid, 'SIGINT'), 130],
    ['SIGTERM', pid => process.kill(pid, 'SIGTERM'), 143],
    ['SIGHUP', pid => process.kill(pid, 'SIGHUP'), 129],
    ['an exception', pid => process.kill(pid, 'SIGUSR2'), 1],
  ];
  it.each(ways)('is given back after %s', async (how, leave, code) => {
    leave(await start(how));
    await expectLeft(code);
    await expectRestored(how);
  });

  it('is given back by q while the database does not answer', async () => {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const {port} = server.address() as AddressInfo;
    keys('clear', 'Enter');
    keys(`NODE_OPTIONS= node ${BIN} ui --db postgresql://nobody@127.0.0.1:${port}/nothing`, 'Enter');
    await until('opening the database');
    keys('q');
    await expectLeft(0);
    server.close();
  });

  it('shows the run beside the list where there is room', async () => {
    tmux('resize-window', '-x', '140', '-y', '30');
    await start('a wide screen');
    // Drawn by Ink as it is bundled: the panes beside each other, and the line of keys.
    await expect.poll(screen).toMatch(/^›.*│ .*\n(.*│.*\n)+.*\? all keys/m);
    keys('q');
    await expectLeft(0);
    tmux('resize-window', '-x', '100', '-y', '30');
  });

  it('is given back after a rejected promise, and the error is printed below', async () => {
    process.kill(await start('a rejection', 'FAILS=later'), 'SIGUSR2');
    await expectLeft(1);
    expect(screen()).toContain('a promise nobody waits for');
    await expectRestored('a rejection');
  });

  it('is lent to a pager, which ^C and ^Z belong to, and taken again', async () => {
    const pager = path.join(folder, 'pager.sh');
    writeFileSync(
      pager,
      `trap 'echo inter""rupted' INT
echo "pages $(grep -c . "$1") lines"
while :; do read -r typed && [ "$typed" = q ] && exit; done`,
    );
    const temporary = path.join(folder, 'temporary');
    mkdirSync(temporary);
    const pid = await start('a pager', `PAGER='sh ${pager}' TMPDIR=${temporary}`);
    keys('3');
    await until('▾Output');
    keys('O');
    await expect.poll(screen).toMatch(/pages \d\d+ lines/);
    expect(tmux('display-message', '-p', '#{alternate_on} #{cursor_flag} #{wrap_flag}').trim()).toBe('0 1 1');
    keys('C-c');
    await until('interrupted');
    expect(readdirSync(temporary)).not.toEqual([]);
    keys('C-z');
    await expect.poll(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))).toBe(true);
    keys('echo sto""pped', 'Enter');
    await until('stopped\n');
    keys('fg', 'Enter');
    await expect.poll(() => /^State:\s+S/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))).toBe(true);
    keys('q', 'Enter');
    await until('[3 span]');
    for (const pane of ['[2 run]', '[1 runs]']) {
      keys('q');
      await until(pane);
    }
    keys('q');
    await expectLeft(0);
    await expectRestored('a pager');
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('is given back while the program is stopped, and taken again when it goes on', async () => {
    const pid = await start('a stop');
    for (const stop of [() => keys('C-z'), () => process.kill(pid, 'SIGTSTP')]) {
      stop();
      await expect.poll(() => tmux('display-message', '-p', '#{alternate_on} #{cursor_flag}').trim()).toBe('0 1');
      await expect.poll(() => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))).toBe(true);
      keys('fg', 'Enter');
      await until('[1 runs]');
      keys('?');
      await until('[keys]');
      keys('Escape');
      await until('[1 runs]');
    }
    // It may have been stopped by SIGSTOP, which nobody hears: the terminal is taken anew.
    process.kill(pid, 'SIGCONT');
    keys('?');
    await until('[keys]');
    keys('q');
    await until('[1 runs]');
    keys('q');
    await expectLeft(0);
    await expectRestored('a stop');
  });
});
