import {execFileSync} from 'node:child_process';
import {chmodSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {temporaryFolder} from './fixtures.ts';

/** What a model, a stranger's file or a path may put into a line that people copy. Each would make the file `ran`. */
export const PASTED: readonly string[] = [
  ...['`touch ran`', '$(touch ran)', ';touch ran;', 'a\ntouch ran\n#', "' ; touch ran ; '", '" ; touch ran ; "'],
  ...['-x', '--db=x', "it's", 'a b', '~root', '!!', '*', '#x', '=ls', '\x1b[31mred', '%s%n\\n', '\\', '\u202e', 'é 😀'],
  ...['a|touch ran', 'a&&touch ran', '<(touch ran)', '$HOME', '{a,b}', 'x=1', '1>ran', '\t', '(touch ran)'],
];

const PROGRAMS = ['agno-trace', 'mkdir', 'chmod', 'sqlite3', 'touch'];

/**
 * Pastes lines into a real shell, in which the programs that they name do nothing but say what they were given.
 * @returns the arguments of each call, and which lines the shell refused
 */
export function paste(lines: readonly string[]): {calls: string[][]; ran: boolean} {
  const folder = temporaryFolder();
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  for (const name of PROGRAMS) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\nprintf '%s\\0' "$#" ${name} "$@" >> ${folder}/calls\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  writeFileSync(path.join(folder, 'calls'), '');
  writeFileSync(path.join(folder, 'lines.sh'), `${lines.join('\n')}\n`);
  execFileSync('/bin/sh', [path.join(folder, 'lines.sh')], {cwd: folder, env: {PATH: bin, HOME: '/'}, stdio: 'pipe'});
  const words = readFileSync(path.join(folder, 'calls'), 'utf8').split('\0').slice(0, -1);
  const calls: string[][] = [];
  for (let at = 0; at < words.length; ) {
    const count = Number(words[at]!);
    calls.push(words.slice(at + 1, at + 2 + count));
    at += 2 + count;
  }
  return {calls, ran: calls.some(([name]) => name === 'touch')};
}
