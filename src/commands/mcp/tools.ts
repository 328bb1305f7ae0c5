/** A tool that a client may call: one of our commands, under a name that says what it answers. */
export interface Tool {
  readonly name: string;
  /** The subcommand that answers. */
  readonly command: string;
  /** For a model that has to choose. */
  readonly description: string;
  /** The only flags that a call may have; absent: all of the command's flags that are allowed for tools. */
  readonly only?: readonly string[];
  /** Flags that a call may not have, because they would change the kind of answer. */
  readonly without?: readonly string[];
  /** Flags that a call must have, besides the arguments that the command itself requires. */
  readonly required?: readonly string[];
  /** Default values of flags that a call omits. */
  readonly unless?: Readonly<Record<string, string>>;
  /** Its answers contain texts of models, tools and people. */
  readonly hasTexts?: true;
  /** It may wait for minutes without reading anything: other calls do not wait for it. */
  readonly isPatient?: true;
}

/** A client gives up a call that is silent for a minute. */
const WAIT = '50s';

/** All tools, in the order in which a model reads them. A question is one line. */
export const TOOLS: readonly Tool[] = [
  {
    name: 'list_runs',
    command: 'list',
    description:
      'Runs of agents, teams and workflows, newest first: ids, computed state with its reason, times, tokens, cost. Start here.',
  },
  {
    name: 'show_run',
    command: 'show',
    description:
      'The skeleton of one run: its spans (model calls, tools, members, steps) with times, states, tokens and errors, without texts. depth and kind make it smaller; io=full adds texts, but show_span has those of one span.',
    without: ['span'],
    hasTexts: true,
  },
  {
    name: 'show_span',
    command: 'show',
    description: 'Everything that one span of a run holds: messages, arguments, result, attributes.',
    only: ['span', 'fields'],
    required: ['span'],
    hasTexts: true,
  },
  {
    name: 'transcript',
    command: 'transcript',
    description: 'The conversation of a run: messages and tool calls in order, each once.',
    hasTexts: true,
  },
  {
    name: 'context',
    command: 'context',
    description: 'What fills the prompts of a run, model call by model call, in tokens.',
  },
  {
    name: 'grep',
    command: 'grep',
    description: 'Find text in prompts, answers, tool arguments and errors of many runs.',
    hasTexts: true,
  },
  question('errors', 'Errors grouped by cause: how often, since when, in which runs.', {hasTexts: true}),
  question('slowest', 'The slowest spans, by name, kind, tool, model or agent.'),
  question('spans', 'Single model calls, tool calls and steps out of many runs, with arguments and results.', {
    hasTexts: true,
  }),
  question('usage', 'Tokens and cost by model, agent, user, day and more.'),
  question('why', 'What bad runs have in common: agent, model, tool, … Say which are bad, such as state=error.'),
  question('compare', 'Two windows of time: what is slower, dearer, failing or new.'),
  question('check', 'Check runs against limits on errors, times, cost, tokens, loops.'),
  {
    name: 'wait',
    command: 'wait',
    description: `Wait until a run has ended and say how. Gives up after timeout (default here: ${WAIT}); call it again to go on waiting.`,
    without: ['interval'],
    unless: {timeout: WAIT},
    isPatient: true,
  },
];

/** Only with `--allow-sql`. */
export const SQL: Tool = {
  name: 'sql',
  command: 'sql',
  description:
    'One read-only SQL statement on the database itself. With views=true, "spans" and "traces" are views with plain columns. Prefer the other tools: they know states, tokens and cost.',
  required: ['statement'],
  hasTexts: true,
};

function question(name: string, description: string, more: Pick<Tool, 'hasTexts'> = {}): Tool {
  return {name, command: name, description, ...more};
}
