import type {CommandModule} from '../../flags/command.ts';
import {
  addOutputFlags,
  addPatienceFlags,
  addPriceFlags,
  addWhatFlags,
  addWhoFlags,
  addWindowFlags,
} from '../../flags/declare.ts';

/** Runs, newest first; the unit is the run, wherever it stands (docs/design.md, Runs). */
const list: CommandModule = {
  examples: [
    {line: 'list', answer: 'the newest runs'},
    {
      line: "list -q 'session:session-31 (error OR degraded)' --last 7d",
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
      .option('--sort <figure>', 'duration, tokens, cost, spans, errors, started, largest first; - in front: smallest')
      .option('--traffic', 'also HTTP requests without a run')
      .option('--parts', 'a row for each part of a run that paused and went on, not one for the run')
      .option('--all-profiles', 'runs of all profiles; or repeat --profile');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default list;
