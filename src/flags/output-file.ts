import {
  accessSync,
  closeSync,
  constants,
  // Not `node:fs/promises`, which costs every start a millisecond: this is loaded when it is first used.
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

/** Where `-o` sends the answer: kept until it is whole, then put in place at once. */
export interface OutputFile extends Output {
  /** Its path, links followed. */
  readonly path: string;
  /** What was written so far goes to the disk, beside the file; a long answer need not fit into memory. */
  drained(): Promise<void>;
  /** @throws UserError exit 1; the file is then what it was before */
  save(): Promise<void>;
  /** Leaves the file as it was. */
  discard(): Promise<void>;
}

/** The file that `--output` names; null: the answer goes to stdout. Whether it can be written is found out now. */
export function outputFileOf({output}: OutputFlags, {cwd}: Context): OutputFile | null {
  if (output === undefined || output === '-') return null;
  const target = path.resolve(cwd, output);
  const found = statOf(target);
  if (output === '' || output.endsWith('/') || found?.isDirectory())
    throw failed(`"${output}" is a folder.`, 'Name a file in it.');
  // Through a link its target is replaced, not the link; what is no file (/dev/null, our own stdout) is written to.
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

/** A file is never half there: what is written lies beside it under another name until it is on the disk. */
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
    // Only root may give a file away; whoever else replaces one owns it from then on.
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
    // It may be what failed, or be closed already.
    await this.handle.close().catch(() => undefined);
    this.handle = null;
    this.forget();
    this.remove();
  }

  private async opened(): Promise<files.FileHandle> {
    if (this.handle) return this.handle;
    // A file that was private must not be readable for a moment.
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

/** What is no file is written as it comes. */
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

/** Our own descriptors, whatever they lead to, are open already: `-o >(less)` of a shell is one. */
const OWN_DESCRIPTOR = /^\/(dev\/(stdout|stderr|fd\/\d+)|proc\/self\/fd\/\d+)$/;

/** A pipe waits for whoever is to read it, which may be nobody; a disk is no place for an answer. */
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
