import type {CommandModule} from '../../flags/command.ts';
import {
  addOutputFlags,
  addPatienceFlags,
  addWhatFlags,
  addWhoFlags,
  addWindowFlags,
  collect,
} from '../../flags/declare.ts';

/** A pattern in what went in and out of every span, run by run, newest first. */
const grep: CommandModule = {
  examples: [
    {line: "grep 'customs hold' --last 7d", answer: 'where these words stand, newest run first'},
    {line: "grep 'order_id.*44\\d\\d' --in args --count", answer: 'how often a tool was called with such an order'},
  ],
  declare: (command, context) => {
    command
      .argument('<pattern>', 'JavaScript regular expression, also as /pattern/i; matched line by line')
      .optionsGroup('Pattern:')
      .option('-F, --fixed-strings', 'the pattern is plain text')
      .option('-i, --ignore-case', 'upper and lower case are the same (default: unless the pattern has upper case)')
      .option('-s, --case-sensitive', 'they are not')
      .option('-w, --word', 'whole words only')
      .optionsGroup('Where:')
      .option('--in <places>', 'name, input, output, args, error (default: these), attributes', collect)
      .option('--repeats', 'also where the same text stands again in a run, as in every later model call');
    addWindowFlags(command);
    addWhoFlags(command);
    addWhatFlags(command);
    command
      .optionsGroup('Answer:')
      .option('-n, --limit <n>', 'hits; with --count or -l runs (default: 100, all); 0: all')
      .option('-C, --context <n>', 'lines before and after each hit', '0')
      .option('-c, --count', 'how many hits each run has')
      .option('-l, --list-runs', 'run ids alone')
      .option('--traffic', 'also HTTP requests without a run');
    addPatienceFlags(command);
    addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
    command.action(async (pattern: string, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(pattern, self.optsWithGlobals(), context);
    });
  },
};
export default grep;
