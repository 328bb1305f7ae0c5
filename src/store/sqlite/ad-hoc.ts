import {createRequire} from 'node:module';
import {EXIT, UserError} from '../../errors.ts';
import {append} from '../../lists.ts';
import type {AdHoc, AnswerValue, Place} from '../../sql/ad-hoc.ts';
import {refusedStatement} from '../refused-statement.ts';
import type {AdHocAnswer, AdHocLimits} from '../store.ts';
import {type ChildError, type ChildJob, type ChildMessage, OLD_NODE, readInChild} from './child.ts';
import {builtBinding, type SqliteConnection} from './driver.ts';

/** Writers of Agno's wait 5 s for a lock, then lose the spans they hold; in a rollback journal every read is one. */
const ROLLBACK_MS = 2000;

interface Reader {
  readonly connection: SqliteConnection;
  /** The file that is read: the database, or a private copy of it. */
  readonly file: string;
  /** Whether a writer waits while the statement reads. */
  readonly blocksWriter: boolean;
  readonly busyMs: number;
  /** Longest time unless the statement has its own. */
  readonly timeoutMs: number;
}

/**
 * Runs a user's statement in a process of its own: nothing else can stop SQLite in the middle of a statement, and one
 * that never ends would keep the writer out for ever. With the process its locks go.
 */
export async function runAdHoc(reader: Reader, statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
  checkIsReading(reader.connection, statement);
  const timeoutMs = limits.timeoutMs ?? (reader.blocksWriter ? ROLLBACK_MS : reader.timeoutMs);
  const job: ChildJob = {
    driver: driverPath(),
    nativeBinding: driverPath() === null ? null : (builtBinding()?.nativeBinding ?? null),
    file: reader.file,
    busyMs: reader.busyMs,
    text: statement.text,
    values: Object.fromEntries(statement.values),
    maxRows: limits.maxRows,
    timeoutMs,
    parent: process.pid,
  };
  const {spawn} = await import('node:child_process');
  const answer = await inChild(spawn, job, () => tooLong(timeoutMs, limits.timeoutMs === null && reader.blocksWriter));
  if ('error' in answer) throw explain(answer.error, statement);
  return {...answer, rows: answer.rows.map(row => row.map(asValue))};
}

function tooLong(timeoutMs: number, isForWriters: boolean): UserError {
  const seconds = `${timeoutMs / 1000} s`;
  if (isForWriters)
    return new UserError(EXIT.unreachable, `the statement took longer than ${seconds} and was stopped.`, {
      hint: 'This file is in rollback-journal mode: while it is read, Agno cannot write. --timeout 4s allows more, at its cost.',
    });
  return new UserError(EXIT.unreachable, `the statement took longer than ${seconds} and was stopped.`, {
    hint: 'Narrow it, or allow more with --timeout 2m.',
  });
}

/** Path of better-sqlite3; null: Node's own SQLite is used. */
function driverPath(): string | null {
  try {
    return createRequire(import.meta.url).resolve('better-sqlite3');
  } catch {
    return null;
  }
}

function inChild(
  spawn: typeof import('node:child_process').spawn,
  job: ChildJob,
  onTimeout: () => UserError,
): Promise<{columns: string[]; rows: unknown[][]; isCut: boolean} | {error: ChildError}> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      ['--no-warnings', '--input-type=commonjs', '-e', `(${readInChild})(require)`],
      {
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
        serialization: 'advanced',
      },
    );
    let said = '';
    const rows: unknown[][] = [];
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, job.timeoutMs);
    child.stderr!.on('data', data => {
      said += data;
    });
    child.on('error', error =>
      reject(new UserError(EXIT.failed, 'no process could be started to read.', {cause: error})),
    );
    child.on('message', (message: ChildMessage) => {
      if ('rows' in message) append(rows, message.rows);
      else {
        clearTimeout(timer);
        resolve('error' in message ? message : {...message, rows});
      }
    });
    // Its locks are gone when it is, not before.
    child.on('close', code => {
      clearTimeout(timer);
      reject(isLate ? onTimeout() : new Error(`the reading process ended early (${code}): ${said}`));
    });
    child.send(job);
  });
}

/** Integers that a number holds exactly become numbers; bytes are written as Postgres writes them. */
function asValue(value: unknown): AnswerValue {
  if (typeof value === 'bigint')
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value as AnswerValue;
}

function checkIsReading(connection: SqliteConnection, statement: AdHoc): void {
  let isReading: boolean;
  try {
    isReading = connection.isReading(statement.text);
  } catch (error) {
    throw explain(error as ChildError, statement, connection);
  }
  if (!isReading)
    throw new UserError(EXIT.usage, 'the statement would change something, or answers nothing: sql only reads.', {
      hint: 'Send a select.',
    });
}

/** SQLite says what is wrong, not where; the place is found by the word that it names. */
function explain(error: ChildError, statement: AdHoc, connection?: SqliteConnection): unknown {
  const {code = '', errcode, message} = error;
  if (code === OLD_NODE)
    return new UserError(
      EXIT.failed,
      "sql needs better-sqlite3 here: this Node's own SQLite cannot tell columns apart.",
      {
        hint: 'npm rebuild better-sqlite3, or use Node 22.16 or later.',
      },
    );
  const isRefused =
    /^SQLITE_(ERROR|MISMATCH|TOOBIG|RANGE|AUTH|READONLY)$/.test(code) || [1, 8, 18, 20, 23, 25].includes(errcode ?? -1);
  if (!isRefused) return Object.assign(new Error(message), {code, errcode});
  return refusedStatement(message, placeOf(message, statement, connection), undefined, error);
}

const NAMED =
  /(?:no such (?:column|table|function)|ambiguous column name|misuse of \w+(?: function)?): (?:.*\.)?"?([^".()]+?)"?(?:\(\))?(?: - .*)?$/;

function placeOf(message: string, statement: AdHoc, connection?: SqliteConnection): Place | null {
  const {text} = statement;
  const near = /near "([\s\S]+)": syntax error$/.exec(message)?.[1];
  if (near !== undefined && connection) {
    // The first of these words up to which the text is already wrong.
    for (let at = text.indexOf(near); at >= 0; at = text.indexOf(near, at + 1))
      if (isWrong(connection, text.slice(0, at + near.length), message)) return statement.placeOf(at);
  }
  if (message === 'incomplete input') return statement.placeOf(text.length);
  const name = NAMED.exec(message)?.[1] ?? /to function (\w+)\(\)$/.exec(message)?.[1];
  return name === undefined ? null : statement.placeOfName(name);
}

function isWrong(connection: SqliteConnection, text: string, message: string): boolean {
  try {
    connection.isReading(text);
    return false;
  } catch (error) {
    return (error as Error).message === message;
  }
}
