import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';

/**
 * Writes a whole file or nothing: a new one beside it takes its place once it is on the disk. Mode 0600; what a link points
 * to is replaced, the link stays.
 * @throws the error of the file system
 */
export function writePrivateFile(file: string, text: string): void {
  const target = existsSync(file) ? realpathSync(file) : file;
  const temporary = `${target}.${process.pid}.new`;
  // Of a process that was killed and had the same number.
  rmSync(temporary, {force: true});
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(handle, text);
    fsyncSync(handle);
    // The umask may have taken more than asked.
    chmodSync(temporary, 0o600);
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, {force: true});
    throw error;
  } finally {
    closeSync(handle);
  }
}
