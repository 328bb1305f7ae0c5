import type {Command} from 'commander';

export interface Example {
  /** What follows `agno-trace`. */
  readonly line: string;
  readonly answer: string;
}

/** Examples below a command's help: what to type, and what it answers. */
export function addExamples(command: Command, examples: readonly Example[]): Command {
  const longest = Math.max(...examples.map(({line}) => line.length));
  const fits = examples.every(({answer}) => `  agno-trace ${' '.repeat(longest)}   ${answer}`.length <= 80);
  const lines = examples.map(({line, answer}) =>
    fits ? `  agno-trace ${line.padEnd(longest)}   ${answer}` : `  agno-trace ${line}\n      ${answer}`,
  );
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n`);
}
