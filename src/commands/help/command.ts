import type {CommandModule} from '../../flags/command.ts';

const help: CommandModule = {
  examples: [
    {line: 'help', answer: 'all commands and topics'},
    {line: 'help connecting', answer: 'how to name a database'},
  ],
  declare: (command, context) => {
    command.argument('[topic...]', 'a command or a topic');
    command.action(async (words: readonly string[], _, self) => {
      const {default: run} = await import('./run.ts');
      await run(words, self.parent, context);
    });
  },
};
export default help;
