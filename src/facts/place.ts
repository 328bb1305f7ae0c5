import {createHash} from 'node:crypto';
import {existsSync, readdirSync, realpathSync, rmSync, statSync, utimesSync} from 'node:fs';
import path from 'node:path';
import {largest} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {checkOwn, holdOwn, makeOwnFolder} from '../private-file.ts';
import {TRAITS} from '../sql/traits.ts';
import type {Env} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {readKept} from './attributes.ts';

const NAME = 'agno-trace';

/**
 * The folder of the facts: AGNO_TRACE_CACHE, or else the cache folder that env-paths returns (repeated here as in
 * `profiles/config-file.ts`).
 * @returns null if neither a variable nor a home folder is set
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
  // A relative path is invalid and must be ignored (XDG Base Directory Specification).
  if (path.isAbsolute(env.XDG_CACHE_HOME ?? '')) return path.join(env.XDG_CACHE_HOME!, NAME);
  return inHome('.cache', NAME);
}

/**
 * The file of a source. Its name is a hash of the source, without the password, of the prices used for its costs, and of
 * the attributes that it keeps.
 */
export function factsFile(folder: string, store: Store, prices: Prices): string {
  const contents = [prices.key, ...keptAttributes(folder, store)].join('\n');
  return path.join(folder, `${nameOf(store)}-${hash(contents, 8)}.db`);
}

/** The list of the attributes that the facts of a source keep: one for all prices, and it outlives the facts. */
export function keptAttributesFile(folder: string, store: Store): string {
  return path.join(folder, `${nameOf(store)}.attributes.json`);
}

export function keptAttributes(folder: string, store: Store): string[] {
  return readKept(keptAttributesFile(folder, store));
}

/** Every file with facts of a source: with each of the prices in use, and with each list of attributes. */
export function factsFilesOf(folder: string, store: Store): string[] {
  return factsFilesIn(folder).filter(file => path.basename(file).startsWith(`${nameOf(store)}-`));
}

const hash = (text: string, digits: number) => createHash('sha256').update(text).digest('hex').slice(0, digits);

function nameOf(store: Store): string {
  const where = store.dialect === 'sqlite' && existsSync(store.label) ? realpathSync(store.label) : store.label;
  const identity = [store.dialect, where, store.tables.traces, store.tables.spans, store.evidence?.label ?? ''].join(
    '\n',
  );
  return `facts-${hash(identity, 20)}`;
}

/** The file of a source where there is one; null: none are kept. */
export function keptFactsOf(
  store: Store,
  {env, cwd, prices}: {readonly env: Env; readonly cwd: string; readonly prices: Prices},
): string | null {
  const folder = factsFolder(env, cwd);
  if (folder === null || store.label.startsWith('archive:') || !TRAITS[store.dialect].keepsFacts) return null;
  const place = factsFile(folder, store, prices);
  return existsSync(place) ? place : null;
}

/** Files that no question used for this long are deleted. */
const UNUSED_DAYS = 60;
/** The same for a source whose facts are also kept with other prices. */
const UNUSED_PRICES_DAYS = 3;
const FACTS_FILE = /^(facts-[0-9a-f]{20})-[0-9a-f]{8}\.db$/;

/** Every file of facts in a folder; empty if there is no folder. */
export function factsFilesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter(name => FACTS_FILE.test(name))
    .map(name => path.join(folder, name));
}

/** Deletes files of facts that nobody uses any more; files that cannot be deleted stay. */
export function removeUnused(file: string, nowMs: number): void {
  const sourceOf = (other: string) => FACTS_FILE.exec(path.basename(other))?.[1];
  for (const other of factsFilesIn(path.dirname(file))) {
    if (other === file) continue;
    const days = sourceOf(other) === sourceOf(file) ? UNUSED_PRICES_DAYS : UNUSED_DAYS;
    try {
      const unusedMs = nowMs - largest(factsParts(other).map(part => statSync(part).mtimeMs));
      if (unusedMs > days * 86_400_000) removeFacts(other);
    } catch (error) {
      if (!/^E(NOENT|ACCES|PERM|BUSY)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

export function factsParts(file: string): string[] {
  return ['', '-wal', '-shm'].map(suffix => file + suffix).filter(part => existsSync(part));
}

export function removeFacts(file: string): void {
  for (const part of factsParts(file)) rmSync(part, {force: true});
}

/**
 * Creates the folder and the file for their owner only, before SQLite would create them for everybody, and checks
 * that existing ones are ours alone. Others who can write here could read the facts, forge them, or redirect our
 * writes through a link.
 * @throws FileRefused, or the error of the file system
 */
export function makePrivate(file: string): void {
  makeOwnFolder(path.dirname(file));
  holdOwn(file);
  for (const suffix of ['-wal', '-shm', '-journal']) checkOwn(file + suffix);
  // It counts as used even if it cannot be written.
  utimesSync(file, new Date(), new Date());
}
