import {EXIT, UserError} from '../../errors.ts';
import type {AdHoc, AnswerValue, StatementPlace} from '../../sql/ad-hoc.ts';
import {refusedStatement} from '../refused-statement.ts';
import type {AdHocAnswer, AdHocLimits} from '../store.ts';
import {Apart} from './apart.ts';
import {type ChildError, OLD_NODE, TOO_LARGE} from './child.ts';

/** Agno's writers wait 5 s for a lock, then lose their spans; in a rollback journal every read is such a lock. */
const ROLLBACK_MS = 2000;

interface Reader {
  /** The file to read: the database, or a private copy of it. */
  readonly file: string;
  /** Whether a writer waits while the statement reads. */
  readonly blocksWriter: boolean;
  readonly busyMs: number;
  /** Longest time, unless the statement has its own. */
  readonly timeoutMs: number;
  /** Gets a function that stops the statement. */
  readonly onStart: (stop: () => Promise<void>) => void;
}

/**
 * Runs a user's statement in a separate process, which also compiles it: compiling a view of views alone can take
 * long.
 */
export async function runAdHoc(reader: Reader, statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
  const timeoutMs = limits.timeoutMs ?? (reader.blocksWriter ? ROLLBACK_MS : reader.timeoutMs);
  const isForWriters = limits.timeoutMs === null && reader.blocksWriter;
  const apart = new Apart({
    file: reader.file,
    busyMs: reader.busyMs,
    tooLong: () => tooLong(timeoutMs, isForWriters),
  });
  reader.onStart(() => apart.close());
  const prepare: Prepare = async text => (await apart.ask({kind: 'prepare', text}, timeoutMs)).isReading;
  const endMs = performance.now() + timeoutMs;
  try {
    await checkIsReading(prepare, statement);
    const {columns, rows, isCut} = await apart.ask(
      {kind: 'lists', text: statement.text, params: Object.fromEntries(statement.values), maxRows: limits.maxRows},
      Math.max(1, endMs - performance.now()),
    );
    return {columns, isCut, rows: (rows as unknown[][]).map(row => row.map(asValue))};
  } catch (error) {
    throw error instanceof UserError ? error : await explain(error as ChildError, statement, prepare);
  } finally {
    await apart.close();
  }
}

/** Compiles a statement; false if it certainly changes something or returns no rows. */
type Prepare = (text: string) => Promise<boolean>;

function tooLong(timeoutMs: number, isForWriters: boolean): UserError {
  const seconds = `${timeoutMs / 1000} s`;
  if (isForWriters)
    return new UserError(EXIT.unreachable, `the statement took longer than ${seconds} and was stopped.`, {
      hint: 'This file is in rollback-journal mode: while it is read, Agno cannot write. --timeout 4s allows more time, but Agno may lose spans.',
    });
  return new UserError(EXIT.unreachable, `the statement took longer than ${seconds} and was stopped.`, {
    hint: 'Narrow it, or allow more with --timeout 2m.',
  });
}

/** Integers become numbers if these hold them exactly; bytes are written as Postgres does. */
function asValue(value: unknown): AnswerValue {
  if (typeof value === 'bigint')
    return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  return value as AnswerValue;
}

async function checkIsReading(prepare: Prepare, statement: AdHoc): Promise<void> {
  if (await prepare(statement.text)) return;
  throw new UserError(EXIT.usage, 'the statement would change something or returns no rows: sql only reads.', {
    hint: 'Send a select.',
  });
}

/** SQLite says what is wrong, not where; the place is found by the word that it names. */
async function explain(error: ChildError, statement: AdHoc, prepare: Prepare): Promise<unknown> {
  const {code = '', errcode, message} = error;
  if (code === OLD_NODE)
    return new UserError(
      EXIT.failed,
      "sql needs better-sqlite3 here: this Node's own SQLite cannot tell columns apart.",
      {
        hint: 'Install agno-trace again (on Node 20 with a C++ compiler), or use Node 22.16 or later.',
      },
    );
  const isRefused =
    /^SQLITE_(ERROR|MISMATCH|TOOBIG|RANGE|AUTH|READONLY)$/.test(code) || [1, 8, 18, 20, 23, 25].includes(errcode ?? -1);
  if (code === TOO_LARGE)
    return new UserError(EXIT.unreachable, 'the result is larger than 512 MB.', {
      hint: 'Ask for fewer rows or columns: limit 1000, substr(attributes, 1, 1000).',
    });
  if (!isRefused) return error;
  return refusedStatement(message, await placeOf(message, statement, prepare), undefined, error);
}

const NAMED =
  /(?:no such (?:column|table|function)|ambiguous column name|misuse of \w+(?: function)?): (?:.*\.)?"?([^".()]+?)"?(?:\(\))?(?: - .*)?$/;

async function placeOf(message: string, statement: AdHoc, prepare: Prepare): Promise<StatementPlace | null> {
  const {text} = statement;
  const near = /near "([\s\S]+)": syntax error$/.exec(message)?.[1];
  if (near !== undefined) {
    // The first of these words up to which the text is already wrong.
    for (let at = text.indexOf(near); at >= 0; at = text.indexOf(near, at + 1))
      if (await isWrong(prepare, text.slice(0, at + near.length), message)) return statement.placeOf(at);
  }
  if (message === 'incomplete input') return statement.placeOf(text.length);
  const name = NAMED.exec(message)?.[1] ?? /to function (\w+)\(\)$/.exec(message)?.[1];
  return name === undefined ? null : statement.placeOfName(name);
}

async function isWrong(prepare: Prepare, text: string, message: string): Promise<boolean> {
  try {
    await prepare(text);
    return false;
  } catch (error) {
    return (error as Error).message === message;
  }
}
