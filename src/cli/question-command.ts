import type {CommandModule} from '../flags/command.ts';
import {addOutputFlags, addWhatFlags, addWhoFlags, addWindowFlags, takesOneOf} from '../flags/declare.ts';
import type {Question} from '../queries/question.ts';

/** Makes a subcommand of a canned question. */
export function questionCommand(name: string, question: Question): CommandModule {
  return {
    summary: question.summary,
    examples: question.examples,
    declare: (command, context) => {
      addWindowFlags(command);
      addWhoFlags(command);
      addWhatFlags(command);
      command.optionsGroup('Question:').option('--by <what>', `rows are: ${question.by.join(', ')}`, question.by[0]);
      takesOneOf(command, question.by);
      const columns = Object.keys(question.columns);
      command.option('--sort <column>', `${columns.join(', ')}; - in front: smallest first`, question.sort);
      takesOneOf(command, [...columns, ...columns.map(column => `-${column}`)]).option(
        '-n, --limit <n>',
        'rows; 0: all',
        '10',
      );
      addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
      command.action(async (_, self) => {
        const {default: answer} = await import('../answers/question.ts');
        await answer(name, question, self.optsWithGlobals(), context);
      });
    },
  };
}
