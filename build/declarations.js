// What the man page is made of.
import modules from 'folder:../src/commands';
import topics from 'folder:../src/help';
import questions from 'folder:../src/queries/canned';

export {buildProgram} from '../src/cli/program.ts';
export {topics};
export const commands = {...modules, ...questions};
