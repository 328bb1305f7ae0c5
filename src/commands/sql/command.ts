import type {CommandModule} from '../../flags/command.ts';
import {addOutputFlags, collect} from '../../flags/declare.ts';

/** Checked by a test: the role can do what a reader needs, and none of the rest. */
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
      line: 'sql "select * from spans where tool = :tool" --views -p tool=get_weather -o calls.csv',
      answer: 'every call of a tool, for a spreadsheet (first 1000)',
    },
  ],
  declare: (command, context) => {
    command
      .argument('[statement]', 'one statement: select, with, values, explain; - reads it from stdin')
      .optionsGroup('Statement:')
      .option('--file <file>', 'reads the statement from a file')
      .option('-p, --param <name=value>', 'binds :name to a text; name:=5 to what JSON says', collect)
      .option('--views', 'with "spans" and "traces": kind, model, tokens, tool and who as plain columns')
      .option('--max-rows <n>', 'no more rows than this; 0: all', '1000');
    addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
    command.addHelpText('after', ROLE);
    command.action(async (statement: string | undefined, _, self) => {
      const {default: answer} = await import('./run.ts');
      await answer(statement, self.optsWithGlobals(), context);
    });
  },
};
export default sql;
