import path from 'node:path';
import type {Context} from '../../context.ts';
import {type CommandModule, commandAction, type Example, subcommand} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {addOutputFlags, type OutputFlags, type ReadFlags} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {formatOf, RECORD_FORMATS} from '../../flags/output.ts';
import {type WritingFlags, writingOf} from '../../flags/writing.ts';
import type {ListedFiles, OneFile, RestoredFile} from './run.ts';

const FORMATS = ['table', 'json'] as const;
const LIST_FIELDS = ['file', 'source', 'cutoff', 'traces', 'spans', 'batches', 'isComplete', 'problem'] as const;

/** What `prune --archive` has written. */
const archive: CommandModule = {
  examples: [
    {line: 'archive verify old.ndjson.gz', answer: 'check hashes and counts; exit 7 if one is wrong'},
    {line: 'list --db archive:old.ndjson.gz', answer: 'its runs; show and slowest read it too'},
  ],
  declare: (command, context) => {
    const sub = (usage: string, summary: string, examples: readonly Example[]) =>
      subcommand(command, usage, summary, examples);
    const load = () => import('./run.ts');
    addOutputFlags(
      sub('verify <file>', 'Check a whole archive: hashes, counts, a trace for every span', [
        {line: 'archive verify old.ndjson.gz', answer: 'complete, cut off or damaged'},
        {line: 'archive verify old.ndjson.gz.partial', answer: 'left by a killed run'},
      ]),
      FORMATS,
      {printSql: false},
    ).action(commandAction(context, oneFileOf('verify'), load));
    addOutputFlags(
      sub('list <files...>', 'List what each archive holds', [
        {line: 'archive list *.ndjson.gz', answer: 'source, cutoff, traces, spans'},
        {line: 'archive list *.ndjson.gz --json', answer: 'for scripts'},
      ]),
      RECORD_FORMATS,
      {printSql: false},
    ).action(commandAction(context, listOf, load));
    addOutputFlags(
      sub('show <file>', 'Show where an archive comes from, and its batches', [
        {line: 'archive show old.ndjson.gz', answer: 'one archive'},
        {line: 'archive show old.ndjson.gz --json', answer: 'for scripts'},
      ]),
      FORMATS,
      {printSql: false},
    ).action(commandAction(context, oneFileOf('show'), load));
    addOutputFlags(
      sub('restore <file>', 'Restore its rows into a database; existing rows are not changed', [
        {
          line: 'archive restore old.ndjson.gz --db postgresql://db.example/ai',
          answer: 'show the plan, then ask',
        },
        {line: 'archive restore old.ndjson.gz --db copy.db --dry-run', answer: 'the plan only'},
      ])
        .optionsGroup('How:')
        .option('--dry-run', 'show the plan and change nothing')
        .option('--yes', 'do not ask')
        .option('--lock-wait <length>', 'wait this long for another writing command to end'),
      FORMATS,
      {printSql: false},
    ).action(commandAction(context, restoreOf, load));
  },
};
export default archive;

const oneFileOf =
  (verb: OneFile['verb']) =>
  (flags: OutputFlags, {cwd}: Context, [file]: [string]): OneFile => ({
    verb,
    file: path.resolve(cwd, file),
    said: file,
    format: formatOf(flags, FORMATS),
    ascii: flags.ascii,
  });

function listOf(flags: OutputFlags, {cwd}: Context, [files]: [readonly string[]]): ListedFiles {
  const format = formatOf(flags, RECORD_FORMATS);
  const fields = fieldsOf(flags, LIST_FIELDS, format);
  return {verb: 'list', files: files.map(file => path.resolve(cwd, file)), format, fields};
}

function restoreOf(flags: ReadFlags & OutputFlags & WritingFlags, context: Context, [file]: [string]): RestoredFile {
  return {
    verb: 'restore',
    ...writingOf(flags),
    file: path.resolve(context.cwd, file),
    format: formatOf(flags, FORMATS),
    ascii: flags.ascii,
    access: accessOf(flags, context),
  };
}
