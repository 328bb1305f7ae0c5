import {accessSync, constants, existsSync, statSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {EXIT, fileReason, UserError} from '../../errors.ts';
import {makeOwnFolder} from '../../private-file.ts';
import {compile, type Sql, unquotedIdentifier} from '../../sql/sql.ts';
import type {Changes, ChangesOptions, Stored, Transaction, TransactionLimits} from '../changes.ts';
import {CommitError} from '../commit-error.ts';
import {labelOf, type SqliteSource} from '../source.ts';
import {openWritableFile, type WritableConnection} from './driver.ts';
import {explainSqlite, isBusy} from './errors.ts';
import {giveWay} from './give-way.ts';
import {inUse, refuseUsers} from './users.ts';
import {openWriting, type Writing} from './writing.ts';

const READ_MS = 2000;
/** Agno's writers wait 5 s for ours, then lose their spans. */
const LONGEST_HOLD_MS = 4000;
/** One of Agno's own checkpoints usually takes no longer; what it leaves must not be left to the next one. */
const CHECKPOINT_TRIES = 30;
const CHECKPOINT_AGAIN_MS = 3;

/**
 * Opens the file for short transactions. The journal mode is not changed, and no checkpoint is forced. Foreign keys
 * are enforced as in Agno 3, even if an Agno 2, which does not enforce them, writes the file.
 */
export async function openSqliteChanges(source: SqliteSource, options: ChangesOptions): Promise<Changes> {
  if (source.isArchive)
    throw new UserError(EXIT.usage, `"${labelOf(source)}" is an archive, which cannot be changed.`, {
      hint: 'agno-trace archive restore FILE --db <database> restores its rows into a database.',
    });
  checkWritable(source.file);
  const alone = options.offline ?? false;
  if (alone) refuseUsers(source.file);
  try {
    const writing = await openWriting({
      file: source.file,
      busyMs: alone ? 0 : READ_MS,
      alone,
      isLong: options.isLong ?? false,
      // Batches touch the same inner pages of a dozen indexes again and again.
      setup: 'pragma wal_autocheckpoint = 0; pragma cache_size = -65536',
      tables: Object.values(options.tables).flatMap(name => (name === undefined ? [] : unquotedIdentifier(name))),
    });
    return new SqliteChanges(source, writing, options);
  } catch (error) {
    if (alone && isBusy(error)) throw inUse(source.file, 'another process', error);
    throw explainSqlite(error, source.file);
  }
}

class SqliteChanges implements Changes {
  readonly dialect = 'sqlite';
  readonly label: string;
  private guard: WritableConnection | null = null;
  private isClosed = false;

  constructor(
    private readonly source: SqliteSource,
    private readonly connection: Writing,
    private readonly options: ChangesOptions,
  ) {
    this.label = source.file;
  }

  async exclude(): Promise<boolean> {
    if (this.guard) return true;
    // A system lock on a file of ours: it ends with the process, however that ends.
    const guard = await openWritableFile({file: lockFileOf(this.source.file), busyMs: 0, mayCreate: true});
    try {
      guard.exec('begin exclusive');
      this.guard = guard;
      return true;
    } catch (error) {
      guard.close();
      if (isBusy(error)) return false;
      throw error;
    }
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    const {text, params} = compile(query, 'sqlite', this.options.tables);
    try {
      return (await this.connection.all(text, params)) as Row[];
    } catch (error) {
      throw explainSqlite(error, this.source.file);
    }
  }

  async transaction<T>(limits: TransactionLimits, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const {connection} = this;
    const {lockMs, statementMs} = limits;
    // Others wait for the whole transaction, not for one statement.
    connection.within(lockMs + (this.options.offline ? statementMs : Math.min(statementMs, LONGEST_HOLD_MS)));
    try {
      return await this.transact(lockMs, work);
    } finally {
      connection.within(null);
    }
  }

  private async transact<T>(lockMs: number, work: (transaction: Transaction) => Promise<T>): Promise<T> {
    const {connection} = this;
    await connection.exec(`pragma busy_timeout = ${Math.ceil(lockMs)}`);
    let result: T;
    try {
      // Not deferred: in WAL, a transaction that reads first and writes later fails at once, however long it may
      // wait.
      await connection.exec('begin immediate');
      result = await work(this.lend());
    } catch (error) {
      await this.rollBack();
      throw explainSqlite(error, this.source.file);
    }
    try {
      await connection.exec('commit');
    } catch (error) {
      const isRolledBack = await this.rollBack();
      const explained = explainSqlite(error, this.source.file);
      // If a reader was in the way, there is no doubt: nothing was committed, and the transaction stayed open until
      // it was rolled back.
      throw isRolledBack && isBusy(error) ? explained : new CommitError(explained);
    } finally {
      await this.waitAsBefore();
    }
    return result;
  }

  /** @returns true if there was a transaction to roll back */
  private async rollBack(): Promise<boolean> {
    if (!this.connection.inTransaction()) return false;
    await this.connection.exec('rollback');
    return true;
  }

  private async waitAsBefore(): Promise<void> {
    this.connection.within(null);
    // By then everything that matters has been reported.
    await this.connection.exec(`pragma busy_timeout = ${READ_MS}`).catch(() => undefined);
  }

  private lend(): Transaction {
    const {connection, options} = this;
    const compiled = (query: Sql) => compile(query, 'sqlite', options.tables);
    return {
      all: async <Row>(query: Sql) => {
        const {text, params} = compiled(query);
        return (await connection.all(text, params)) as Row[];
      },
      exactly: async query => {
        const {text, params} = compiled(query);
        return (await connection.allExactly(text, params)) as Record<string, Stored>[];
      },
      run: async query => {
        const {text, params} = compiled(query);
        return connection.run(text, params);
      },
      send: async (text, params) => {
        if (params) return connection.run(text, params);
        await connection.exec(text);
        return 0;
      },
    };
  }

  async watch(): Promise<null> {
    return null;
  }

  async tidy(): Promise<void> {
    if (hasLitestream(this.source.file)) return;
    for (let tries = 0; tries < CHECKPOINT_TRIES; tries++) {
      if (await this.checkpoint()) return;
      await sleep(CHECKPOINT_AGAIN_MS);
    }
  }

  /** @returns false while another program is checkpointing */
  private async checkpoint(): Promise<boolean> {
    try {
      // Passive: it does not wait for readers or writers, and pages in use stay for the next time. Without WAL it
      // does nothing.
      const [row] = (await this.connection.all('pragma wal_checkpoint(passive)', [])) as {busy: number}[];
      return row!.busy === 0;
    } catch (error) {
      if (isBusy(error)) return false;
      throw explainSqlite(error, this.source.file);
    }
  }

  async giveWay(heldMs: number, stop: AbortSignal): Promise<void> {
    const freeSinceMs = performance.now();
    await this.tidy();
    await giveWay({heldMs, freeSinceMs, version: () => this.version(), stop});
    // This also moves what others have written meanwhile, so that our next transaction restarts the log. With a long
    // log, every one of Agno's commits would try to empty it, including our pages.
    await this.tidy();
  }

  /** Changes with each commit of another connection. */
  private async version(): Promise<unknown> {
    try {
      const [row] = (await this.connection.all('pragma data_version', [])) as {data_version: number}[];
      return row!.data_version;
    } catch (error) {
      // Somebody has been committing for longer than a read waits.
      if (isBusy(error)) return null;
      throw explainSqlite(error, this.source.file);
    }
  }

  async alone(statement: Sql, {lockMs, statementMs}: TransactionLimits): Promise<void> {
    try {
      this.connection.within(lockMs + statementMs);
      await this.connection.exec(`pragma busy_timeout = ${Math.ceil(lockMs)}`);
      await this.connection.exec(compile(statement, 'sqlite', this.options.tables).text);
    } catch (error) {
      throw explainSqlite(error, this.source.file);
    } finally {
      await this.waitAsBefore();
    }
  }

  hurry(): void {
    this.connection.hurry();
  }

  async close(): Promise<void> {
    this.guard?.close();
    this.guard = null;
    if (this.isClosed) return;
    this.isClosed = true;
    await this.tidy().finally(() => this.connection.close());
  }
}

/** Litestream moves the pages itself, and copies everything again if somebody else does. */
function hasLitestream(file: string): boolean {
  const {dir, base} = path.parse(file);
  return existsSync(path.join(dir, `.${base}-litestream`)) || existsSync(`${file}-litestream`);
}

/** In a folder of our own, where others cannot create anything; the name identifies the file. */
function lockFileOf(file: string): string {
  const folder = path.join(tmpdir(), `agno-trace-${process.getuid?.() ?? 'locks'}`);
  try {
    makeOwnFolder(folder);
    const {dev, ino} = statSync(file);
    return path.join(folder, `writing-${dev}-${ino}.lock`);
  } catch (error) {
    throw new UserError(
      EXIT.unreachable,
      `the lock for "${file}" cannot be created in "${folder}": ${fileReason(error)}.`,
      {
        hint: 'Set TMPDIR to a folder of your own.',
        cause: error,
      },
    );
  }
}

function checkWritable(file: string): void {
  for (const [target, what] of [
    [file, 'file'],
    [path.dirname(file), 'folder: SQLite creates a journal there'],
  ] as const) {
    try {
      accessSync(target, constants.W_OK);
    } catch (error) {
      throw new UserError(EXIT.unreachable, `"${file}" cannot be written: you lack the permission.`, {
        hint: `Check the permissions of the ${what}.`,
        cause: error,
      });
    }
  }
}
