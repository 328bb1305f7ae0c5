import {
  accessSync,
  constants,
  existsSync,
  // Not `node:fs/promises`, which costs every start a millisecond: this is loaded on first use.
  promises as files,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {EXIT, UserError} from '../../errors.ts';
import {makeTemporaryFolder} from '../../private-file.ts';

/** The file to open, and what to do after closing it. */
export interface Readable {
  readonly file: string;
  /** Why a copy is read; null: the file is read in place. */
  readonly reason: string | null;
  /** When copying began: later writes are not in the copy. Milliseconds since 1970. */
  readonly begunMs: number;
  readonly dispose: () => void;
}

const LARGEST_COPY_BYTES = 2 * 1024 ** 3;

/**
 * SQLite reads a file in WAL mode only with an `-shm` file beside it, and creates one. If it cannot, or if we would
 * create one beside another user's file, whose program could then no longer write ("readonly database"), a private
 * copy is read instead: the database and the newest rows in its `-wal` (docs/agno.md, SQLite files).
 */
export async function readableFile(file: string, largestCopyBytes = LARGEST_COPY_BYTES): Promise<Readable> {
  const begunMs = Date.now();
  const reason = reasonToCopy(file);
  if (reason === null) return {file, reason, begunMs, dispose: () => undefined};
  const parts = ['', '-wal'].filter(suffix => existsSync(file + suffix));
  const bytes = parts.reduce((sum, suffix) => sum + statSync(file + suffix).size, 0);
  if (bytes > largestCopyBytes) {
    throw new UserError(EXIT.unreachable, `"${file}" cannot be read in place: ${reason}.`, {
      hint: 'It is too large to copy automatically: copy it with its -wal file, and read the copy.',
    });
  }
  const folder = makeTemporaryFolder();
  const copy = path.join(folder.path, path.basename(file));
  try {
    // Asynchronous: signals must be handled while gigabytes are copied.
    for (const suffix of parts) await files.copyFile(file + suffix, copy + suffix, constants.COPYFILE_FICLONE);
  } catch (error) {
    folder.remove();
    throw new UserError(EXIT.unreachable, `"${file}" can neither be read in place nor copied.`, {
      hint: `Is there room in ${tmpdir()}?`,
      cause: error,
    });
  }
  return {file: copy, reason, begunMs, dispose: folder.remove};
}

function reasonToCopy(file: string): string | null {
  if (!isWal(file)) return null;
  const shm = `${file}-shm`;
  if (existsSync(shm)) return may(shm, constants.R_OK) ? null : 'you may not read its -shm file';
  if (!may(path.dirname(file), constants.W_OK)) return 'it is in WAL mode, and you may not write to its folder';
  const user = process.getuid?.();
  // SQLite gives files that root creates to the owner of the database.
  const isOthers = user !== undefined && user !== 0 && statSync(file).uid !== user;
  return isOthers ? 'it is in WAL mode and belongs to another user' : null;
}

/**
 * By file (device and inode). Never closed: closing would release every lock of this process on the file, including
 * those of open connections (fcntl(2)). In WAL mode, the next program that ends would then count as the last one and
 * remove the journal: an open reader would never see a new row, and commits of an open writer would be lost.
 */
const headers = new Map<string, number>();

/** From the file's header (https://www.sqlite.org/fileformat.html, offset 18). */
export function isWal(file: string): boolean {
  const {dev, ino} = statSync(file);
  const key = `${dev}-${ino}`;
  const handle = headers.get(key) ?? openSync(file, 'r');
  headers.set(key, handle);
  const header = Buffer.alloc(20);
  return readSync(handle, header, 0, 20, 0) === 20 && header[18] === 2;
}

function may(target: string, mode: number): boolean {
  try {
    accessSync(target, mode);
    return true;
  } catch {
    return false;
  }
}
