import {closest} from '../../closest.ts';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {TOPICS} from '../../help/topics.ts';
import {largest} from '../../lists.ts';
import {trusted} from '../../text/safe.ts';

/** The parts of a command that its help needs. */
interface Command {
  readonly commands: readonly Command[];
  name(): string;
  aliases(): readonly string[];
  outputHelp(): void;
}

/** Prints a command's own help, a page on a topic, or the list of both. */
export default async function help(words: readonly string[], program: Command, context: Context): Promise<void> {
  const [first] = words;
  if (first === undefined) {
    program.outputHelp();
    const longest = largest(Object.keys(TOPICS).map(name => name.length));
    const lines = Object.entries(TOPICS).map(([name, {summary}]) => `  ${name.padEnd(longest)}  ${summary}`);
    context.stdout.write(trusted(`\nTopics (agno-trace help <topic>):\n${lines.join('\n')}\n`));
    return;
  }
  const topic = Object.hasOwn(TOPICS, first) ? TOPICS[first] : undefined;
  if (topic && words.length === 1) {
    context.stdout.write(trusted(topic.text));
    return;
  }
  words.reduce((command, word) => below(command, word), program).outputHelp();
}

function below({commands}: Command, word: string): Command {
  const found = commands.find(command => command.name() === word || command.aliases().includes(word));
  if (found) return found;
  const near = closest(word, [...commands.map(command => command.name()), ...Object.keys(TOPICS)]);
  throw usageError(
    `there is no command or topic "${word}".`,
    near ? `Did you mean agno-trace help ${near}?` : 'agno-trace help lists both.',
  );
}
