import {copyFileSync, existsSync, mkdtempSync, rmSync, statfsSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {atEndOfFile} from './end-of-file.ts';

const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 2e9;

/** Linux keeps files there in memory, where a commit of SQLite waits for no disk: no test is about power cuts. */
function isRoomInMemory(): boolean {
  const {bavail, bsize} = existsSync(MEMORY) ? statfsSync(MEMORY) : {bavail: 0, bsize: 0};
  return bavail * bsize > ENOUGH_BYTES;
}

/** A folder of its own for a test file; removed at its end. Programs may be run only from one that `isOnDisk`. */
export function temporaryFolder({isOnDisk = false} = {}): string {
  const folder = mkdtempSync(path.join(!isOnDisk && isRoomInMemory() ? MEMORY : tmpdir(), 'agno-trace-test-'));
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
