import {
  accessSync,
  closeSync,
  constants,
  // Not `node:fs/promises`, which costs every start a millisecond: this is loaded on first use.
  promises as files,
  openSync,
  realpathSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type {Context, Output} from '../context.ts';
import {EXIT, fileReason, UserError} from '../errors.ts';
import {command} from '../text/shell.ts';
import {removeOnExit} from '../ways-out.ts';
import type {OutputFlags} from './declare.ts';

/** The destination of `-o`: written elsewhere until it is complete, then renamed atomically. */
export interface OutputFile extends Output {
  /** Its path, with links resolved. */
  readonly path: string;
  /** As typed; null: it is no regular file. */
  readonly typed: string | null;
  /** Writes the answer so far to disk, beside the file; a long answer need not fit into memory. */
  drained(): Promise<void>;
  /** @throws UserError exit 1; then the file is unchanged */
  save(): Promise<void>;
  /** Leaves the file unchanged. */
  discard(): Promise<void>;
}

/** The file of `--output`; null: the answer goes to stdout. Checks now whether it can be written. */
export function outputFileOf({output}: OutputFlags, {cwd}: Context): OutputFile | null {
  if (output === undefined || output === '-') return null;
  const target = path.resolve(cwd, output);
  const found = statOf(target);
  if (output === '' || output.endsWith('/') || found?.isDirectory())
    throw failed(`"${output}" is a folder.`, 'Name a file in it.');
  // A link stays, and its target is replaced; anything that is not a file (/dev/null, our own stdout) is written to
  // directly.
  const isPlain = !found || found.isFile();
  const file = found && isPlain ? realpathSync(target) : target;
  if (isPlain) checkFolder(path.dirname(file), output);
  else {
    refuseWaiting(target, found, output);
    checkWritable(file, output);
  }
  const place = isPlain ? new Replacement(file, found) : new Stream(file);
  let parts: string[] = [];
  const append = async () => {
    const text = parts.join('');
    parts = [];
    if (text !== '') await place.append(text);
  };
  const guarded = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      await place.discard();
      throw failed(`"${output}" could not be written: ${fileReason(error)}.`, 'Nothing was changed.', error);
    }
  };
  return {
    path: file,
    typed: isPlain ? output : null,
    isTTY: false,
    columns: undefined,
    write: text => void parts.push(text),
    drained: () => guarded(append),
    save: () =>
      guarded(async () => {
        await append();
        await place.finish();
      }),
    discard: () => place.discard(),
  };
}

/** The file is never incomplete: until the answer is on disk, it is written beside it under another name. */
class Replacement {
  private readonly temporary: string;
  private handle: files.FileHandle | null = null;
  private forget: () => void = () => undefined;

  constructor(
    private readonly file: string,
    private readonly found: Stats | null,
  ) {
    const name = `.${path.basename(file).slice(0, 100)}.${process.pid}.${Date.now()}.tmp`;
    this.temporary = path.join(path.dirname(file), name);
  }

  async append(text: string): Promise<void> {
    await (await this.opened()).appendFile(text);
  }

  async finish(): Promise<void> {
    const {found} = this;
    const handle = await this.opened();
    // Only root can give a file to another owner; anybody else who replaces a file owns it from then on.
    if (found && process.getuid?.() === 0) await handle.chown(found.uid, found.gid);
    if (found) await handle.chmod(found.mode & 0o7777);
    await handle.sync();
    await handle.close();
    await files.rename(this.temporary, this.file);
    this.handle = null;
    this.forget();
  }

  async discard(): Promise<void> {
    if (!this.handle) return;
    // It may be the cause of the failure, or already closed.
    await this.handle.close().catch(() => undefined);
    this.handle = null;
    this.forget();
    this.remove();
  }

  private async opened(): Promise<files.FileHandle> {
    if (this.handle) return this.handle;
    // A private file must not be readable by others even for a moment.
    this.handle = await files.open(this.temporary, 'wx', this.found ? 0o600 : 0o666);
    this.forget = removeOnExit(() => this.remove());
    return this.handle;
  }

  private remove(): void {
    try {
      unlinkSync(this.temporary);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

/** Anything that is not a file is written as the answer comes. */
class Stream {
  private handle: number | null = null;

  constructor(private readonly file: string) {}

  async append(text: string): Promise<void> {
    this.handle ??= openSync(this.file, 'w');
    writeFileSync(this.handle, text);
  }

  async finish(): Promise<void> {
    await this.discard();
  }

  async discard(): Promise<void> {
    if (this.handle !== null) closeSync(this.handle);
    this.handle = null;
  }
}

function checkFolder(folder: string, output: string): void {
  const found = statOf(folder);
  if (!found) throw failed(`there is no folder "${folder}" for "${output}".`, command`mkdir -p ${folder}`);
  if (!found.isDirectory()) throw failed(`"${folder}" is not a folder.`, 'Name a file in a folder.');
  checkWritable(folder, output);
}

function checkWritable(file: string, output: string): void {
  try {
    accessSync(file, constants.W_OK);
  } catch (error) {
    throw failed(`"${output}" cannot be written: ${fileReason(error)}.`, `Check the permissions of "${file}".`, error);
  }
}

/** Our own descriptors, whatever they lead to, are already open: for example a shell's `-o >(less)`. */
const OWN_DESCRIPTOR = /^\/(dev\/(stdout|stderr|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/** A pipe waits for its reader, which may not exist; a disk device is no place for an answer. */
function refuseWaiting(target: string, found: Stats, output: string): void {
  if (found.isCharacterDevice() || OWN_DESCRIPTOR.test(target)) return;
  throw failed(`"${output}" is not a regular file.`, 'Name a file, or leave out -o and use a pipe.');
}

function statOf(file: string): Stats | null {
  try {
    return statSync(file);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw failed(`"${file}" cannot be reached: ${fileReason(error)}.`, 'Check the permissions of its folders.', error);
  }
}

function failed(message: string, hint: string, cause?: unknown): UserError {
  return new UserError(EXIT.failed, message, {hint, cause});
}
