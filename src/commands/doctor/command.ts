import type {Context} from '../../context.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {addOutputFlags, type OutputFlags, type ReadFlags} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import type {DoctorOptions} from './run.ts';

interface DoctorFlags extends ReadFlags, OutputFlags {
  all?: boolean;
  strict?: boolean;
}

const FORMATS = ['table', 'json', 'jsonl'] as const;

/** Shows the connection, the tables, and what is wrong with the data. */
const doctor: CommandModule = {
  examples: [
    {line: 'doctor', answer: 'check everything'},
    {line: 'doctor --strict --json', answer: 'for a script: exit 7 if something is wrong'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Check:')
      .option('--all', 'check every run and row (default: newest 2000 runs)')
      .option('--strict', 'exit 7 if there is a warning or an error');
    addOutputFlags(command, FORMATS);
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default doctor;

function optionsOf(flags: DoctorFlags, context: Context): DoctorOptions {
  return {
    format: formatOf(flags, FORMATS),
    readsAll: flags.all ?? false,
    strict: flags.strict ?? false,
    isDbGiven: flags.db !== undefined && flags.db !== '',
    ascii: flags.ascii,
    access: accessOf(flags, context),
  };
}
