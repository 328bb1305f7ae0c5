// What the man page is made of.
import topics from 'folder:../src/help';
import questions from 'folder:../src/queries/canned';

import {COMMANDS} from '../src/commands/index.ts';

export {buildProgram} from '../src/cli/program.ts';
export {topics};
export const commands = {...COMMANDS, ...questions};
