import type {Command} from 'commander';
import type {Context} from '../context.ts';
import {largest} from '../lists.ts';

export interface Example {
  /** What follows `agno-trace`. */
  readonly line: string;
  readonly answer: string;
}

/** What `command.ts` of a subcommand exports by default. */
export interface CommandModule {
  readonly examples: readonly Example[];
  /** Declares arguments and flags, and what runs. */
  readonly declare: (command: Command, context: Context) => void;
}

/** Examples below a command's help: what to type, and what it answers. */
export function examplesText(examples: readonly Example[]): string {
  const longest = largest(examples.map(({line}) => line.length));
  const fits = examples.every(({answer}) => `  agno-trace ${' '.repeat(longest)}   ${answer}`.length <= 80);
  const lines = examples.map(({line, answer}) =>
    fits ? `  agno-trace ${line.padEnd(longest)}   ${answer}` : `  agno-trace ${line}\n      ${answer}`,
  );
  return `\nExamples:\n${lines.join('\n')}\n`;
}

/** What a file of `help/` exports by default: a page that `help` and the man page print; the file's name is the topic. */
export interface Topic {
  readonly summary: string;
  /** At most 80 columns. */
  readonly text: string;
}
