import {execFile, execFileSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';

/** What only the built program has: a test that imports this file gets a build before it runs. */
export const ROOT = new URL('..', import.meta.url).pathname;
export const BIN = path.join(ROOT, 'bin/agno-trace.js');
export const MAN_PAGE = path.join(ROOT, 'man/agno-trace.1');

export interface Result {
  code: number | null;
  out: string;
  err: string;
}

/** Runs it, or an installed one, to its end. */
export async function program(
  argv: readonly string[],
  {cwd = '/', bin = BIN, node = process.execPath}: {cwd?: string; bin?: string; node?: string} = {},
): Promise<Result> {
  const env = {PATH: process.env.PATH, HOME: process.env.HOME};
  return promisify(execFile)(node, [bin, ...argv], {cwd, env, maxBuffer: 1e8}).then(
    ({stdout, stderr}) => ({code: 0, out: stdout, err: stderr}),
    error => ({code: error.code, out: error.stdout, err: error.stderr}),
  );
}

/** What would be published, as a file in `folder`. */
export function pack(folder: string): string {
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], {cwd: ROOT, stdio: 'ignore'});
  return path.join(folder, readdirSync(folder).find(name => name.endsWith('.tgz'))!);
}
