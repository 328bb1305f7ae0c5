/** Which file the child opens, and how. */
export interface ChildFile {
  /** Path of better-sqlite3; null: `node:sqlite`. */
  readonly driver: string | null;
  readonly nativeBinding: string | null;
  readonly file: string;
  readonly busyMs: number;
  /** `alone`: nobody else may use it, and the schema may be edited as text. */
  readonly mode: 'read' | 'write' | 'alone';
  /** Statements that run at the beginning. */
  readonly setup: string;
  /** Process id of the parent, which waits for the answer. */
  readonly parent: number;
  /** Larger answers are refused: an endless view would fill the memory. */
  readonly mostBytes: number;
}

/** One statement. `prepare`: only compiled. `exactly`: integers as bigint. `lists`: rows as lists, with the names of the columns. */
export interface ChildJob {
  readonly kind: 'all' | 'exactly' | 'lists' | 'run' | 'exec' | 'prepare';
  readonly text: string;
  readonly params: readonly unknown[] | Readonly<Record<string, unknown>>;
  /** 0: all. */
  readonly maxRows: number;
  readonly limitMs: number;
}

export interface ChildError {
  readonly message: string;
  readonly code?: string;
  readonly errcode?: number;
}

/** Code of the error if `node:sqlite` cannot return rows as lists. */
export const OLD_NODE = 'OLD_NODE';
/** Code of the error if the answer is larger than `mostBytes`. */
export const TOO_LARGE = 'TOO_LARGE';

export interface ChildAnswer {
  readonly rows: unknown[];
  readonly columns: string[];
  /** There are more rows than `maxRows`. */
  readonly isCut: boolean;
  /** Rows changed. */
  readonly changes: number;
  /** Of `prepare`: it only reads, and returns rows. */
  readonly isReading: boolean;
  readonly inTransaction: boolean;
}

/** The child's messages: several with rows, then the end. */
export type ChildMessage =
  | {readonly rows: unknown[]}
  | {readonly answer: Omit<ChildAnswer, 'rows'>}
  | {readonly error: ChildError; readonly inTransaction: boolean};

/** The members of either driver's statement that are used. */
interface Statement {
  iterate(...params: unknown[]): Iterable<object>;
  run(...params: unknown[]): {changes: number | bigint};
  columns(): {name: string}[];
  /** Only better-sqlite3 has these. */
  readonly readonly?: boolean;
  readonly reader?: boolean;
}

interface Opened {
  readonly prepare: (text: string, job: ChildJob) => Statement;
  readonly db: {
    exec(text: string): void;
    close(): void;
    unsafeMode?(on: boolean): void;
    /** The first is better-sqlite3's, the second Node's. */
    readonly inTransaction?: boolean;
    readonly isTransaction?: boolean;
  };
  readonly isBetter: boolean;
}

/**
 * The program of the child. Its text is passed to `node -e`, so the built program needs no separate file for it;
 * therefore it may use only what it contains.
 * @param load the child's own `require`; under that name the bundler would replace it
 */
export function answerInChild(load: NodeJS.Require): void {
  const say = (message: ChildMessage) => new Promise(sent => process.send!(message, sent));
  const size = (value: unknown) =>
    typeof value === 'string' ? 2 * value.length : value instanceof Uint8Array ? value.length : 8;
  let open: Opened;
  let watch: import('node:worker_threads').Worker;
  let file: ChildFile;

  const begin = () => {
    // SQLite does not release this thread. If nobody stops the process because its parent was killed, another thread
    // does: a read that nobody waits for must not keep a writer out.
    const {Worker} = load('node:worker_threads') as typeof import('node:worker_threads');
    const program = `let end = Infinity;
      require('node:worker_threads').parentPort.on('message', ms => { end = Date.now() + ms + 1000; });
      setInterval(() => { if (process.ppid !== ${file.parent} || Date.now() > end) process.kill(process.pid, 'SIGKILL'); }, 200);`;
    watch ??= new Worker(program, {eval: true});
    watch.unref();
    let opened: Opened;
    if (file.driver !== null) {
      const Database = load(file.driver);
      const binding = file.nativeBinding === null ? {} : {nativeBinding: file.nativeBinding};
      const db = new Database(file.file, {
        readonly: file.mode === 'read',
        fileMustExist: true,
        timeout: file.busyMs,
        ...binding,
      });
      const prepare = (text: string, {kind}: ChildJob) => {
        const statement = db.prepare(text);
        if (kind === 'exactly' || kind === 'lists') statement.safeIntegers(true);
        if (kind === 'lists') statement.raw(true);
        return statement;
      };
      opened = {db, prepare, isBetter: true};
    } else {
      const {DatabaseSync} = load('node:sqlite');
      const db = new DatabaseSync(file.file, {readOnly: file.mode === 'read', timeout: file.busyMs});
      const prepare = (text: string, {kind}: ChildJob) => {
        const statement = db.prepare(text);
        if (kind === 'lists') {
          if (!statement.setReturnArrays) throw Object.assign(new Error('rows as lists'), {code: 'OLD_NODE'});
          statement.setReturnArrays(true);
        }
        if (kind === 'exactly' || kind === 'lists') statement.setReadBigInts(true);
        return statement;
      };
      opened = {db, prepare, isBetter: false};
    }
    try {
      // Before the first access, this also detects a file in WAL mode that somebody else has open and idle.
      if (file.mode === 'alone') {
        opened.db.exec('pragma locking_mode = exclusive; begin exclusive; commit');
        opened.db.unsafeMode?.(true);
      }
      opened.db.exec(`pragma ${file.mode === 'read' ? 'query_only' : 'foreign_keys'} = on; ${file.setup}`);
    } catch (error) {
      opened.db.close();
      throw error;
    }
    open = opened;
  };

  const run = async (job: ChildJob) => {
    if (!open) begin();
    watch.postMessage(job.limitMs);
    const answer = {columns: [] as string[], isCut: false, changes: 0, isReading: true, inTransaction: false};
    const rows: unknown[] = [];
    const params = Array.isArray(job.params) ? job.params : Object.keys(job.params).length > 0 ? [job.params] : [];
    if (job.kind === 'exec') open.db.exec(job.text);
    else {
      const statement = open.prepare(job.text, job);
      if (job.kind === 'prepare') answer.isReading = !open.isBetter || Boolean(statement.readonly && statement.reader);
      else if (job.kind === 'run') answer.changes = Number(statement.run(...params).changes);
      else {
        if (job.kind === 'lists') answer.columns = statement.columns().map(column => column.name);
        let bytes = 0;
        for (const row of statement.iterate(...params)) {
          answer.isCut = job.maxRows > 0 && rows.length === job.maxRows;
          if (answer.isCut) break;
          bytes += 64;
          for (const value of Object.values(row)) bytes += size(value);
          if (bytes > file.mostBytes) throw Object.assign(new Error('the answer is too large'), {code: 'TOO_LARGE'});
          rows.push(row);
        }
      }
    }
    answer.inTransaction = isInTransaction();
    // Sent after the cursor is closed, so no lock is held while the parent reads.
    for (let at = 0; at < rows.length; at += 100) await say({rows: rows.slice(at, at + 100)});
    await say({answer});
  };

  const isInTransaction = (): boolean =>
    Boolean(open && (open.isBetter ? open.db.inTransaction : open.db.isTransaction));

  process.on('disconnect', () => {
    open?.db.close();
    process.exit(0);
  });
  process.on('message', async (message: ChildFile | ChildJob) => {
    if ('file' in message) {
      file = message;
      return;
    }
    try {
      await run(message);
    } catch (error) {
      const {message: text, code, errcode} = error as ChildError;
      await say({error: {message: text, code, errcode}, inTransaction: isInTransaction()});
    }
  });
}
