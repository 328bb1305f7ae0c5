import type {CommandModule} from '../../flags/command.ts';
import {addPatienceFlags, addPriceFlags, addWhatFlags, addWhoFlags, addWindowFlags} from '../../flags/declare.ts';

/** The screens of `tail` over what is there already. */
const ui: CommandModule = {
  examples: [
    {line: 'ui', answer: 'all runs, newest first; ? shows the keys'},
    {line: 'ui --last 24h -q "error OR degraded"', answer: 'what went wrong since yesterday'},
  ],
  declare: (command, context) => {
    addWindowFlags(command);
    addWhoFlags(command);
    addWhatFlags(command);
    command.optionsGroup('Show:').option('--traffic', 'also HTTP requests without a run');
    addPatienceFlags(command);
    addPriceFlags(command);
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default ui;
