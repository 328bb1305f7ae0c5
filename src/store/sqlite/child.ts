/** What the child is told. */
export interface ChildJob {
  /** Path of better-sqlite3; null: `node:sqlite`. */
  readonly driver: string | null;
  readonly nativeBinding: string | null;
  readonly file: string;
  readonly busyMs: number;
  readonly text: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** 0: all. */
  readonly maxRows: number;
  readonly timeoutMs: number;
  /** Process id of the one that waits for the answer. */
  readonly parent: number;
}

export interface ChildError {
  readonly message: string;
  readonly code?: string;
  readonly errcode?: number;
}

/** Code of the error where `node:sqlite` cannot return rows as lists. */
export const OLD_NODE = 'OLD_NODE';

/** What the child says: rows in several messages, then the end. */
export type ChildMessage =
  | {readonly rows: unknown[][]}
  | {readonly columns: string[]; readonly isCut: boolean}
  | {readonly error: ChildError};

/**
 * The program of the child. Its text is handed to `node -e`, so that it needs no file of its own in the built program;
 * it may therefore use nothing but what stands inside it.
 * @param load the child's own `require`; by that name the bundler would replace it
 */
export function readInChild(load: NodeJS.Require): void {
  process.once('message', async (job: ChildJob) => {
    try {
      // SQLite does not let go of this thread. Should nobody stop the process, because the one that started it was
      // killed, another thread does: a read that nobody waits for must keep no writer out.
      const {Worker} = load('node:worker_threads') as typeof import('node:worker_threads');
      const watch = `const end = Date.now() + ${job.timeoutMs} + 1000;
        setInterval(() => { if (process.ppid !== ${job.parent} || Date.now() > end) process.kill(process.pid, 'SIGKILL'); }, 200);`;
      new Worker(watch, {eval: true}).unref();
      const rows: unknown[][] = [];
      let columns: string[];
      let cursor: Iterable<unknown>;
      const values = Object.keys(job.values).length > 0 ? [job.values] : [];
      if (job.driver !== null) {
        const Database = load(job.driver);
        const binding = job.nativeBinding === null ? {} : {nativeBinding: job.nativeBinding};
        const db = new Database(job.file, {readonly: true, fileMustExist: true, timeout: job.busyMs, ...binding});
        db.pragma('query_only = on');
        const statement = db.prepare(job.text).safeIntegers(true).raw(true);
        columns = statement.columns().map((column: {name: string}) => column.name);
        cursor = statement.iterate(...values);
      } else {
        const {DatabaseSync} = load('node:sqlite');
        const db = new DatabaseSync(job.file, {readOnly: true, timeout: job.busyMs});
        db.exec('pragma query_only = on');
        const statement = db.prepare(job.text);
        if (!statement.setReturnArrays) throw Object.assign(new Error('rows as lists'), {code: 'OLD_NODE'});
        statement.setReadBigInts(true);
        statement.setReturnArrays(true);
        columns = statement.columns().map((column: {name: string}) => column.name);
        cursor = statement.iterate(...values);
      }
      let isCut = false;
      for (const row of cursor) {
        isCut = job.maxRows > 0 && rows.length === job.maxRows;
        if (isCut) break;
        rows.push(row as unknown[]);
      }
      // Sent when the cursor is closed: no lock is held while somebody reads.
      for (let at = 0; at < rows.length; at += 100)
        await new Promise(sent => process.send!({rows: rows.slice(at, at + 100)}, sent));
      await new Promise(sent => process.send!({columns, isCut}, sent));
    } catch (error) {
      const {message, code, errcode} = error as ChildError;
      await new Promise(sent => process.send!({error: {message, code, errcode}}, sent));
    }
    process.exit(0);
  });
}
