import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags, addPatienceFlags, addPriceFlags, QUERY_FLAG, takesOneOf} from '../../flags/declare.ts';

/** The conversation once, though every model call stores all of it again. */
const transcript: CommandModule = {
  examples: [
    {line: 'transcript latest', answer: 'what was said in the newest run'},
    {line: 'transcript c11d --no-system -o talk.md', answer: 'as Markdown, without system prompts'},
  ],
  declare: (command, context) => {
    command
      .argument('<id>', 'run, trace, span or session id, a unique prefix of one, or "latest"')
      .optionsGroup('What to show:')
      .option('--no-system', 'without system prompts')
      .option('--tools <level>', 'calls and results: full, short, none (default: short on a terminal, else full)');
    takesOneOf(command, ['full', 'short', 'none'])
      .option('--history', 'also messages of earlier runs that the model was sent')
      .option(QUERY_FLAG[0], 'of a session, or for latest, the runs that match (docs/query.md)')
      .option('-n, --limit <n>', 'runs of a session (default 20); 0: all');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, ['text', 'md', 'json', 'jsonl']);
    command.action(async (id: string, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(id, self.optsWithGlobals(), context);
    });
  },
};
export default transcript;
