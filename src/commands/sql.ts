import type {CommandModule} from '../flags/command.ts';
import {addOutputFlags, collect} from '../flags/declare.ts';

/** One statement of the user's own; it can only read. */
const sql: CommandModule = {
  summary: 'Answers one SQL statement of yours, read-only',
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
    command.action(async (statement: string | undefined, _, self) => {
      const {default: answer} = await import('../answers/sql.ts');
      await answer(statement, self.optsWithGlobals(), context);
    });
  },
};
export default sql;
