import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {writableAccessOf} from '../../flags/database.ts';
import {addOutputFlags, type OutputFlags, type ReadFlags} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import {type WritingFlags, writingOf} from '../../flags/writing.ts';
import {mergesInstead} from '../../store/writable.ts';
import type {VacuumOptions} from './run.ts';

interface VacuumFlags extends ReadFlags, OutputFlags, WritingFlags {
  offline?: boolean;
}

const FORMATS = ['table', 'json'] as const;

/** Reclaims the space of deleted traces, as far as that blocks no writer. */
const vacuum: CommandModule = {
  examples: [
    {line: 'vacuum', answer: 'show what it reclaims and costs, then ask'},
    {line: 'vacuum --offline --yes', answer: 'rewrite a SQLite file while its program is stopped'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('How:')
      .option('--dry-run', 'show the plan and change nothing')
      .option('--yes', 'do not ask')
      .option('--offline', 'SQLite: rewrite the file, which must be closed')
      .option('--lock-wait <length>', 'wait this long for another writing command to end');
    addOutputFlags(command, FORMATS, {printSql: false});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default vacuum;

function optionsOf(flags: VacuumFlags, context: Context): VacuumOptions {
  const writing = writingOf(flags);
  const format = formatOf(flags, FORMATS);
  const access = writableAccessOf(flags, context, mergesInstead);
  const offline = flags.offline ?? false;
  if (offline && access.connection.source.dialect === 'postgres')
    throw usageError('--offline is for SQLite files.', 'On Postgres vacuum never blocks Agno.');
  return {...writing, format, ascii: flags.ascii, offline, access};
}
