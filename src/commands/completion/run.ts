import {SCRIPTS} from '../../completion/scripts.ts';
import type {Context} from '../../context.ts';
import {trusted} from '../../text/safe.ts';

/** Prints the script that a shell loads. */
export default function completion(shell: keyof typeof SCRIPTS, {stdout}: Context): void {
  stdout.write(trusted(SCRIPTS[shell]));
}
