import path from 'node:path';
import type {Context} from '../../context.ts';
import {type CommandModule, type Example, examplesText} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {addOutputFlags, type OutputFlags, type ReadFlags} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import {type WritingFlags, writingOf} from '../../flags/writing.ts';
import type {ArchiveOptions, OneFile, RestoredFile} from './run.ts';

const FORMATS = ['table', 'json'] as const;
const LIST_FORMATS = ['table', 'json', 'jsonl', 'csv', 'md'] as const;

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
    const run = async (options: ArchiveOptions): Promise<void> => {
      const {default: run} = await import('./run.ts');
      await run(options, context);
    };
    addOutputFlags(
      sub('verify <file>', 'Read a whole archive: hashes, counts, a trace for every span', [
        {line: 'archive verify old.ndjson.gz', answer: 'whole, cut or damaged'},
        {line: 'archive verify old.ndjson.gz.partial', answer: 'one that a killed run left'},
      ]),
      FORMATS,
      {printSql: false},
    ).action((file: string, _, self) => run(oneFileOf('verify', file, self.optsWithGlobals(), context)));
    addOutputFlags(
      sub('list <files...>', 'What each archive holds', [
        {line: 'archive list *.ndjson.gz', answer: 'source, cutoff, traces, spans'},
        {line: 'archive list *.ndjson.gz --json', answer: 'for scripts'},
      ]),
      LIST_FORMATS,
      {printSql: false},
    ).action((files: string[], _, self) => {
      const format = formatOf(self.optsWithGlobals(), LIST_FORMATS);
      return run({verb: 'list', files: files.map(file => path.resolve(context.cwd, file)), format});
    });
    addOutputFlags(
      sub('show <file>', 'Where an archive comes from, and its batches', [
        {line: 'archive show old.ndjson.gz', answer: 'one archive'},
        {line: 'archive show old.ndjson.gz --json', answer: 'for scripts'},
      ]),
      FORMATS,
      {printSql: false},
    ).action((file: string, _, self) => run(oneFileOf('show', file, self.optsWithGlobals(), context)));
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
      FORMATS,
      {printSql: false},
    ).action((file: string, _, self) => run(restoreOf(file, self.optsWithGlobals(), context)));
  },
};
export default archive;

function oneFileOf(verb: OneFile['verb'], file: string, flags: OutputFlags, {cwd}: Context): OneFile {
  return {verb, file: path.resolve(cwd, file), said: file, format: formatOf(flags, FORMATS), ascii: flags.ascii};
}

function restoreOf(file: string, flags: ReadFlags & OutputFlags & WritingFlags, context: Context): RestoredFile {
  return {
    verb: 'restore',
    ...writingOf(flags),
    file: path.resolve(context.cwd, file),
    format: formatOf(flags, FORMATS),
    ascii: flags.ascii,
    access: accessOf(flags, context),
  };
}
