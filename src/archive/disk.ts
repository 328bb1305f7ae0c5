import {closeSync, constants, fsyncSync, ftruncateSync, openSync, renameSync, rmSync, writeSync} from 'node:fs';
import path from 'node:path';

/** All that writing an archive asks of the disk; each call may fail. Synchronous: a transaction is open meanwhile. */
export interface Disk {
  /** Opens a file for writing at any place, private; `isNew`: there must be none. */
  open(file: string, isNew: boolean): number;
  write(handle: number, bytes: Buffer, at: number): void;
  sync(handle: number): void;
  truncate(handle: number, length: number): void;
  close(handle: number): void;
  /** The name is on the disk when it returns. */
  rename(from: string, to: string): void;
  remove(file: string): void;
}

export const DISK: Disk = {
  open: (file, isNew) => {
    const flags = constants.O_RDWR | constants.O_NOFOLLOW | (isNew ? constants.O_CREAT | constants.O_EXCL : 0);
    const handle = openSync(file, flags, 0o600);
    if (isNew) syncFolder(file);
    return handle;
  },
  write: (handle, bytes, at) => {
    for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done, bytes.length - done, at + done);
  },
  sync: fsyncSync,
  truncate: ftruncateSync,
  close: closeSync,
  rename: (from, to) => {
    renameSync(from, to);
    syncFolder(to);
  },
  remove: file => rmSync(file, {force: true}),
};

/** Without it a power cut may take the name away and leave the bytes. Windows cannot open folders. */
function syncFolder(file: string): void {
  if (process.platform === 'win32') return;
  const handle = openSync(path.dirname(file), 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
