import type {CommandModule} from '../flags/command.ts';

/** Runs that real Agno wrote, moved to the present, in a database of their own; nothing else is ever touched. */
const demo: CommandModule = {
  summary: 'Make a demo database of real runs, and show it',
  examples: [
    {line: 'demo', answer: 'a small database to try everything on'},
    {line: 'demo --traces 30000 --path big.db', answer: 'about 1.2 million spans, for measuring'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Demo:')
      .option('--path <file>', 'SQLite file to make', 'agno-trace-demo.db')
      .option('--traces <n>', 'a large synthetic database with n runs instead; with --db on Postgres')
      .option('--seed <n>', 'for --traces: another number, other runs', '1');
    command.action(async (_, self) => {
      const {default: answer} = await import('../answers/demo.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default demo;
