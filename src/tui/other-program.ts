import {spawn} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {makeTemporaryFolder} from '../private-file.ts';
import {own, type Safe, safe} from '../text/safe.ts';

export type OtherProgram = 'pager' | 'editor';

/**
 * Has a text read in the user's pager or editor, which has the terminal until it ends.
 * @returns what went wrong; null: nothing
 */
export async function readElsewhere(
  text: Safe,
  which: OtherProgram,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Safe | null> {
  const command = which === 'pager' ? (env.PAGER ?? 'less') : (env.VISUAL ?? env.EDITOR ?? 'vi');
  const folder = makeTemporaryFolder();
  try {
    const file = path.join(folder.path, 'span.txt');
    writeFileSync(file, `${text}\n`, {mode: 0o600});
    // By a shell, as these variables may hold arguments.
    const child = spawn('/bin/sh', ['-c', `${command} "$0"`, file], {stdio: 'inherit'});
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', resolve);
    });
    return code === 127 ? safe(`${command}: there is no such program; set ${which.toUpperCase()}`) : null;
  } catch (error) {
    return safe(`${command} could not be started: ${(error as Error).message}`);
  } finally {
    folder.remove();
  }
}

/** Without colours: whatever shows it has its own. */
export function withoutStyles(text: Safe): Safe {
  return own(text.replace(/\x1b\[[\d;]*m/g, ''));
}
