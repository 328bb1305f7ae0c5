// What the man page is made of.
export {buildProgram} from '../src/cli/program.ts';
export {COMMANDS} from '../src/commands/index.ts';
export {TOPICS} from '../src/help/topics.ts';
