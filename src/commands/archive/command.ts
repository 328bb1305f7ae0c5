import {type CommandModule, type Example, examplesText} from '../../flags/command.ts';
import {addOutputFlags} from '../../flags/declare.ts';

type Command = Parameters<CommandModule['declare']>[0];

/** What `prune --archive` has written. */
const archive: CommandModule = {
  examples: [
    {line: 'archive verify old.ndjson.gz', answer: 'every hash and count; exit 7 when something is wrong'},
    {line: 'list --db archive:old.ndjson.gz', answer: 'its runs; show and slowest read it too'},
  ],
  declare: (command, context) => {
    const sub = (usage: string, summary: string, examples: readonly Example[]): Command =>
      command.command(usage).description(summary).allowExcessArguments().addHelpText('after', examplesText(examples));
    type Verb = 'verify' | 'list' | 'show' | 'restore';
    const answer = async (verb: Verb, files: readonly string[], self: Command): Promise<void> => {
      const {default: answer} = await import('./run.ts');
      await answer(verb, files, self.optsWithGlobals(), context);
    };
    addOutputFlags(
      sub('verify <file>', 'Read a whole archive: hashes, counts, a trace for every span', [
        {line: 'archive verify old.ndjson.gz', answer: 'whole, cut or damaged'},
        {line: 'archive verify old.ndjson.gz.partial', answer: 'one that a killed run left'},
      ]),
      ['table', 'json'],
      {printSql: false},
    ).action((file: string, _, self) => answer('verify', [file], self));
    addOutputFlags(
      sub('list <files...>', 'What each archive holds', [
        {line: 'archive list *.ndjson.gz', answer: 'source, cutoff, traces, spans'},
        {line: 'archive list *.ndjson.gz --json', answer: 'for scripts'},
      ]),
      ['table', 'json', 'jsonl', 'csv', 'md'],
      {printSql: false},
    ).action((files: string[], _, self) => answer('list', files, self));
    addOutputFlags(
      sub('show <file>', 'Where an archive comes from, and its batches', [
        {line: 'archive show old.ndjson.gz', answer: 'one archive'},
        {line: 'archive show old.ndjson.gz --json', answer: 'for scripts'},
      ]),
      ['table', 'json'],
      {printSql: false},
    ).action((file: string, _, self) => answer('show', [file], self));
    addOutputFlags(
      sub('restore <file>', 'Put its rows into a database; those that are there stay as they are', [
        {
          line: 'archive restore old.ndjson.gz --db postgresql://writer@db.example/ai',
          answer: 'the plan, and then it asks',
        },
        {line: 'archive restore old.ndjson.gz --db copy.db --dry-run', answer: 'the plan only'},
      ])
        .optionsGroup('How:')
        .option('--dry-run', 'the plan only, exit 0')
        .option('--yes', 'do not ask')
        .option('--lock-wait <length>', 'wait so long for another writing command to end'),
      ['table', 'json'],
      {printSql: false},
    ).action((file: string, _, self) => answer('restore', [file], self));
  },
};
export default archive;
