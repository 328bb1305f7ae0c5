import {spawn} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import type {Context} from '../context.ts';
import {makeTemporaryFolder, type TemporaryFolder} from '../private-file.ts';
import {type Safe, safe} from '../text/safe.ts';

export type OtherProgram = 'pager' | 'editor';

/**
 * Shows a text in the user's pager or editor, which has the terminal until it ends.
 * @returns what went wrong; null: nothing
 */
export async function readElsewhere(text: Safe, which: OtherProgram, env: Context['env']): Promise<Safe | null> {
  const {variable, command} = named(which, env);
  let folder: TemporaryFolder | null = null;
  try {
    folder = makeTemporaryFolder();
    const file = path.join(folder.path, 'span.txt');
    writeFileSync(file, `${text}\n`, {mode: 0o600});
    // Through a shell, because these variables may contain arguments.
    const child = spawn('/bin/sh', ['-c', `${command} "$0"`, file], {stdio: 'inherit'});
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    const refusal = code === null ? undefined : REFUSALS[code];
    return refusal === undefined ? null : safe(`${command}: ${refusal}; set ${variable}`);
  } catch (error) {
    return safe(`${command} could not be started: ${(error as Error).message}`);
  } finally {
    folder?.remove();
  }
}

/** The meaning of a shell's exit codes for a program that it could not start. */
const REFUSALS: Readonly<Record<number, string>> = {
  126: 'it is not executable',
  127: 'it does not exist',
};

/**
 * The program, and the variable that names it. An empty variable counts as unset: otherwise the shell would run the
 * file itself.
 */
function named(which: OtherProgram, env: Context['env']): {readonly variable: string; readonly command: string} {
  const variable = which === 'pager' ? 'PAGER' : env.VISUAL?.trim() ? 'VISUAL' : 'EDITOR';
  return {variable, command: env[variable]?.trim() || (which === 'pager' ? 'less' : 'vi')};
}
