import {type CommandModule, commandAction} from '../../flags/command.ts';
import {parseCount} from '../../flags/values.ts';
import type {Command} from './inputs.ts';
import type {McpOptions} from './run.ts';

interface McpFlags {
  allowSql?: boolean;
  maxBytes: string;
}

/** Answers other programs over the Model Context Protocol. */
const mcp: CommandModule = {
  examples: [
    {line: 'mcp --db agno.db', answer: 'for a client to start: docs/mcp.md has the lines for each'},
    {line: 'mcp --profile prod --redact all', answer: 'a database of yours, without secrets and personal data'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('What clients get:')
      .option('--allow-sql', 'also a tool for read-only SQL statements')
      .option('--max-bytes <n>', 'bytes of one answer, unless a call asks for more', '20000');
    const options = (flags: McpFlags) => optionsOf(command, flags);
    command.action(commandAction(context, options, () => import('./run.ts')));
  },
};
export default mcp;

function optionsOf(command: Command, flags: McpFlags): McpOptions {
  return {
    command,
    allowsSql: flags.allowSql ?? false,
    maxBytes: parseCount('--max-bytes', flags.maxBytes),
    globalFlags: givenFlags(command.parent!),
  };
}

/** Flags of every command that are not passed on to each call. */
const NOT_HANDED_ON: readonly string[] = ['version', 'color', 'no-color', 'ascii'];

function givenFlags(program: Command): ReadonlyMap<string, readonly string[]> {
  const given = new Map<string, readonly string[]>();
  for (const option of program.options) {
    const name = option.name();
    const value: unknown = program.getOptionValue(option.attributeName());
    const isGiven = program.getOptionValueSource(option.attributeName()) === 'cli';
    if (!isGiven || NOT_HANDED_ON.includes(name)) continue;
    const words = value === true ? [`--${name}`] : [value].flat().map(text => `--${name}=${text}`);
    given.set(name, words);
  }
  return given;
}
