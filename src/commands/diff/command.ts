import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags, addPatienceFlags, addPriceFlags} from '../../flags/declare.ts';

/** Two runs beside each other; ids and times of their own are no difference. */
const diff: CommandModule = {
  examples: [
    {line: 'diff 9aa6 c11d', answer: 'what the second run did otherwise than the first'},
    {
      line: 'diff latest --median --exit-code',
      answer: 'the newest run beside the median of its kind; exit 7: they differ',
    },
  ],
  declare: (command, context) => {
    command
      .argument('<a>', 'run, trace or span id, or a session of one run; a unique prefix of one, or "latest"')
      .argument('[b]', 'the other one')
      .optionsGroup('Compare:')
      .option('--median', 'A is the run with the median duration among the newest 200 of the same kind that ended well')
      .option('--exit-code', 'exit 7 when they differ in what was done, asked or answered, or in state')
      .option('--times <percent>', 'with --exit-code: or when time, tokens or cost differ by more')
      .option('--all', 'all spans and all lines of all differences');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, ['tree', 'json', 'jsonl']);
    command.action(async (a: string, b: string | undefined, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(a, b, self.optsWithGlobals(), context);
    });
  },
};
export default diff;
