import type {CommandModule} from '../../flags/command.ts';

/** Runs that real Agno wrote, moved to the present, in a database of their own; nothing else is ever touched. */
const demo: CommandModule = {
  examples: [
    {line: 'demo --live', answer: 'runs that happen now, for tail in another terminal'},
    {line: 'demo --traces 30000 --path big.db', answer: 'about 1.2 million spans, for measuring'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Demo:')
      .option('--path <file>', 'SQLite file to make', 'agno-trace-demo.db')
      .option('--traces <n>', 'a large synthetic database with n runs instead; with --db on Postgres')
      .option('--live', 'play recorded runs into it as if they ran now, until ^C')
      .option('--speed <x>', 'with --live: 2 plays twice as fast (default: 1)')
      .option('--for <length>', 'with --live: end after 30s, 10m, …')
      .option('--seed <n>', 'for --traces and --live: another number, other runs', '1');
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default demo;
