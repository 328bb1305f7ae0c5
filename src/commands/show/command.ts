import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addOutputFlags,
  addPatienceFlags,
  addPriceFlags,
  collect,
  type OutputFlags,
  type PatienceFlags,
  type PriceFlags,
  QUERY_FLAG,
  type ReadFlags,
} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {formatOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {patienceOf, queryAtOf} from '../../flags/selection.ts';
import {parseChoice, parseChoices, parseCount} from '../../flags/values.ts';
import {IO_LEVELS} from '../../render/io.ts';
import {KINDS} from '../../trace/kind.ts';
import {SPAN_FIELDS} from '../../trace/span-record.ts';
import type {ShowOptions} from './run.ts';

interface ShowFlags extends ReadFlags, OutputFlags, PatienceFlags, PriceFlags {
  span?: string;
  query?: string;
  io: string;
  critical?: boolean;
  kind?: string[];
  depth?: string;
  peers?: boolean;
  limit?: string;
}

const FORMATS = ['tree', 'json', 'jsonl', 'html'] as const;
/** For a span, with `--io full`. */
const CONTENT_FIELDS = ['input', 'output', 'attributes'];
/** Rows of one run on a terminal; a pipe gets all. A note counts the rest. */
const TERMINAL_ROWS = 400;
/** Number of runs of a session shown at once. */
const SESSION_RUNS = 20;

/** Shows what an id names: a run, a trace, a span or a session. */
const show: CommandModule = {
  examples: [
    {line: 'show latest', answer: 'the newest run as a tree'},
    {line: 'show c11d --span 2f81', answer: 'everything that one span holds'},
    {line: 'show c11d -o run.html', answer: 'a page for the browser, one file'},
  ],
  declare: (command, context) => {
    command
      .argument('<id>', 'run, trace, span or session id, a unique prefix, or "latest"')
      .optionsGroup('What to show:')
      .option('--span <id>', 'everything in this span: messages, arguments, result')
      .option(QUERY_FLAG[0], 'runs of a session, or latest, that match (docs/query.md)')
      .option('--io <level>', 'inputs and outputs: none, preview, full', 'preview')
      .option('--critical', 'only the critical path: spans that decided the duration')
      .option('--kind <kinds>', 'only spans of these kinds, and their parents', collect)
      .option('--depth <n>', 'levels below the run')
      .option('--peers', 'compare with runs of the 7 days before it, not only where facts are kept')
      .option('-n, --limit <n>', 'rows of a run (default: 400 on a terminal), runs of a session (default: 20); 0: all');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, FORMATS, {isLong: true});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default show;

function optionsOf(flags: ShowFlags, context: Context, [id]: [string]): ShowOptions {
  const format = formatOf(flags, FORMATS);
  if (format === 'html' && flags.span !== undefined)
    throw usageError('--span shows one span, a page all of a run.', 'Leave out --span: the page has each span.');
  const level = parseChoice('--io', flags.io, IO_LEVELS);
  const fields = fieldsOf(flags, [...SPAN_FIELDS, ...CONTENT_FIELDS], format, ['json', 'jsonl']);
  // Asking for one of these fields implies it.
  const io = flags.fields !== undefined && CONTENT_FIELDS.some(key => fields.includes(key)) ? 'full' : level;
  const kinds = parseChoices('--kind', flags.kind ?? [], KINDS);
  const depth = flags.depth === undefined ? null : parseCount('--depth', flags.depth);
  const limit = flags.limit === undefined ? null : parseCount('--limit', flags.limit);
  const patience = patienceOf(flags);
  const prices = pricesOf(flags, context);
  const queryAt = queryAtOf(flags, context);
  const access = accessOf(flags, context);
  const isTerminal = context.stdout.isTTY && access.output === null;
  return {
    id,
    format,
    io,
    fields: flags.fields === undefined ? null : fields,
    fit: fittingOf(flags, format),
    selection: {criticalOnly: flags.critical ?? false, kinds, depth, limit: limit ?? (isTerminal ? TERMINAL_ROWS : 0)},
    spanPrefix: flags.span ?? null,
    sessionLimit: limit ?? SESSION_RUNS,
    peers: flags.peers ?? false,
    ascii: flags.ascii,
    patience,
    prices,
    queryAt,
    access,
  };
}
