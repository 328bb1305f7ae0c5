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
  type ReadFlags,
} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {formatOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {patienceOf} from '../../flags/selection.ts';
import {PROMPT_FIELDS} from '../../trace/prompt-parts.ts';
import type {PromptsOptions} from './run.ts';

interface PromptsFlags extends ReadFlags, OutputFlags, PatienceFlags, PriceFlags {}

const FORMATS = ['text', 'json', 'jsonl'] as const;

/** Shows what fills the prompts of a run, call by call. */
const context: CommandModule = {
  examples: [
    {line: 'context latest', answer: 'what fills the prompts of the newest run'},
    {line: 'context c11d --json --fields agent,promptTokens,parts', answer: 'the same for a program'},
  ],
  declare: (command, of) => {
    command.argument('<id>', 'run, trace or span id, a unique prefix, or "latest"');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, FORMATS, {isLong: true});
    command.action(commandAction(of, optionsOf, () => import('./run.ts')));
  },
};
export default context;

function optionsOf(flags: PromptsFlags, of: Context, [id]: [string]): PromptsOptions {
  const format = formatOf(flags, FORMATS);
  const fields = fieldsOf(flags, PROMPT_FIELDS, format, ['json', 'jsonl']);
  return {
    id,
    format,
    fields,
    fit: fittingOf(flags, format),
    ascii: flags.ascii,
    patience: patienceOf(flags),
    prices: pricesOf(flags, of),
    access: accessOf(flags, of),
  };
}
