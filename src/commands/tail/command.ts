import type {CommandModule} from '../../flags/command.ts';
import {addPatienceFlags, addPriceFlags, addWhatFlags, addWhoFlags, takesOneOf} from '../../flags/declare.ts';

/** Runs as they happen. */
const tail: CommandModule = {
  examples: [
    {line: 'tail', answer: 'screens on a terminal (? shows the keys); in a pipe a line for each run and span'},
    {
      line: 'tail --agent billing --exit-on-error --for 10m',
      answer: 'watches an agent for ten minutes; exit 7 as soon as a run of it fails',
    },
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Where to begin:')
      .option('-n, --limit <n>', 'newest runs shown first, with a filter of the last day; 0: none (default: 10)')
      .option('--since <time>', 'also what was written since: ISO, date, today, 24h (times are UTC)')
      .option('--last <length>', 'also what was written in the last 30m, 24h, 7d')
      .option('--cursor-file <file>', 'go on where the tail before ended that had this file; kept up to date');
    addWhoFlags(command);
    addWhatFlags(command);
    command.option('--traffic', 'also HTTP requests without a run, and what surrounds runs');
    command
      .optionsGroup('When to end:')
      .option('--for <length>', 'after this time')
      .option('--max-runs <n>', 'after so many runs have ended')
      .option('--exit-on-error', 'once a run fails or is lost; exit code 7');
    addPatienceFlags(command);
    addPriceFlags(command);
    command
      .optionsGroup('Output:')
      .option('--plain', 'lines on a terminal too')
      .option('--format <format>', 'lines, jsonl');
    takesOneOf(command, ['lines', 'jsonl'])
      .option('--jsonl', 'short for --format jsonl: an object for each event (docs/json.md)')
      .option('--heartbeat <length>', 'in jsonl, how often to say how things stand; 0: never', '15s')
      .option('--interval <length>', 'pause between looks (default: 200ms on SQLite, 400ms on Postgres)')
      .option('--print-sql', 'print the statements of a first look');
    command.action(async (_, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(self.optsWithGlobals(), context);
    });
  },
};
export default tail;
