import {copyFileSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {atEndOfFile} from './end-of-file.ts';

/** A folder of its own for a test file; removed at its end. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-test-'));
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
