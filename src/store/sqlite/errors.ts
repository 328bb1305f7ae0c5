import {EXIT, UserError} from '../../errors.ts';
import {damaged} from '../damaged.ts';

/** SQLite's result code of a driver's error: better-sqlite3 spells it, node:sqlite numbers it. */
function codeOf(error: unknown): string {
  const {code, errcode} = error as {code?: string; errcode?: number};
  if (typeof errcode === 'number') return PRIMARY[errcode & 0xff] ?? `SQLITE_${errcode}`;
  return code ?? '';
}

const PRIMARY: Readonly<Record<number, string>> = {
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
};

export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

/**
 * A row that a table cannot hold: a constraint, a size, a key that is not a number. A trigger may have ended the
 * whole transaction.
 */
export function isUnfitForSqlite(error: unknown): boolean {
  const {errcode} = error as {errcode?: number};
  if (typeof errcode === 'number') return UNFIT_CODES.has(errcode & 0xff) && errcode !== CONSTRAINT_TRIGGER;
  return /^SQLITE_(CONSTRAINT(?!_TRIGGER)|TOOBIG|MISMATCH)/.test(codeOf(error));
}
const UNFIT_CODES: ReadonlySet<number> = new Set([18, 19, 20]);
const CONSTRAINT_TRIGGER = 19 | (7 << 8);

/** A driver's error in words, or the error itself if it is a defect of ours (bad SQL). */
export function explainSqlite(error: unknown, file: string): unknown {
  if (error instanceof UserError) return error;
  const code = codeOf(error);
  const fail = (message: string, hint: string) => new UserError(EXIT.unreachable, message, {hint, cause: error});
  if (isBusy(error))
    return fail(
      `"${file}" is locked by another program.`,
      'Try again. If this continues, a program keeps a transaction open.',
    );
  if (code === 'SQLITE_NOTADB') return fail(`"${file}" is not a SQLite database, or it is encrypted.`, 'Check --db.');
  if (code.startsWith('SQLITE_CORRUPT')) return damaged(file, error);
  if (code === 'SQLITE_READONLY_ROLLBACK')
    return fail(
      `the program that wrote "${file}" was stopped during a commit, and left a "-journal" file.`,
      'Start that program again: it rolls the commit back. agno-trace only reads.',
    );
  if (code.startsWith('SQLITE_READONLY') || code.startsWith('SQLITE_CANTOPEN')) {
    return fail(
      `"${file}" cannot be opened.`,
      'SQLite needs -wal and -shm files beside it: may you read and write in the folder? You can also copy the three files and read the copy.',
    );
  }
  if (code === 'SQLITE_FULL')
    return fail(
      `the disk of "${file}" is full.`,
      'Even deleting needs room for the journal: free some space, then rerun the command.',
    );
  if (code.startsWith('SQLITE_IOERR'))
    return fail(`"${file}" cannot be read: the disk reported an error.`, 'Check the disk and its file system.');
  const {message} = error as Error;
  if (code.startsWith('SQLITE_') && OF_THE_FILE.test(message))
    return fail(
      `"${file}" needs a feature that this SQLite does not have: ${message}.`,
      'The feature comes from the program that made the file, or from a newer SQLite. A plain copy of the tables can be read.',
    );
  if (code.startsWith('SQLITE_') && /^(no such (table|view)|error in (view|index|trigger))/.test(message))
    return new UserError(EXIT.schema, `the tables of "${file}" cannot be read: ${message}.`, {
      hint: 'Did Agno create them? A view may refer to a table that no longer exists.',
      cause: error,
    });
  return error;
}

/** Errors about something that the schema of a file names and only its own program knows. */
const OF_THE_FILE =
  /^(no such (collation sequence|module|tokenizer)|unknown tokenizer|unsupported file format|malformed database schema|no such function.* in (view|index))/;
