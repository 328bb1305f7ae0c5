import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags} from '../../flags/declare.ts';

/** Gives back the space that deleted traces left, as far as that keeps nobody from writing. */
const vacuum: CommandModule = {
  examples: [
    {line: 'vacuum', answer: 'what it gives back and costs, and then it asks'},
    {line: 'vacuum --offline --yes', answer: 'a whole SQLite file, while its program is stopped'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('How:')
      .option('--dry-run', 'the plan only, exit 0')
      .option('--yes', 'do not ask')
      .option('--offline', 'SQLite: the whole file; nothing else may have it open')
      .option('--lock-wait <length>', 'wait so long for another writing command to end');
    addOutputFlags(command, ['table', 'json'], {printSql: false});
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default vacuum;
