import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {FileRefused} from './errors.ts';
import {removeOnExit} from './ways-out.ts';

/*
 * Our own files, in folders where others may be able to create files too: they are created exclusively, never through
 * a link, checked by their descriptor, and must belong to us alone. Files that the user names must be regular,
 * because a pipe or a device may never answer. docs/security.md has the consequences.
 */

// Windows has neither flag; it has no such pipes in folders, and only administrators can create links.
const NO_LINK = constants.O_NOFOLLOW ?? 0;
const NO_WAIT = constants.O_NONBLOCK ?? 0;

/** Opens a file named by the user, for reading. @throws FileRefused unless it is a regular file */
export function openRegular(file: string): number {
  return opened(file, constants.O_RDONLY | NO_WAIT, whyNotRegular);
}

/** Opens a file that we created and that nobody else can have changed; `flags` as for open(2). */
export function openOwn(file: string, flags: number): number {
  return opened(file, flags | NO_LINK | NO_WAIT, whyNotOwn);
}

function opened(file: string, flags: number, refusal: (stat: Stats) => string | null): number {
  const handle = openSync(file, flags);
  try {
    const reason = refusal(fstatSync(handle));
    if (reason !== null) throw new FileRefused(reason);
    return handle;
  } catch (error) {
    closeSync(handle);
    throw error;
  }
}

function whyNotRegular(stat: Stats): string | null {
  if (stat.isFile()) return null;
  return stat.isDirectory() ? 'it is a folder' : stat.isSymbolicLink() ? 'it is a link' : 'it is not a regular file';
}

const OTHERS_MAY = 0o077;
const OTHERS_WRITE = 0o022;

/** Why a file is not ours alone; null: it is. */
function whyNotOwn(stat: Stats): string | null {
  return (
    whyNotRegular(stat) ?? whyShared(stat, OTHERS_MAY) ?? (stat.nlink > 1 ? 'it has a second name (a hard link)' : null)
  );
}

function whyShared({uid, mode}: Stats, bits: number): string | null {
  const user = process.getuid?.();
  if (user === undefined) return null;
  if (uid !== user) return 'it belongs to another user';
  return (mode & bits) === 0
    ? null
    : `others have a right to it (mode ${(mode & 0o7777).toString(8).padStart(4, '0')})`;
}

/** The file's text. @throws FileRefused if it is not a regular file, or too large for its kind */
export function readRegular(file: string, mostBytes: number): string {
  return textOf(openRegular(file), mostBytes);
}

/** Like `readRegular`, for a file that we created: a file that another user put there, or can change, is refused. */
export function readOwn(file: string, mostBytes: number): string {
  const handle = opened(
    file,
    constants.O_RDONLY | NO_WAIT,
    stat => whyNotRegular(stat) ?? whyShared(stat, OTHERS_WRITE),
  );
  return textOf(handle, mostBytes);
}

function textOf(handle: number, mostBytes: number): string {
  try {
    const parts: Buffer[] = [];
    for (let left = mostBytes; ; ) {
      // Does not rely on the reported length: the file may grow meanwhile, and files in /proc have none.
      const part = Buffer.allocUnsafe(Math.min(left + 1, 1 << 16));
      const length = readSync(handle, part);
      if (length > left) throw new FileRefused(`it is longer than ${mostBytes} bytes`);
      if (length === 0) return Buffer.concat(parts).toString('utf8');
      parts.push(part.subarray(0, length));
      left -= length;
    }
  } finally {
    closeSync(handle);
  }
}

/**
 * Creates the missing folders of a path, for their owner only. Node's `recursive` never ends if none can be created,
 * as in /proc.
 */
export function makeFolders(folder: string): void {
  const missing: string[] = [];
  for (let at = folder; !lstatSync(at, {throwIfNoEntry: false}); at = path.dirname(at)) missing.push(at);
  for (const one of missing.reverse()) {
    try {
      mkdirSync(one, {mode: 0o700});
    } catch (error) {
      // Another process was faster.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/**
 * Creates a folder for its owner only (0700) if there is none.
 * @throws FileRefused for a folder that belongs to somebody else, or that others can change
 */
export function makeOwnFolder(folder: string): void {
  makeFolders(folder);
  const stat = lstatSync(folder);
  const reason = stat.isDirectory() ? whyShared(stat, OTHERS_WRITE) : 'its folder is a link, or none at all';
  if (reason !== null) throw new FileRefused(reason.replace(/^it /, 'its folder '));
}

/** By device and inode; see `holdOwn`. */
const held = new Map<string, number>();

/**
 * Makes sure that a file which SQLite opens by its name is ours alone: creates it if there is none, checks it
 * otherwise. Its folder must be ours (`makeOwnFolder`), or it could be another file a moment later. The descriptor is
 * never closed: closing would release every lock of this process on the file (fcntl(2)).
 */
export function holdOwn(file: string): void {
  const found = lstatSync(file, {throwIfNoEntry: false, bigint: true});
  const before = found && held.get(`${found.dev}-${found.ino}`);
  if (before !== undefined) {
    const reason = whyNotOwn(fstatSync(before));
    if (reason !== null) throw new FileRefused(reason);
    return;
  }
  const handle = found
    ? openOwn(file, constants.O_RDONLY)
    : openSync(file, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  const {dev, ino} = fstatSync(handle, {bigint: true});
  held.set(`${dev}-${ino}`, handle);
}

/** @throws FileRefused for an existing file that is not ours alone; it is not opened */
export function checkOwn(file: string): void {
  const stat = lstatSync(file, {throwIfNoEntry: false});
  const reason = stat ? whyNotOwn(stat) : null;
  if (reason !== null) throw new FileRefused(reason);
}

/** A folder for its owner only, removed with its contents however the process ends. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): void;
}

export function makeTemporaryFolder(): TemporaryFolder {
  // The system chooses its name; its mode is 0700.
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-'));
  const remove = () => rmSync(folder, {recursive: true, force: true});
  const forget = removeOnExit(remove);
  return {
    path: folder,
    remove: () => {
      remove();
      forget();
    },
  };
}

/**
 * Writes a file atomically: a new one beside it replaces it once it is on disk. Mode 0600; a link stays, and its
 * target is replaced.
 * @throws the error of the file system
 */
export function writePrivateFile(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const found = lstatSync(target, {throwIfNoEntry: false});
  const reason = found ? whyNotRegular(found) : null;
  if (reason !== null) throw new FileRefused(reason);
  const temporary = `${target}.${process.pid}.new`;
  // Left by a killed process with the same id.
  rmSync(temporary, {force: true});
  const handle = openSync(temporary, 'wx', 0o600);
  const forget = removeOnExit(() => rmSync(temporary, {force: true}));
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
    // The umask may have removed more permissions.
    chmodSync(temporary, 0o600);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, {force: true});
    throw error;
  } finally {
    closeSync(handle);
    forget();
  }
}
