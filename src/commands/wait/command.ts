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
import {formatOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {patienceOf} from '../../flags/selection.ts';
import {parseLength} from '../../flags/values.ts';
import type {WaitOptions} from './run.ts';

interface WaitFlags extends ReadFlags, OutputFlags, PatienceFlags, PriceFlags {
  interval?: string;
}

const FORMATS = ['table', 'json', 'jsonl'] as const;
const TIMEOUT = '10m';

/** For scripts: returns when a run has ended. */
const wait: CommandModule = {
  examples: [
    {line: 'wait 9aa6a590-6d3e-4c1b-9f5e-0c1d2b3a4f5e --timeout 5m', answer: 'wait for a run, already written or not'},
    {line: 'wait latest && echo done', answer: 'the newest: 0 ok, degraded, paused; 7 failed; 6 timeout'},
  ],
  declare: (command, context) => {
    command
      .argument('<id>', 'run, trace, span or session id, or "latest"; a complete id may belong to a future run')
      .optionsGroup('Wait:')
      .option('--timeout <length>', 'give up after this time, exit 6 (default: 10m)')
      .option('--interval <length>', 'time between polls (default: 200ms to 500ms)')
      .configureHelp({
        ...command.configureHelp(),
        // Here this flag has another meaning than everywhere else.
        visibleGlobalOptions: self => (self.parent?.options ?? []).filter(option => option.long !== '--timeout'),
      });
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, FORMATS);
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default wait;

function optionsOf(flags: WaitFlags, context: Context, [id]: [string]): WaitOptions {
  // In other commands this is the time limit of a statement; here it is the time to wait.
  const {timeout = TIMEOUT, ...others} = flags;
  return {
    id,
    forMs: parseLength('--timeout', timeout),
    forText: timeout,
    format: formatOf(flags, FORMATS),
    ascii: flags.ascii,
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    pollMs: flags.interval === undefined ? undefined : parseLength('--interval', flags.interval),
    access: accessOf(others, context),
  };
}
