import type {CommandModule} from '../flags/command.ts';
import {addOutputFlags, addPatienceFlags, addWhatFlags, addWhoFlags, addWindowFlags} from '../flags/declare.ts';

/** Runs, newest first; the unit is the run, wherever it stands (design section 3). */
const list: CommandModule = {
  summary: 'Runs, newest first, with their computed state',
  alias: 'ls',
  examples: [
    {line: 'list', answer: 'the newest runs'},
    {
      line: 'list --session session-31 --state error,degraded --last 7d',
      answer: 'what went wrong in a conversation this week',
    },
  ],
  declare: (command, context) => {
    addWindowFlags(command);
    addWhoFlags(command);
    addWhatFlags(command);
    command
      .optionsGroup('Page:')
      .option('-n, --limit <n>', 'runs on a page; 0: all', '20')
      .option('--cursor <text>', 'go on where the page before ended')
      .option('--traffic', 'also HTTP requests without a run');
    addPatienceFlags(command);
    addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
    command.action(async (_, self) => {
      const {default: answers} = await import('folder:../answers');
      await answers.list(self.optsWithGlobals(), context);
    });
  },
};
export default list;
