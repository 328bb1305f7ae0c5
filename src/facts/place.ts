import {createHash} from 'node:crypto';
import {closeSync, existsSync, mkdirSync, openSync, realpathSync} from 'node:fs';
import path from 'node:path';
import type {Env} from '../store/source.ts';
import type {Store} from '../store/store.ts';

const NAME = 'agno-trace';

/**
 * The folder of the facts: AGNO_TRACE_CACHE, else the one that env-paths gives for caches (repeated here as in
 * `profiles/config-file.ts`).
 * @returns null where neither a variable nor a home folder tells
 */
export function factsFolder(env: Env, cwd: string, platform: string = process.platform): string | null {
  if (env.AGNO_TRACE_CACHE) return path.resolve(cwd, env.AGNO_TRACE_CACHE);
  const home = platform === 'win32' ? env.USERPROFILE : env.HOME;
  const inHome = (...parts: string[]) => (home ? path.join(home, ...parts) : null);
  if (platform === 'darwin') return inHome('Library', 'Caches', NAME);
  if (platform === 'win32') {
    const local = env.LOCALAPPDATA || inHome('AppData', 'Local');
    return local && path.join(local, NAME, 'Cache');
  }
  // A relative path is invalid and to be ignored (XDG Base Directory Specification).
  if (path.isAbsolute(env.XDG_CACHE_HOME ?? '')) return path.join(env.XDG_CACHE_HOME!, NAME);
  return inHome('.cache', NAME);
}

/** The file of a source: named by a hash of what it is, which a password is no part of. */
export function factsFile(folder: string, store: Store): string {
  const where = store.dialect === 'sqlite' && existsSync(store.label) ? realpathSync(store.label) : store.label;
  const identity = [store.dialect, where, store.tables.traces, store.tables.spans, store.evidence?.label ?? ''].join(
    '\n',
  );
  return path.join(folder, `facts-${createHash('sha256').update(identity).digest('hex').slice(0, 20)}.db`);
}

/**
 * Makes folder and file for their owner alone, before SQLite would make them for all.
 * @throws the error of the file system
 */
export function makePrivate(file: string): void {
  mkdirSync(path.dirname(file), {recursive: true, mode: 0o700});
  closeSync(openSync(file, 'a', 0o600));
}
