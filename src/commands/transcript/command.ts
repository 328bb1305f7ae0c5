import type {Context} from '../../context.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addOutputFlags,
  addPatienceFlags,
  addPriceFlags,
  type OutputFlags,
  type PatienceFlags,
  type PriceFlags,
  QUERY_FLAG,
  type ReadFlags,
  takesOneOf,
} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {formatOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {patienceOf, queryAtOf} from '../../flags/selection.ts';
import {parseChoice, parseCount} from '../../flags/values.ts';
import {TOOL_LEVELS} from '../../render/tool-levels.ts';
import {ENTRY_FIELDS} from '../../trace/transcript.ts';
import type {TranscriptOptions} from './run.ts';

interface TranscriptFlags extends ReadFlags, OutputFlags, PatienceFlags, PriceFlags {
  system: boolean;
  tools?: string;
  history?: boolean;
  query?: string;
  limit?: string;
}

const FORMATS = ['text', 'md', 'json', 'jsonl'] as const;
const SESSION_RUNS = 20;

/** Shows the conversation once, although every model call stores all of it again. */
const transcript: CommandModule = {
  examples: [
    {line: 'transcript latest', answer: 'the conversation of the newest run'},
    {line: 'transcript c11d --no-system -o talk.md', answer: 'as Markdown, without system prompts'},
  ],
  declare: (command, context) => {
    command
      .argument('<id>', 'run, trace, span or session id, a unique prefix, or "latest"')
      .optionsGroup('What to show:')
      .option('--no-system', 'leave out system prompts')
      .option('--tools <level>', 'calls and results: full, short, none (default: short on a terminal, else full)');
    takesOneOf(command, TOOL_LEVELS)
      .option('--history', 'also show messages of earlier runs that the model was sent')
      .option(QUERY_FLAG[0], 'runs of a session, or latest, that match (docs/query.md)')
      .option('-n, --limit <n>', 'runs of a session (default 20); 0: all');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, FORMATS, {isLong: true});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default transcript;

function optionsOf(flags: TranscriptFlags, context: Context, [id]: [string]): TranscriptOptions {
  const format = formatOf(flags, FORMATS);
  const fields = fieldsOf(flags, ENTRY_FIELDS, format, ['json', 'jsonl']);
  const tools = flags.tools === undefined ? null : parseChoice('--tools', flags.tools, TOOL_LEVELS);
  const patience = patienceOf(flags);
  const prices = pricesOf(flags, context);
  const sessionLimit = flags.limit === undefined ? SESSION_RUNS : parseCount('--limit', flags.limit);
  const queryAt = queryAtOf(flags, context);
  const access = accessOf(flags, context);
  const isTerminal = context.stdout.isTTY && access.output === null;
  return {
    id,
    format,
    fields: flags.fields === undefined ? null : fields,
    fit: fittingOf(flags, format),
    tools: tools ?? (isTerminal ? 'short' : 'full'),
    system: flags.system,
    history: flags.history ?? false,
    ascii: flags.ascii,
    patience,
    prices,
    sessionLimit,
    queryAt,
    access,
  };
}
