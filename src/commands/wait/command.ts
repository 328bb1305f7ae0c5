import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags, addPatienceFlags, addPriceFlags} from '../../flags/declare.ts';

/** For scripts: returns when a run has ended. */
const wait: CommandModule = {
  examples: [
    {line: 'wait 9aa6a590-6d3e-4c1b-9f5e-0c1d2b3a4f5e --timeout 5m', answer: 'waits for a run, written already or not'},
    {line: 'wait latest && echo done', answer: 'the newest run: 0 ok, degraded or paused, 7 failed, 6 out of time'},
  ],
  declare: (command, context) => {
    command
      .argument('<id>', 'run, trace, span or session id, or "latest"; a whole id may be one that is still to come')
      .optionsGroup('Wait:')
      .option('--timeout <length>', 'give up after this time, exit 6 (default: 10m)')
      .option('--interval <length>', 'pause between looks (default: 200ms on SQLite, 400ms on Postgres)')
      .configureHelp({
        ...command.configureHelp(),
        // Here the flag of this name is another one than everywhere else.
        visibleGlobalOptions: self => (self.parent?.options ?? []).filter(option => option.long !== '--timeout'),
      });
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, ['table', 'json', 'jsonl']);
    command.action(async (id: string, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(id, self.optsWithGlobals(), context);
    });
  },
};
export default wait;
