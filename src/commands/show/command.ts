import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags, addPatienceFlags, addPriceFlags, collect, QUERY_FLAG} from '../../flags/declare.ts';

/** One way in: a run, a trace, a span or a session. */
const show: CommandModule = {
  examples: [
    {line: 'show latest', answer: 'the newest run as a tree'},
    {line: 'show c11d --span 2f81', answer: 'everything one span of a run holds'},
  ],
  declare: (command, context) => {
    command
      .argument('<id>', 'run, trace, span or session id, a unique prefix of one, or "latest"')
      .optionsGroup('What to show:')
      .option('--span <id>', 'everything this span holds: messages, arguments, result, documents')
      .option(QUERY_FLAG[0], 'of a session, or for latest, the runs that match (docs/query.md)')
      .option('--io <level>', 'texts that went in and out: none, preview, full', 'preview')
      .option('--critical', 'only the spans that decided how long it took')
      .option('--kind <kinds>', 'only spans of these kinds, and those above them', collect)
      .option('--depth <n>', 'levels below the run')
      .option('-n, --limit <n>', 'rows of a run on a terminal (default 400), runs of a session (default 20); 0: all');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, ['tree', 'json', 'jsonl']);
    command.action(async (id: string, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(id, self.optsWithGlobals(), context);
    });
  },
};
export default show;
