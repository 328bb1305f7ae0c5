import {
  accessSync,
  constants,
  // Not `node:fs/promises`, which costs every start a millisecond: this is loaded when it is first used.
  promises as files,
  realpathSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type {Context, Output} from '../context.ts';
import {EXIT, fileReason, UserError} from '../errors.ts';
import type {OutputFlags} from './declare.ts';

/** Where `-o` sends the answer: kept until it is whole, then put in place at once. */
export interface OutputFile extends Output {
  /** Its path, links followed. */
  readonly path: string;
  /** @throws UserError exit 1; the file is then what it was before */
  save(): Promise<void>;
}

/** The file that `--output` names; null: the answer goes to stdout. Whether it can be written is found out now. */
export function outputFileOf({output}: OutputFlags, {cwd}: Context): OutputFile | null {
  if (output === undefined || output === '-') return null;
  const target = path.resolve(cwd, output);
  const found = statOf(target);
  if (output === '' || output.endsWith('/') || found?.isDirectory())
    throw failed(`"${output}" is a folder.`, 'Name a file in it.');
  // Through a link its target is replaced, not the link; what is no file (/dev/null, a pipe) is written to.
  const file = found ? realpathSync(target) : target;
  const isPlain = !found || found.isFile();
  if (isPlain) checkFolder(path.dirname(file), output);
  else checkWritable(file, output);
  const parts: string[] = [];
  return {
    path: file,
    isTTY: false,
    columns: undefined,
    write: text => void parts.push(text),
    save: async () => {
      try {
        if (isPlain) await replace(file, parts, found);
        else writeFileSync(file, parts.join(''));
      } catch (error) {
        throw failed(`"${output}" could not be written: ${fileReason(error)}.`, 'Nothing was changed.', error);
      }
    },
  };
}

/** A file is never half there: what is written lies beside it under another name until it is on the disk. */
async function replace(file: string, parts: readonly string[], found: Stats | null): Promise<void> {
  const temporary = path.join(
    path.dirname(file),
    `.${path.basename(file).slice(0, 100)}.${process.pid}.${Date.now()}.tmp`,
  );
  const remove = () => {
    try {
      unlinkSync(temporary);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  };
  const onSignal = (signal: NodeJS.Signals) => {
    remove();
    process.kill(process.pid, signal);
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, onSignal);
  try {
    // A file that was private must not be readable for a moment.
    const handle = await files.open(temporary, 'wx', found ? 0o600 : 0o666);
    try {
      for (const part of parts) await handle.appendFile(part);
      // Only root may give a file away; whoever else replaces one owns it from then on.
      if (found && process.getuid?.() === 0) await handle.chown(found.uid, found.gid);
      if (found) await handle.chmod(found.mode & 0o7777);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.rename(temporary, file);
  } catch (error) {
    remove();
    throw error;
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
  }
}

function checkFolder(folder: string, output: string): void {
  const found = statOf(folder);
  if (!found) throw failed(`there is no folder "${folder}" for "${output}".`, `mkdir -p ${JSON.stringify(folder)}`);
  if (!found.isDirectory()) throw failed(`"${folder}" is not a folder.`, 'Name a file in a folder.');
  checkWritable(folder, output);
}

function checkWritable(file: string, output: string): void {
  try {
    accessSync(file, constants.W_OK);
  } catch (error) {
    throw failed(`"${output}" may not be written: ${fileReason(error)}.`, `Check the permissions of "${file}".`, error);
  }
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
