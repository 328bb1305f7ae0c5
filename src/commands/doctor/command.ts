import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags} from '../../flags/declare.ts';

/** What it is connected to, what stands there, and what is wrong with it. */
const doctor: CommandModule = {
  examples: [
    {line: 'doctor', answer: 'how it is connected, and what was found'},
    {line: 'doctor --strict --json', answer: 'for a script: exit 7 when something is wrong'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Check:')
      .option('--all', 'every run and every row, however long it takes (default: newest 2000 runs, some seconds)')
      .option('--strict', 'exit 7 when there is a warning or an error');
    addOutputFlags(command, ['table', 'json', 'jsonl']);
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default doctor;
