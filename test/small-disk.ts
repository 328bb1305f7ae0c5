import {execFileSync} from 'node:child_process';
import {rmSync, statfsSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll} from 'vitest';
import {temporaryFolder} from './fixtures.ts';

export interface SmallDisk {
  readonly folder: string;
  /** Leaves so many bytes. */
  readonly fill: (leave: number) => void;
  readonly empty: () => void;
}

/** A file system of 4 MB; null where this user may not make one. */
export function smallDisk(): SmallDisk | null {
  const folder = temporaryFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], {stdio: 'ignore'});
  } catch {
    return null;
  }
  // This process may still have a database on it open.
  afterAll(() => void execFileSync('umount', ['--lazy', folder]));
  const filler = path.join(folder, 'fill');
  return {
    folder,
    fill: leave => {
      const {bavail, bsize} = statfsSync(folder);
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - leave)));
    },
    empty: () => rmSync(filler),
  };
}
