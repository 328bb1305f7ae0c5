import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags} from '../../flags/declare.ts';

/** Makes what is missing around Agno's tables: the plan first, each step with its reason and its lock. */
const migrate: CommandModule = {
  examples: [
    {line: 'migrate', answer: 'the plan, and then it asks'},
    {line: 'migrate --print-sql', answer: 'the same as SQL, for a DBA'},
    {line: 'migrate status', answer: 'what is there and what is not'},
    {line: 'migrate --undo --dry-run', answer: 'what it made and would take away'},
  ],
  declare: (command, context) => {
    command
      .argument('[what]', 'status: what is there, and nothing else')
      .optionsGroup('How:')
      .option('--dry-run', 'the plan only, exit 0')
      .option('--yes', 'do not ask')
      .option('--undo', 'take away all that migrate made, and nothing else')
      .option('--offline', 'SQLite: also what needs the file for itself; nothing else may have it open')
      .option('--lock-wait <length>', 'wait so long for another writing command to end')
      .option('--print-sql', 'print the SQL of the plan and change nothing');
    addOutputFlags(command, ['table', 'json'], {printSql: false});
    command.action(async (what: string | undefined, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(what, self.optsWithGlobals(), context);
    });
  },
};
export default migrate;
