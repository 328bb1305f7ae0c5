import {copyFileSync, existsSync, mkdtempSync, rmSync, statfsSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {atEndOfFile} from './end-of-file.ts';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 2e9;

/** Where Linux keeps files in memory, and a commit waits for no disk: no test is about power cuts. */
export function folderInMemory(enoughBytes = ENOUGH_BYTES): string | null {
  const {bavail, bsize} = existsSync(MEMORY) ? statfsSync(MEMORY) : {bavail: 0, bsize: 0};
  return bavail * bsize > enoughBytes ? MEMORY : null;
}

/** A folder of its own for a test file; removed at its end. Programs may be run only from one that `isOnDisk`. */
export function temporaryFolder({isOnDisk = false} = {}): string {
  const folder = mkdtempSync(path.join((isOnDisk ? null : folderInMemory()) ?? tmpdir(), 'agno-trace-test-'));
  atEndOfFile(() => rmSync(folder, {recursive: true, force: true}));
  return folder;
}

export function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).pathname;
}

/** A copy of a SQLite fixture: opening one in WAL mode leaves files beside it. */
export function sqliteCopy(name: string): string {
  const file = path.join(temporaryFolder(), path.basename(name));
  copyFileSync(fixture(name), file);
  return file;
}
