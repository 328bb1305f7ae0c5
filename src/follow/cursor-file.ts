import {EXIT, fileReason, UserError, usageError} from '../errors.ts';
import {readOwn, writePrivateFile} from '../private-file.ts';
import type {ReaderPosition} from './reader.ts';
import type {Cursor} from './start.ts';

const SCHEMA = 'agno-trace/cursor/1';
/** Most of it may be remembered rows of a long transaction. */
const MOST_BYTES = 256 * 1024 ** 2;

/**
 * A cursor in a file. It is written after the consumer has taken a delivery, so a killed run repeats at most the
 * delivery in progress: output and cursor are not one transaction.
 */
export class CursorFile {
  constructor(private readonly file: string) {}

  /**
   * @returns null if there is no such file yet
   * @throws UserError exit 2 if it is something else
   */
  load(): Cursor | null {
    let text: string;
    try {
      text = readOwn(this.file, MOST_BYTES);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new UserError(EXIT.usage, `the cursor file "${this.file}" cannot be read: ${fileReason(error)}.`, {
        hint: 'Check its permissions, or name another one.',
        cause: error,
      });
    }
    const cursor = parsed(text);
    if (cursor) return cursor;
    throw usageError(
      `"${this.file}" is not a cursor file, or is damaged.`,
      'Remove it to start over, or name another --cursor-file.',
    );
  }

  /** Replaces the file atomically; mode 0600. */
  save(cursor: Cursor): void {
    try {
      writePrivateFile(this.file, `${JSON.stringify({schema: SCHEMA, ...cursor})}\n`);
    } catch (error) {
      throw new UserError(EXIT.failed, `the cursor file "${this.file}" cannot be written: ${fileReason(error)}.`, {
        hint: 'Check the permissions of its folder, or name another one.',
        cause: error,
      });
    }
  }
}

type Json = Readonly<Record<string, unknown>>;

function parsed(text: string): Cursor | null {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(json) || json.schema !== SCHEMA) return null;
  const {source, position, backlog, atMicros} = json;
  const isWhole =
    typeof source === 'string' &&
    isTexts(backlog) &&
    typeof atMicros === 'number' &&
    isRecord(position) &&
    isPosition(position);
  return isWhole ? {source, position: position as unknown as ReaderPosition, backlog, atMicros} : null;
}

function isPosition(position: Json): boolean {
  const isRows = (rows: unknown, fits: (row: readonly unknown[]) => boolean) =>
    Array.isArray(rows) && rows.every(row => Array.isArray(row) && fits(row));
  if (position.dialect === 'sqlite')
    return (
      isRows(position.anchors, ([rowid, id]) => Number.isSafeInteger(rowid) && typeof id === 'string') &&
      Number.isSafeInteger(position.exactFrom) &&
      isTexts(position.ahead) &&
      typeof position.atMicros === 'number'
    );
  if (position.dialect === 'clickhouse')
    return (
      typeof position.identity === 'string' &&
      isCount(position.startedMicros) &&
      Number.isSafeInteger(position.block) &&
      isRows(
        position.seen,
        ([id, created, told]) => typeof id === 'string' && Number.isSafeInteger(created) && isCount(told),
      )
    );
  return (
    position.dialect === 'postgres' &&
    typeof position.identity === 'string' &&
    Array.isArray(position.lanes) &&
    position.lanes.every(lane => isRecord(lane) && isCount(lane.lowXid) && isTime(lane.fromMicros)) &&
    isRows(position.seen, ([id, xid, micros]) => typeof id === 'string' && isCount(xid) && isTime(micros))
  );
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string');
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown) => value === null || Number.isSafeInteger(value);
