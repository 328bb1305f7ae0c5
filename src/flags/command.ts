import type {Command} from 'commander';
import type {Context} from '../context.ts';
import {largest} from '../lists.ts';

export interface Example {
  /** The part after `agno-trace`. */
  readonly line: string;
  readonly answer: string;
}

/** The default export of a subcommand's `command.ts`. */
export interface CommandModule {
  readonly examples: readonly Example[];
  /** Declares arguments, flags, and the action. */
  readonly declare: (command: Command, context: Context) => void;
}

/**
 * A command's action: it turns flags and arguments into values, and only then loads the code that uses them, so that
 * a mistake costs only its message.
 */
export function commandAction<Flags, Args extends readonly unknown[], Options>(
  context: Context,
  optionsOf: (flags: Flags, context: Context, args: Args) => Options | Promise<Options>,
  load: () => Promise<{default: (options: Options, context: Context) => void | Promise<void>}>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // commander passes the arguments, then the flags of this command only, then the command.
    const args = given.slice(0, -2) as unknown as Args;
    const options = await optionsOf((given.at(-1) as Command).optsWithGlobals() as Flags, context, args);
    const {default: run} = await load();
    await run(options, context);
  };
}

/** A command below a command, such as `archive verify`. */
export function subcommand(
  command: Command,
  usage: string,
  summary: string,
  examples: readonly Example[],
  isDefault = false,
): Command {
  return command
    .command(usage, {isDefault})
    .description(summary)
    .allowExcessArguments()
    .addHelpText('after', examplesText(examples));
}

const GLOBAL_FLAGS = 'Global flags (--db, --profile, --timeout, --color, …): agno-trace help flags';

/** The end of a command's help: where the flags of all commands are, and examples with what they answer. */
export function examplesText(examples: readonly Example[]): string {
  const longest = largest(examples.map(({line}) => line.length));
  const fits = examples.every(({answer}) => `  agno-trace ${' '.repeat(longest)}   ${answer}`.length <= 80);
  const lines = examples.map(({line, answer}) =>
    fits ? `  agno-trace ${line.padEnd(longest)}   ${answer}` : `  agno-trace ${line}\n      ${answer}`,
  );
  return `\n${GLOBAL_FLAGS}\n\nExamples:\n${lines.join('\n')}\n`;
}
