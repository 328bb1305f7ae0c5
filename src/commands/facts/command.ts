import {type CommandModule, type Example, examplesText} from '../../flags/command.ts';
import {addOutputFlags, addPriceFlags} from '../../flags/declare.ts';

type Command = Parameters<CommandModule['declare']>[0];

/** What is kept beside the database so that questions over many runs are answered at once. */
const facts: CommandModule = {
  examples: [
    {line: 'facts', answer: 'how much is kept of this database, and of which days'},
    {line: 'facts clear', answer: 'forgets it; the next question reads what it needs again'},
  ],
  declare: (command, context) => {
    command.helpCommand(false);
    type Verb = 'status' | 'rebuild' | 'clear' | 'path';
    const sub = (verb: Verb, summary: string, examples: readonly Example[], isDefault = false): Command => {
      const made = command
        .command(verb, {isDefault})
        .description(summary)
        .allowExcessArguments()
        .addHelpText('after', examplesText(examples));
      addPriceFlags(made);
      made.action(async (_, self: Command) => {
        const {default: answer} = await import('./run.ts');
        await answer(verb, self.optsWithGlobals(), context);
      });
      return made;
    };
    addOutputFlags(
      sub(
        'status',
        'What is kept of this database',
        [
          {line: 'facts status', answer: 'file, size, spans, runs, days'},
          {line: 'facts status --json', answer: 'for scripts'},
        ],
        true,
      ),
      ['table', 'json'],
      {printSql: false},
    );
    addOutputFlags(
      sub('rebuild', 'Make all of it anew, from the first span to the last', [
        {line: 'facts rebuild', answer: 'in the morning, so that no question waits'},
        {line: 'facts rebuild --json', answer: 'and what is kept then'},
      ]),
      ['table', 'json'],
      {printSql: false},
    );
    sub('clear', 'Forget it', [
      {line: 'facts clear', answer: 'of this database'},
      {line: 'facts clear --all', answer: 'of every database, reachable or not'},
    ]).option('--all', 'of every database');
    sub('path', 'The file it is kept in (docs/facts.md says what stands there)', [
      {line: 'facts path', answer: 'one line'},
      {line: 'facts path --db agno.db', answer: 'of that database'},
    ]);
  },
};
export default facts;
