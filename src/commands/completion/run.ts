import {SCRIPTS, SHELLS} from '../../completion/scripts.ts';
import type {Context} from '../../context.ts';
import {parseChoice} from '../../flags/values.ts';
import {own} from '../../text/safe.ts';

/** Answers `completion`: the script that a shell loads. */
export default async function completion(shell: string, context: Context): Promise<void> {
  context.stdout.write(own(SCRIPTS[parseChoice('shell', shell, SHELLS)]));
}
