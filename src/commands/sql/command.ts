import path from 'node:path';
import type {Context} from '../../context.ts';
import {fileReason, usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf, timeoutMsOf} from '../../flags/database.ts';
import {addOutputFlags, collect, type OutputFlags, type ReadFlags} from '../../flags/declare.ts';
import {fieldsAmongOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {formatOf, RECORD_FORMATS} from '../../flags/output.ts';
import {parseParameters} from '../../flags/parameters.ts';
import {parseCount} from '../../flags/values.ts';
import {readRegular} from '../../private-file.ts';
import type {SqlOptions} from './run.ts';

interface SqlFlags extends ReadFlags, OutputFlags {
  file?: string;
  param?: string[];
  views?: boolean;
  maxRows: string;
}

/** Checked by a test: the role can do what a reader needs, and nothing else. */
const ROLE = `
On Postgres functions that change something are refused as far as the catalogue
shows them, and names are looked up in pg_catalog before your own search_path.
Only the role makes a statement of a stranger harmless. This one may read, and
keeps random() and the clocks; "app" is the role of your application:

  create role trace_reader login password '...' connection limit 3;
  grant usage on schema ai to trace_reader;
  grant select on all tables in schema ai to trace_reader;
  revoke create on schema public from public;
  do $$ declare f regprocedure; begin
    for f in select oid from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and proname ~
       '^(pg_(try_)?advisory_|pg_notify$|lo_|lowrite|.*current_xact_id$|txid_c)'
    loop
      execute format('revoke execute on function %s from public', f);
      execute format('grant execute on function %s to app', f);
    end loop;
  end $$;`;

/** One statement of the user's own; it can only read. */
const sql: CommandModule = {
  examples: [
    {line: 'sql "select kind, count(*) from spans group by kind" --views', answer: 'spans of each kind'},
    {
      line: 'sql "select * from spans where tool = :t" --views -p t=web_search',
      answer: 'calls of a tool (first 1000); -o calls.csv for a spreadsheet',
    },
  ],
  declare: (command, context) => {
    command
      .argument('[statement]', 'select, with, values or explain; - reads it from stdin')
      .optionsGroup('Statement:')
      .option('--file <file>', 'read the statement from a file')
      .option('-p, --param <name=value>', 'bind :name to text; name:=5 binds a JSON value', collect)
      .option('--views', 'add "spans" and "traces" with plain columns')
      .option('--max-rows <n>', 'print at most this many rows; 0: all', '1000');
    addOutputFlags(command, RECORD_FORMATS, {isLong: true});
    command.addHelpText('after', ROLE);
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default sql;

async function optionsOf(flags: SqlFlags, context: Context, [statement]: [string?]): Promise<SqlOptions> {
  const format = formatOf(flags, RECORD_FORMATS);
  const fieldsAmong = fieldsAmongOf(flags, format);
  const maxRows = parseCount('--max-rows', flags.maxRows);
  return {
    format,
    fieldsAmong,
    fit: fittingOf(flags, format),
    parameters: parseParameters(flags.param ?? []),
    limits: {maxRows, timeoutMs: flags.timeout === undefined ? null : timeoutMsOf(flags)},
    withViews: flags.views ?? false,
    statement: await statementOf(statement, flags, context),
    access: accessOf(flags, context),
  };
}

/** Returns the statement from the one place where it is given. */
async function statementOf(statement: string | undefined, {file}: SqlFlags, context: Context): Promise<string> {
  if (statement !== undefined && file !== undefined)
    throw usageError(`--file "${file}" and a statement are two.`, 'Pass one of them.');
  if (file !== undefined && file !== '-') return readText(path.resolve(context.cwd, file), file);
  if (statement === '-' || file === '-') return withoutMark(await context.stdin());
  if (statement !== undefined) return statement;
  throw usageError(
    'no statement given.',
    'agno-trace sql "select count(*) from spans" --views; --file FILE; - for stdin',
  );
}

const MOST_BYTES = 16 * 1024 ** 2;

function readText(file: string, said: string): string {
  try {
    return withoutMark(readRegular(file, MOST_BYTES));
  } catch (error) {
    throw usageError(
      `--file "${said}" cannot be read: ${fileReason(error)}.`,
      'Check the path; --file - reads what is sent to stdin.',
    );
  }
}

function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '');
}
