import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {writableAccessOf} from '../../flags/database.ts';
import {addOutputFlags, type OutputFlags, type ReadFlags} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import {parseChoice} from '../../flags/values.ts';
import {type WritingFlags, writingOf} from '../../flags/writing.ts';
import type {MigrateOptions} from './run.ts';

interface MigrateFlags extends ReadFlags, OutputFlags, WritingFlags {
  undo?: boolean;
  offline?: boolean;
}

const FORMATS = ['table', 'json'] as const;

/** Creates what is missing around Agno's tables: the plan first, each step with its reason and its lock. */
const migrate: CommandModule = {
  examples: [
    {line: 'migrate', answer: 'show the plan, then ask'},
    {line: 'migrate --print-sql', answer: 'the same as SQL, for a DBA'},
    {line: 'migrate status', answer: 'what exists and what is missing'},
    {line: 'migrate --undo --dry-run', answer: 'what it made and would remove'},
  ],
  declare: (command, context) => {
    command
      .argument('[what]', 'status: only show what exists and what is missing')
      .optionsGroup('How:')
      .option('--dry-run', 'show the plan and change nothing')
      .option('--yes', 'do not ask')
      .option('--undo', 'remove only what migrate made')
      .option('--offline', 'SQLite: also steps that need the file to themselves')
      .option('--lock-wait <length>', 'wait this long for another writing command to end')
      .option('--print-sql', 'print the SQL of the plan and change nothing');
    addOutputFlags(command, FORMATS, {printSql: false});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default migrate;

function optionsOf(flags: MigrateFlags, context: Context, [what]: [string?]): MigrateOptions {
  if (what !== undefined) parseChoice('migrate', what, ['status']);
  const access = writableAccessOf(flags, context);
  if (flags.offline && access.connection.source.dialect === 'postgres')
    throw usageError('--offline is for SQLite files.', 'On Postgres vacuum never blocks Agno.');
  return {
    ...writingOf(flags),
    onlyStatus: what === 'status',
    format: formatOf(flags, FORMATS),
    ascii: flags.ascii,
    undo: flags.undo ?? false,
    offline: flags.offline ?? false,
    access,
  };
}
