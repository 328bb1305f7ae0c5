import type {CommandModule} from '../flags/command.ts';
import type {Question} from '../questions/question.ts';

/** A subcommand as the program's help lists it; the rest is loaded only for the requested one. */
interface ListedCommand {
  readonly summary: string;
  /** Other names for it; the first is shown in the help. */
  readonly aliases?: readonly string[] | undefined;
  /** Its heading in the program's help; absent: `Look:`. */
  readonly group?: string;
  readonly load: () => Promise<{readonly default: CommandModule}>;
}

/** Every subcommand by name, in the order of the help. */
export const COMMANDS: Readonly<Record<string, ListedCommand>> = {
  demo: {
    summary: 'Make a demo database of real runs and show it',
    load: () => import('./demo/command.ts'),
  },
  context: {
    summary: 'Show what fills the prompts of a run, call by call',
    load: () => import('./context/command.ts'),
  },
  diff: {
    summary: 'Compare two runs: where they diverge, and what differs',
    load: () => import('./diff/command.ts'),
  },
  doctor: {
    summary: 'Check connection, tables and data; suggest fixes',
    load: () => import('./doctor/command.ts'),
  },
  export: {
    summary: 'Export runs as OTLP, JSON lines, Markdown or a page',
    load: () => import('./export/command.ts'),
  },
  grep: {
    summary: 'Find text in prompts, answers, arguments and errors',
    aliases: ['search'],
    load: () => import('./grep/command.ts'),
  },
  list: {
    summary: 'List runs, newest first, with their computed state',
    aliases: ['ls', 'runs', 'traces'],
    load: () => import('./list/command.ts'),
  },
  profile: {
    summary: 'Give your databases names, for --profile',
    load: () => import('./profile/command.ts'),
  },
  show: {
    summary: 'Show what a run did: its tree, times and errors',
    aliases: ['view', 'get', 'trace'],
    load: () => import('./show/command.ts'),
  },
  sql: {
    summary: 'Run your own read-only SQL statement',
    load: () => import('./sql/command.ts'),
  },
  tail: {
    summary: 'Follow runs live: on screens, as lines, or as JSON',
    aliases: ['follow', 'watch', 'logs'],
    load: () => import('./tail/command.ts'),
  },
  transcript: {
    summary: 'Show the conversation of a run, with its tool calls',
    load: () => import('./transcript/command.ts'),
  },
  ui: {
    summary: 'Browse runs, their trees and spans on screens',
    load: () => import('./ui/command.ts'),
  },
  wait: {
    summary: 'Wait for a run to end; the exit code says how',
    load: () => import('./wait/command.ts'),
  },
  agents: question('Agents: runs, how they ended, times, tokens, cost', () => import('../questions/agents.ts')),
  check: question(
    'Check limits for cron and CI: errors, times, cost, tokens, loops; exit 7 if one is exceeded',
    () => import('../questions/check.ts'),
  ),
  compare: question(
    'Two windows: what is slower, more expensive, failing or new',
    () => import('../questions/compare.ts'),
  ),
  delegations: question('Delegations: who asked whom, and how it ended', () => import('../questions/delegations.ts')),
  errors: question('Errors by cause: how often, since when, in which runs', () => import('../questions/errors.ts')),
  loops: question('Loops: repeated tool calls, and what they wasted', () => import('../questions/loops.ts')),
  models: question('Models: calls, failures, times, tokens, speed, cost', () => import('../questions/models.ts')),
  retrievals: question(
    'Knowledge lookups: documents found, empty ones, times',
    () => import('../questions/retrievals.ts'),
  ),
  sessions: question('Sessions: runs, how they ended, times, tokens, cost', () => import('../questions/sessions.ts')),
  slowest: question('Slowest spans, by name, tool, model, agent, …', () => import('../questions/slowest.ts'), ['top']),
  spans: question('Spans of many runs, with results; filters ask each span', () => import('../questions/spans.ts')),
  stats: question('Overview: states, times, tokens, cost', () => import('../questions/stats.ts')),
  steps: question('Workflow steps: how they ended, times, tokens, cost', () => import('../questions/steps.ts')),
  teams: question('Teams: runs, how they ended, times, tokens, cost', () => import('../questions/teams.ts')),
  tools: question('Tools: calls, failures, retries, times', () => import('../questions/tools.ts')),
  usage: question('Tokens and cost by model, agent, user, day, …', () => import('../questions/usage.ts'), ['cost']),
  users: question('Users: runs, sessions, times, tokens, cost', () => import('../questions/users.ts')),
  where: question('Where time goes: critical path over many runs', () => import('../questions/where.ts')),
  why: question('What bad runs have in common: agent, model, tool, …', () => import('../questions/why.ts')),
  workflows: question(
    'Workflows: runs, how they ended, times, tokens, cost',
    () => import('../questions/workflows.ts'),
  ),
  archive: {
    summary: 'Check, list and restore what prune --archive wrote',
    group: 'Keep:',
    load: () => import('./archive/command.ts'),
  },
  completion: {
    summary: 'Print the completion script of a shell',
    group: 'Other:',
    load: () => import('./completion/command.ts'),
  },
  facts: {
    summary: 'Show, rebuild or clear the cached facts',
    group: 'Keep:',
    load: () => import('./facts/command.ts'),
  },
  help: {
    summary: 'Show help for a command, or a page on a topic',
    group: 'Other:',
    load: () => import('./help/command.ts'),
  },
  mcp: {
    summary: 'Answer coding agents over MCP, read-only',
    group: 'Other:',
    load: () => import('./mcp/command.ts'),
  },
  migrate: {
    summary: 'Create missing tables and indexes; shows a plan first',
    group: 'Keep:',
    load: () => import('./migrate/command.ts'),
  },
  prune: {
    summary: 'Delete old traces in small batches; shows a plan first',
    group: 'Keep:',
    load: () => import('./prune/command.ts'),
  },
  vacuum: {
    summary: 'Reclaim space of deleted traces; shows a plan first',
    group: 'Keep:',
    load: () => import('./vacuum/command.ts'),
  },
};

/** A question is a subcommand named like its file. */
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
