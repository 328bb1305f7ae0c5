import {EXIT, UserError} from '../../errors.ts';

/** What is needed of a SQLite driver; better-sqlite3 and node:sqlite both have it. */
export interface SqliteConnection {
  all(text: string, params: readonly unknown[]): unknown[];
  close(): void;
}

export interface OpenFileOptions {
  readonly file: string;
  /** How long a read waits for a writer's commit, ms. */
  readonly busyMs: number;
}

/**
 * Opens a file read-only; it is never created. better-sqlite3 where its binding is there, else Node's own SQLite
 * (22.13 and later), so that a blocked install script does not cost the user the tool.
 */
export async function openFile(options: OpenFileOptions): Promise<SqliteConnection> {
  try {
    return await openWithBetterSqlite(options);
  } catch (error) {
    if (!isBindingMissing(error)) throw error;
    const connection = await openWithNode(options);
    if (connection) return connection;
    throw new UserError(EXIT.failed, 'the SQLite driver better-sqlite3 is not installed or not built.', {
      hint: 'npm rebuild better-sqlite3 (needs a C++ compiler on Node 20), or use Node 22.13 or later.',
      cause: error,
    });
  }
}

async function openWithBetterSqlite({file, busyMs}: OpenFileOptions): Promise<SqliteConnection> {
  const {default: Database} = await import('better-sqlite3');
  const db = new Database(file, {readonly: true, fileMustExist: true, timeout: busyMs});
  db.pragma('query_only = on');
  return {all: (text, params) => db.prepare(text).all(...params), close: () => db.close()};
}

async function openWithNode({file, busyMs}: OpenFileOptions): Promise<SqliteConnection | null> {
  // Built at run time, so that no bundler resolves it and Node 20 never sees it.
  const sqlite = await import(['node', 'sqlite'].join(':')).catch(() => null);
  if (!sqlite) return null;
  const db = new sqlite.DatabaseSync(file, {readOnly: true, timeout: busyMs});
  db.exec('pragma query_only = on');
  return {all: (text, params) => db.prepare(text).all(...params), close: () => db.close()};
}

function isBindingMissing(error: unknown): boolean {
  const {code, message} = error as {code?: string; message?: string};
  return (
    code === 'ERR_MODULE_NOT_FOUND' ||
    code === 'MODULE_NOT_FOUND' ||
    code === 'ERR_DLOPEN_FAILED' ||
    /Could not locate the bindings file/.test(message ?? '')
  );
}
