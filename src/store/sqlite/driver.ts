import bundled from 'built:better-sqlite3';
import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import {EXIT, UserError} from '../../errors.ts';

/** The members of a SQLite driver that are used; better-sqlite3 and node:sqlite both have them. */
export interface SqliteConnection {
  /** Name and version, for `doctor`. */
  readonly driver: string;
  all(text: string, params: readonly unknown[]): unknown[];
  /**
   * Defines a function that statements may call by this name, with one value, at any row; if it throws, the statement
   * ends.
   */
  define(name: string, called: () => number): void;
  close(): void;
}

export interface OpenFileOptions {
  readonly file: string;
  /** How long a read waits for a writer's commit, ms. */
  readonly busyMs: number;
}

/**
 * No automatic index: rows that are read to build one would not be checked (`watched.ts`). A statement that takes
 * long without one runs in a separate process, where it may have one.
 */
const READING = 'pragma query_only = on; pragma automatic_index = off';

/**
 * Opens a file read-only; never creates it. Uses better-sqlite3 if its binding exists, otherwise Node's own SQLite
 * (22.13 and later), so that the tool works even if an install script was blocked.
 */
export async function openFile(options: OpenFileOptions): Promise<SqliteConnection> {
  try {
    return await openWithBetterSqlite(options);
  } catch (error) {
    if (!isBindingMissing(error)) throw error;
    const connection = await openWithNode(options);
    if (connection) return connection;
    throw noDriver(error);
  }
}

function noDriver(cause: unknown): UserError {
  return new UserError(EXIT.failed, 'the SQLite driver better-sqlite3 is not installed or not built.', {
    hint: 'Install agno-trace again (on Node 20 with a C++ compiler), or use Node 22.13 or later.',
    cause,
  });
}

/**
 * Returns the driver, or throws why there is none. By `require`: an import would first scan its files for names, 4
 * ms.
 */
export function loadBetterSqlite(): typeof import('better-sqlite3') {
  return require('better-sqlite3');
}
const require = createRequire(import.meta.url);

/** Texts differ in the number of their values; a walk has only a few of them. */
const MOST_STATEMENTS = 100;

async function openWithBetterSqlite({file, busyMs}: OpenFileOptions): Promise<SqliteConnection> {
  const binding = builtBinding();
  const {version} = require('better-sqlite3/package.json') as {version: string};
  // A dozen small files, 4 ms of every start: the build includes them, for a binding of exactly their version.
  const Database = binding && version === bundled?.version ? bundled.Database : loadBetterSqlite();
  const db = new Database(file, {readonly: true, fileMustExist: true, timeout: busyMs, ...binding});
  db.exec(READING);
  const statements = new Map<string, {all(...params: readonly unknown[]): unknown[]}>();
  return {
    driver: `better-sqlite3 ${version}`,
    all: (text, params) => {
      // Compiling one of our statements takes as long as many answers. Between two answers it holds no lock.
      const statement = statements.get(text) ?? db.prepare(text);
      if (statements.size >= MOST_STATEMENTS) statements.clear();
      statements.set(text, statement);
      return statement.all(...params);
    },
    define: (name, called) => void db.function(name, {varargs: true}, called),
    close: () => db.close(),
  };
}

/**
 * The place where version 12 builds its binding: naming it saves a search (5 ms); other versions search by
 * themselves.
 */
export function builtBinding(): {nativeBinding: string} | undefined {
  const folder = path.dirname(require.resolve('better-sqlite3/package.json'));
  const nativeBinding = path.join(folder, 'build', 'Release', 'better_sqlite3.node');
  return existsSync(nativeBinding) ? {nativeBinding} : undefined;
}

/**
 * Node's own driver, without Node 22's warning that it may change, which would appear across the screens.
 * @returns null: this Node has none
 */
async function importNodeSqlite() {
  const {emitWarning} = process;
  process.emitWarning = (...words: readonly unknown[]) => {
    if (words[1] !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, words);
  };
  try {
    // Built at run time, so that no bundler resolves it and Node 20 never sees it.
    return await import(['node', 'sqlite'].join(':')).catch(() => null);
  } finally {
    process.emitWarning = emitWarning;
  }
}

async function openWithNode({file, busyMs}: OpenFileOptions): Promise<SqliteConnection | null> {
  const sqlite = await importNodeSqlite();
  if (!sqlite) return null;
  const db = new sqlite.DatabaseSync(file, {readOnly: true, timeout: busyMs});
  db.exec(READING);
  return {
    driver: `node:sqlite of Node ${process.versions.node}`,
    all: (text, params) => db.prepare(text).all(...params),
    define: (name, called) => db.function(name, {varargs: true}, called),
    close: once(() => db.close()),
  };
}

/** A file opened for writing, with the members of `SqliteConnection`. */
export interface WritableConnection {
  all(text: string, params: readonly unknown[]): unknown[];
  /** Integers as bigint. */
  allExactly(text: string, params: readonly unknown[]): unknown[];
  /** @returns rows changed */
  run(text: string, params: readonly unknown[]): number;
  exec(text: string): void;
  /** Compiled once, for many rows. */
  prepare(text: string): {run(...params: readonly unknown[]): unknown; all(...params: readonly unknown[]): unknown[]};
  inTransaction(): boolean;
  close(): void;
}

interface WritableOptions extends OpenFileOptions {
  readonly mayCreate?: boolean;
  /** Nobody else may use the file until it is closed; then the schema may also be edited as text. */
  readonly alone?: boolean;
}

/** Run before the first access, this also detects a file in WAL mode that somebody else has open and idle. */
const ALONE = 'pragma locking_mode = exclusive; begin exclusive; commit';

/**
 * Opens a file for writing, with foreign keys enforced; creates it only if asked to.
 * @throws UserError exit 1 if no driver can
 */
export async function openWritableFile(options: WritableOptions): Promise<WritableConnection> {
  try {
    return writableWithBetterSqlite(options);
  } catch (error) {
    if (!isBindingMissing(error)) throw error;
    const connection = await writableWithNode(options);
    if (connection) return connection;
    throw noDriver(error);
  }
}

function writableWithBetterSqlite({file, busyMs, mayCreate = false, alone = false}: WritableOptions) {
  const Database = loadBetterSqlite();
  const db = new Database(file, {fileMustExist: !mayCreate, timeout: busyMs, ...builtBinding()});
  if (alone) takeOver(db);
  db.pragma('foreign_keys = on');
  return {
    all: (text: string, params: readonly unknown[]) => db.prepare(text).all(...params),
    allExactly: (text: string, params: readonly unknown[]) =>
      db
        .prepare(text)
        .safeIntegers()
        .all(...params),
    run: (text: string, params: readonly unknown[]) => db.prepare(text).run(...params).changes,
    exec: (text: string) => void db.exec(text),
    prepare: (text: string) => db.prepare(text),
    inTransaction: () => db.inTransaction,
    close: () => void db.close(),
  };
}

/** @throws the driver's error, with the file closed, if somebody else uses it */
function takeOver(db: {exec(text: string): unknown; close(): unknown; unsafeMode?(on: boolean): unknown}): void {
  try {
    db.exec(ALONE);
  } catch (error) {
    db.close();
    throw error;
  }
  db.unsafeMode?.(true);
}

async function writableWithNode({file, busyMs, mayCreate = false, alone = false}: WritableOptions) {
  const sqlite = await importNodeSqlite();
  if (!sqlite) return null;
  if (!mayCreate && !existsSync(file)) throw Object.assign(new Error(`no file ${file}`), {code: 'SQLITE_CANTOPEN'});
  const db = new sqlite.DatabaseSync(file, {timeout: busyMs, enableForeignKeyConstraints: true});
  if (alone) takeOver(db);
  addPercentiles(db);
  let isOpen = false;
  return {
    all: (text: string, params: readonly unknown[]) => db.prepare(text).all(...params),
    allExactly: (text: string, params: readonly unknown[]) => {
      const statement = db.prepare(text);
      statement.setReadBigInts(true);
      return statement.all(...params);
    },
    run: (text: string, params: readonly unknown[]) => Number(db.prepare(text).run(...params).changes),
    exec: (text: string) => {
      db.exec(text);
      // Node 22 does not say whether a transaction is open.
      if (/^begin/.test(text)) isOpen = true;
      else if (/^(commit|rollback)/.test(text)) isOpen = false;
    },
    prepare: (text: string) => db.prepare(text),
    inTransaction: () => db.isTransaction ?? isOpen,
    close: once(() => void db.close()),
  };
}

/** What `node:sqlite` can be taught: an aggregate since 22.16, a function before. */
interface Teachable {
  exec(text: string): unknown;
  function(name: string, called: (value: unknown, fraction: unknown) => null): void;
  aggregate?(name: string, steps: PercentileSteps): void;
}

interface PercentileSteps {
  readonly start: () => Values;
  readonly step: (values: Values, value: unknown, fraction: unknown) => Values;
  readonly result: (values: Values) => number | null;
}
interface Values {
  readonly all: number[];
  fraction: number;
}

/** SQLite's own percentiles, which better-sqlite3 has, and Node's driver from 25 on: https://sqlite.org/percentile.html */
export const PERCENTILE_STEPS: PercentileSteps = {
  start: () => ({all: [], fraction: 0}),
  step: (values, value, fraction) => {
    if (value !== null) values.all.push(Number(value));
    values.fraction = Number(fraction);
    return values;
  },
  result: ({all, fraction}) => {
    if (all.length === 0) return null;
    const sorted = Float64Array.from(all).sort();
    const place = fraction * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
    return below + (above - below) * (place - Math.floor(place));
  },
};

function addPercentiles(db: Teachable): void {
  try {
    db.exec('select percentile_cont(1, 0.5)');
  } catch {
    if (db.aggregate) {
      db.aggregate('percentile_cont', PERCENTILE_STEPS);
      return;
    }
    db.function('percentile_cont', () => {
      throw new UserError(EXIT.failed, 'percentiles need the SQLite driver better-sqlite3, or Node 22.16 or later.', {
        hint: 'Install agno-trace again, or use a later Node.',
      });
    });
  }
}

/** `node:sqlite` throws if it is closed twice. */
function once(close: () => void): () => void {
  let isClosed = false;
  return () => {
    if (!isClosed) close();
    isClosed = true;
  };
}

export function isBindingMissing(error: unknown): boolean {
  const {code, message} = error as {code?: string; message?: string};
  return (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    code === 'ERR_DLOPEN_FAILED' ||
    /Could not locate the bindings file/.test(message ?? '')
  );
}
