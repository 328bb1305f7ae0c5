import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import {FileRefused} from '../errors.ts';
import {openOwn} from '../private-file.ts';

/**
 * The disk operations for writing an archive; each call may fail. Synchronous, because a transaction is open
 * meanwhile.
 */
export interface Disk {
  /** Creates a new private file that can be written at any position. */
  create(file: string): number;
  /**
   * Opens a file that `create` made; null: there is none.
   * @throws FileRefused for a file that somebody else put there, or can read or change
   */
  reopen(file: string): number | null;
  write(handle: number, bytes: Buffer, at: number): void;
  sync(handle: number): void;
  truncate(handle: number, length: number): void;
  close(handle: number): void;
  /**
   * When it returns, the new name is on disk.
   * @throws FileRefused if the open file no longer has this name
   */
  rename(from: string, to: string, handle: number): void;
  remove(file: string): void;
}

export const DISK: Disk = {
  create: file => {
    const handle = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600);
    syncFolder(file);
    return handle;
  },
  reopen: file => {
    try {
      return openOwn(file, constants.O_RDWR);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  },
  write: (handle, bytes, at) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done, bytes.length - done, at + done);
  },
  sync: fsyncSync,
  truncate: ftruncateSync,
  close: closeSync,
  rename: (from, to, handle) => {
    renameSync(from, to);
    syncFolder(to);
    const [ours, there] = [fstatSync(handle), lstatSync(to)];
    if (ours.dev !== there.dev || ours.ino !== there.ino)
      throw new FileRefused('another program put a file of its own in its place');
  },
  remove: file => rmSync(file, {force: true}),
};

/** Without this, a power cut may lose the name and keep the bytes. Windows cannot open folders. */
function syncFolder(file: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
