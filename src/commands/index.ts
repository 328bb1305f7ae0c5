import type {CommandModule} from '../flags/command.ts';
import type {Question} from '../questions/question.ts';

/** A subcommand as the program's help lists it; the rest is loaded for the one that was asked for. */
interface ListedCommand {
  readonly summary: string;
  /** Other words for it; the first stands in the help. */
  readonly aliases?: readonly string[] | undefined;
  /** Its heading in the program's help; absent: `Look:`. */
  readonly group?: string;
  readonly load: () => Promise<{readonly default: CommandModule}>;
}

/** Every subcommand by name, in the order of the help. */
export const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  demo: {
    summary: 'Make a demo database of real runs, and show it',
    load: () => import('./demo/command.ts'),
  },
  diff: {
    summary: 'Two runs beside each other: where they part, what differs',
    load: () => import('./diff/command.ts'),
  },
  doctor: {
    summary: 'Connection, tables and data: what is there, what is wrong',
    load: () => import('./doctor/command.ts'),
  },
  export: {
    summary: 'Hands runs on: OTLP to a file or a receiver, JSON lines, a report; redacted',
    load: () => import('./export/command.ts'),
  },
  grep: {
    summary: 'A pattern in names, inputs, outputs, arguments and errors',
    aliases: ['search'],
    load: () => import('./grep/command.ts'),
  },
  list: {
    summary: 'Runs, newest first, with their computed state',
    aliases: ['ls', 'runs', 'traces'],
    load: () => import('./list/command.ts'),
  },
  profile: {
    summary: 'Names for your databases, for --profile',
    load: () => import('./profile/command.ts'),
  },
  show: {
    summary: 'What a run did: its tree, its times, its errors',
    aliases: ['view', 'get', 'trace'],
    load: () => import('./show/command.ts'),
  },
  sql: {
    summary: 'Answers one SQL statement of yours, read-only',
    load: () => import('./sql/command.ts'),
  },
  tail: {
    summary: 'Runs as they happen: on screens, as lines, or as JSON',
    aliases: ['follow', 'watch', 'logs'],
    load: () => import('./tail/command.ts'),
  },
  transcript: {
    summary: 'The conversation of a run, each message once, calls with results',
    load: () => import('./transcript/command.ts'),
  },
  ui: {
    summary: 'Runs, their trees and what spans hold, on screens',
    load: () => import('./ui/command.ts'),
  },
  wait: {
    summary: 'Waits until a run has ended; the exit code says how',
    load: () => import('./wait/command.ts'),
  },
  agents: question(
    'Agents: runs of their own and inside others, how they ended, times, tokens, cost',
    () => import('../questions/agents.ts'),
  ),
  delegations: question(
    'Delegations: who asked whom, how often, how long it took, how it ended, tokens, cost',
    () => import('../questions/delegations.ts'),
  ),
  errors: question(
    'Errors by cause: how often, in how many runs, since when, and whether the runs ended of it',
    () => import('../questions/errors.ts'),
  ),
  loops: question(
    'Loops: the same tool calls again and again in one run, and what they wasted',
    () => import('../questions/loops.ts'),
  ),
  models: question(
    'Models: calls, failures, tokens and their speed, cost with its source, times',
    () => import('../questions/models.ts'),
  ),
  retrievals: question(
    'Look-ups in knowledge: calls, documents found, empty and repeated ones, times',
    () => import('../questions/retrievals.ts'),
  ),
  sessions: question(
    'Sessions: runs, how they ended, times, tokens, cost, whose, when',
    () => import('../questions/sessions.ts'),
  ),
  slowest: question(
    'Span names by average duration, slowest first (tools, models, agents, … with --by)',
    () => import('../questions/slowest.ts'),
    ['top'],
  ),
  stats: question(
    'Overview: runs by state, times, tokens, cost, the busiest agents, teams, workflows and models',
    () => import('../questions/stats.ts'),
  ),
  steps: question(
    'Steps of workflows: executions, how they ended, times, tokens, cost',
    () => import('../questions/steps.ts'),
  ),
  teams: question(
    'Teams: runs of their own and inside others, how they ended, times, tokens, cost',
    () => import('../questions/teams.ts'),
  ),
  tools: question(
    'Tools: calls, failures, retries, times, size of their results',
    () => import('../questions/tools.ts'),
  ),
  usage: question(
    'Tokens and cost by model, provider, agent, team, workflow, step, user, session or day',
    () => import('../questions/usage.ts'),
    ['cost'],
  ),
  users: question(
    'Users: runs, sessions, how they ended, times, tokens, cost, when',
    () => import('../questions/users.ts'),
  ),
  where: question(
    'Where the time of runs goes: critical path and self time summed over them',
    () => import('../questions/where.ts'),
  ),
  workflows: question(
    'Workflows: runs of their own and inside others, how they ended, times, tokens, cost',
    () => import('../questions/workflows.ts'),
  ),
  archive: {
    summary: 'Check, read and restore what prune --archive wrote',
    group: 'Keep:',
    load: () => import('./archive/command.ts'),
  },
  completion: {
    summary: 'Script that completes commands, flags, names and ids',
    group: 'Other:',
    load: () => import('./completion/command.ts'),
  },
  facts: {
    summary: 'What is kept so that questions are answered at once: status, rebuild, clear, path',
    group: 'Keep:',
    load: () => import('./facts/command.ts'),
  },
  help: {
    summary: 'Help for a command, or a page on a topic',
    group: 'Other:',
    load: () => import('./help/command.ts'),
  },
  migrate: {
    summary: 'Make missing tables, indexes and the foreign key; the plan first',
    group: 'Keep:',
    load: () => import('./migrate/command.ts'),
  },
  prune: {
    summary: 'Delete old traces in small batches; the plan first',
    group: 'Keep:',
    load: () => import('./prune/command.ts'),
  },
  vacuum: {
    summary: 'Give back the space of deleted traces; the plan first',
    group: 'Keep:',
    load: () => import('./vacuum/command.ts'),
  },
};

/** A question is a subcommand of the name of its file. */
function question(
  summary: string,
  load: () => Promise<{readonly default: Question}>,
  aliases?: readonly string[],
): ListedCommand {
  return {
    summary,
    aliases,
    group: 'Ask:',
    load: async () => {
      const {questionCommand} = await import('./question/command.ts');
      return {default: questionCommand((await load()).default)};
    },
  };
}
