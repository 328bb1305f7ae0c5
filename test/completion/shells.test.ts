import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {chmodSync, existsSync, readFileSync, writeFileSync} from 'node:fs';
import {type AddressInfo, createServer} from 'node:net';
import path from 'node:path';
import {text} from 'node:stream/consumers';
import {beforeAll, describe, expect, it} from 'vitest';
import {temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';
import {databaseOfNastyUsers, NASTY, UNSHOWABLE} from './nasty-names.ts';

/** Real shells load the real scripts; only the time limit is that of a busy test machine (`patient.cjs`). */
const PATIENT = new URL('patient.cjs', import.meta.url).pathname;
const folder = temporaryFolder({isOnDisk: true});
const env: Record<string, string> = {
  PATH: `${folder}:${process.env.PATH}`,
  HOME: folder,
  TERM: 'xterm',
  LC_ALL: 'C.UTF-8',
};
const canRun = (shell: string) => spawnSync(shell, ['--version']).status === 0;

beforeAll(async () => {
  env.AGNO_TRACE_DB = await databaseOfNastyUsers();
  const program = path.join(folder, 'agno-trace');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' --require '${PATIENT}' '${BIN}' "$@"\n`);
  chmodSync(program, 0o755);
  for (const shell of ['bash', 'zsh', 'fish']) {
    writeFileSync(path.join(folder, shell), execFileSync(program, ['completion', shell], {env}));
  }
  // Where a name that runs a command would leave its trace, and what a name that is a pattern would match.
  writeFileSync(path.join(folder, 'some-file.db'), '');
});

function shell(name: string, args: readonly string[]): {out: string; err: string} {
  const {stdout, stderr} = spawnSync(name, args, {env, cwd: folder, encoding: 'utf8'});
  return {out: stdout, err: stderr};
}

const wasRun = () => existsSync(path.join(folder, 'PWNED'));

describe.runIf(canRun('bash'))('bash, where it is installed,', () => {
  /** COMPREPLY after Tab at the end of the line; then what each reply is once the shell has read it as a word. */
  function tab(line: string): {replies: string[]; read: string[]; err: string} {
    const script = `
      source ./bash; source ./bash
      COMP_LINE=$1 COMP_POINT=\${#1} COMP_WORDS=($1) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _agno_trace agno-trace "" ""
      for reply in "\${COMPREPLY[@]}"; do printf '%s\\0' "$reply"; eval "set -- $reply"; printf '%s\\0' "$#:$*"; done`;
    const {out, err} = shell('bash', ['--norc', '--noprofile', '-c', `set -f; ${script}`, 'bash', line]);
    const parts = out.split('\0').slice(0, -1);
    return {replies: parts.filter((_, i) => i % 2 === 0), read: parts.filter((_, i) => i % 2 === 1), err};
  }

  it('is offered commands, flags and values, after = only what is missing', () => {
    expect(tab('agno-trace sl')).toEqual({replies: ['slowest'], read: ['1:slowest'], err: ''});
    expect(tab('agno-trace list --stat').replies).toEqual(['--state', '--status']);
    expect(tab('agno-trace list --state=er').replies).toEqual(['error']);
    expect(tab('agno-trace list --user=co:l').replies).toEqual(['lon']);
    expect(tab('agno-trace list --cursor x').replies).toEqual([]);
  });

  it('reads each name as one word that is the name, and runs nothing', () => {
    const {read, err} = tab('agno-trace list --user ');
    expect(err).toBe('');
    for (const name of NASTY) expect(read).toContain(`1:${name}`);
    for (const name of UNSHOWABLE) expect(read).not.toContain(`1:${name}`);
    expect(wasRun()).toBe(false);
  });

  it('runs nothing of what is being typed', () => {
    expect(tab('agno-trace list --user $(touch PWNED)')).toEqual({replies: [], read: [], err: ''});
    expect(tab('agno-trace list --db `touch PWNED` --user ').err).toBe('');
    expect(wasRun()).toBe(false);
  });
});

describe.runIf(canRun('fish'))('fish, where it is installed,', () => {
  function tab(line: string): string[] {
    const script = 'source ./fish; complete -C $argv[1]';
    const {out, err} = shell('fish', ['--no-config', '-c', script, line]);
    expect(err).toBe('');
    return out
      .trimEnd()
      .split('\n')
      .map(text => text.split('\t')[0]!);
  }

  it('is offered commands, values, names and files; it quotes by itself', () => {
    expect(tab('agno-trace sl')).toEqual(['slowest']);
    expect(tab('agno-trace list --state=er')).toEqual(['--state=error']);
    const users = tab('agno-trace list --user ');
    for (const name of NASTY) expect(users).toContain(name);
    expect(users.join('\n')).not.toMatch(/[^\P{Cc}\n]/u);
    expect(tab('agno-trace list --db some')).toEqual(['some-file.db']);
    expect(tab('agno-trace list --db=some')).toEqual(['--db=some-file.db']);
    expect(tab('agno-trace list --user (touch PWNED) --team ')).toContain('support-team');
    expect(wasRun()).toBe(false);
  });
});

describe.runIf(canRun('zsh'))('zsh, where it is installed,', () => {
  /** A real zsh in a pseudo-terminal: types the line, presses Tab, and writes down what the line is then. */
  function tab(line: string): string {
    const file = path.join(folder, `line-${Math.random()}`);
    writeFileSync(
      path.join(folder, '.zshrc'),
      `unsetopt beep; autoload -Uz compinit; compinit -u -D; source ./zsh
       bindkey '^I' complete-word
       dump() { print -rn -- "$BUFFER" > $DUMP.new; mv $DUMP.new $DUMP }; zle -N dump; bindkey '^X^D' dump
       precmd() { : > $DUMP.ready }`,
    );
    const drive = `
      zmodload zsh/zpty
      zpty z "DUMP='${file}' ZDOTDIR='${folder}' zsh -i"
      for i in {1..300}; do [[ -e '${file}.ready' ]] && break; sleep 0.1; done
      sleep 0.3
      zpty -w -n z "$1"$'\\t\\x18\\x04'
      for i in {1..300}; do [[ -e '${file}' ]] && break; sleep 0.1; done
      zpty -d z`;
    shell('zsh', ['-f', '-c', drive, 'zsh', line]);
    return readFileSync(file, 'utf8').trimEnd();
  }

  it.each([
    ['agno-trace sl', 'agno-trace slowest'],
    ['agno-trace list --state=er', 'agno-trace list --state=error'],
    ['agno-trace list --user a\\ ', 'agno-trace list --user a\\ b'],
    ['agno-trace list --user x', 'agno-trace list --user x\\;rm'],
    ['agno-trace list --user \\$', 'agno-trace list --user \\$\\(touch\\ PWNED\\)'],
    ["agno-trace list --user '$", "agno-trace list --user '$(touch PWNED)'"],
    ['agno-trace list --user "say', 'agno-trace list --user "say \\"hi\\""'],
    ['agno-trace list --user=eq', 'agno-trace list --user=eq=ual'],
    ['agno-trace list --db=some', 'agno-trace list --db=some-file.db'],
    ['agno-trace list --cursor so', 'agno-trace list --cursor so'],
  ])('makes of %s: %s', (line, expected) => {
    expect(tab(line)).toBe(expected);
    expect(wasRun()).toBe(false);
  });
});

describe('the built program', () => {
  const ask = async (args: readonly string[]) => {
    const child = spawn(process.execPath, [BIN, '__complete', ...args], {env: {PATH: process.env.PATH}, cwd: folder});
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return {code, stdout, stderr};
  };

  it('gives up on a server that does not answer, and leaves the shell nothing', async () => {
    // It takes every connection and says nothing, for ever: who ends, ended by itself.
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    const answer = await ask(['zsh', 'list', '--db', `postgresql://x@127.0.0.1:${port}/x`, '--user', '']);
    server.close();
    expect(answer).toEqual({code: 0, stdout: '', stderr: ''});
  });

  it('answers what needs no database however slow the machine is', async () => {
    const answer = await ask(['zsh', 'list', '--state', 'deg']);
    expect(answer).toEqual({code: 0, stdout: 'words\ndegraded\n', stderr: ''});
  });
});
