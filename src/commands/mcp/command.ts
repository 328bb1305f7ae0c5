import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {addPriceFlags, type PriceFlags, takesOneOf} from '../../flags/declare.ts';
import {redactKeyOf} from '../../flags/redact-key.ts';
import {parseChoice, parseCount} from '../../flags/values.ts';
import {REDACTIONS} from '../../redaction/kinds.ts';
import type {Command} from './inputs.ts';
import type {McpOptions} from './run.ts';

interface McpFlags extends PriceFlags {
  redact?: string;
  redactKey?: string;
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
      .option('--max-bytes <n>', 'bytes of one answer, unless a call asks for more', '20000')
      .option('--redact <what>', 'replace what patterns find: secrets, pii, all');
    takesOneOf(command, REDACTIONS).option(
      '--redact-key <variable>',
      'variable with a key: the same pseudonyms each time',
    );
    addPriceFlags(command);
    const options = (flags: McpFlags) => optionsOf(command, flags, context);
    command.action(commandAction(context, options, () => import('./run.ts')));
  },
};
export default mcp;

function optionsOf(command: Command, flags: McpFlags, context: Context): McpOptions {
  const redaction = flags.redact === undefined ? null : parseChoice('--redact', flags.redact, REDACTIONS);
  if (flags.redactKey !== undefined && redaction === null)
    throw usageError('--redact-key is for pseudonyms, but nothing is redacted.', 'Add --redact pii or all.');
  return {
    command,
    allowsSql: flags.allowSql ?? false,
    maxBytes: parseCount('--max-bytes', flags.maxBytes),
    prices: flags.prices ?? null,
    redaction,
    redactKey: redactKeyOf(flags, context),
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
