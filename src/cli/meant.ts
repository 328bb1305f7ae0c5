import type {CommanderError} from 'commander';
import {closest} from '../closest.ts';
import {COMMANDS} from '../commands/index.ts';

/**
 * Words of other tools, and their name here. A command that writes is only suggested for a word that clearly means
 * it.
 */
const MEANT: Readonly<Record<string, string>> = {
  version: '--version',
  last: 'show latest',
  latest: 'show latest',
  run: 'show',
  span: 'show',
  tree: 'show',
  inspect: 'show',
  explain: 'show',
  describe: 'show',
  open: 'show',
  live: 'tail',
  stream: 'tail',
  ps: 'list --state running',
  running: 'list --state running',
  find: 'grep',
  filter: 'list -q',
  query: 'list -q',
  select: 'sql',
  chat: 'transcript',
  messages: 'transcript',
  conversation: 'transcript',
  history: 'transcript',
  failures: 'errors',
  failed: 'errors',
  exceptions: 'errors',
  slow: 'slowest',
  latency: 'slowest',
  tokens: 'usage',
  prices: 'usage',
  spend: 'usage',
  billing: 'usage',
  statistics: 'stats',
  summary: 'stats',
  overview: 'stats',
  metrics: 'stats',
  count: 'stats',
  llms: 'models',
  knowledge: 'retrievals',
  members: 'delegations',
  dashboard: 'ui',
  tui: 'ui',
  status: 'doctor',
  health: 'doctor',
  ping: 'doctor',
  info: 'doctor',
  db: 'doctor',
  config: 'profile',
  connect: 'profile',
  login: 'profile',
  dump: 'export',
  otlp: 'export',
  purge: 'prune',
  delete: 'prune',
  remove: 'prune',
  cleanup: 'prune',
  expire: 'prune',
  upgrade: 'migrate',
  index: 'migrate',
  indexes: 'migrate',
  compact: 'vacuum',
  shrink: 'vacuum',
};

/** The same for flags. */
const MEANT_FLAGS: Readonly<Record<string, string>> = {
  '-f': 'agno-trace tail follows runs as they happen.',
  '--follow': 'agno-trace tail follows runs as they happen.',
  '--watch': 'agno-trace tail follows runs as they happen.',
  '-v': '--version prints the version, --debug shows connections and statements.',
  '--verbose': '--debug shows connections and statements.',
  '--all': '--limit 0 returns all.',
  '-a': '--limit 0 returns all.',
  '--url': 'Did you mean --db?',
  '--dsn': 'Did you mean --db?',
  '--database': 'Did you mean --db?',
  '--connection': 'Did you mean --db?',
  '--order': 'Did you mean --sort?',
  '--order-by': 'Did you mean --sort?',
  '--sort-by': 'Did you mean --sort?',
  '--where': 'Did you mean -q?',
  '--filter': 'Did you mean -q?',
  '--search': 'Did you mean -q, or agno-trace grep?',
  '--from': 'Did you mean --since?',
  '--after': 'Did you mean --since?',
  '--to': 'Did you mean --until?',
  '--start': 'Did you mean --since?',
  '--end': 'Did you mean --until?',
  '--date': '--since and --until say when, or --last 24h.',
  '--day': '--since and --until say when, or --last 24h.',
  '--head': '-n takes the newest n.',
  '--tail': '-n takes the newest n.',
  '--page': '--cursor continues where a page ended.',
  '--offset': '--cursor continues where a page ended.',
  '--csv': 'Did you mean --format csv?',
  '--md': 'Did you mean --format md?',
  '--markdown': 'Did you mean --format md?',
  '--columns': '--fields keeps some keys of json and csv.',
  '--select': '--fields keeps some keys of json and csv.',
  '--errors': '--failed selects failed runs; --state error,degraded also those that continued.',
  '--host': '--db takes the whole address: postgresql://user@host/db; or set PGHOST.',
  '--port': '--db takes the whole address: postgresql://user@host:5432/db; or set PGPORT.',
  '--password': 'Passwords belong in ~/.pgpass, PGPASSWORD or a profile (agno-trace profile).',
  '--timezone': 'Did you mean --tz?',
  '--older-than': 'Did you mean --until? --until 30d selects runs that started earlier.',
};

/** Commands that change the database. */
const WRITING: ReadonlySet<string> = new Set(['prune', 'migrate', 'vacuum', 'archive', 'facts']);
/** Subcommands that change something. */
const CHANGES = /\b(remove|rm|restore|clear|rebuild)\b/;
const SEE_HELP = 'agno-trace --help lists commands; each has its own --help.';

/**
 * The hint for something that the parser does not know.
 * @param suggestion a similar spelling that the parser found
 */
export function hintFor({code, message}: CommanderError, argv: readonly string[], suggestion: string | null): string {
  if (code === 'commander.unknownCommand') {
    const word = /'(.*)'/s.exec(message)?.[1] ?? '';
    const isBelow = argv.slice(0, argv.indexOf(word)).some(arg => Object.hasOwn(COMMANDS, arg));
    if (isBelow) return suggestion !== null && !CHANGES.test(suggestion) ? suggestion : SEE_HELP;
    const meant = meantBy(word);
    return meant === null ? SEE_HELP : `Did you mean agno-trace ${meant}?`;
  }
  if (code === 'commander.unknownOption') {
    const flag = /'([^'=]*)/.exec(message)?.[1] ?? '';
    if (Object.hasOwn(MEANT_FLAGS, flag)) return MEANT_FLAGS[flag]!;
    return suggestion ?? flagsOf(argv);
  }
  if (code === 'commander.missingArgument' && message.includes("'id'"))
    return 'agno-trace show latest shows the newest run; agno-trace list shows the ids of others.';
  return suggestion ?? SEE_HELP;
}

/** The help that lists the flags of the command. */
function flagsOf(argv: readonly string[]): string {
  const named = argv.find(word =>
    Object.entries(COMMANDS).some(([name, {aliases = []}]) => name === word || aliases.includes(word)),
  );
  return named === undefined ? SEE_HELP : `agno-trace ${named} --help lists its flags.`;
}

/** The command line meant by an unknown command, without `agno-trace`; null: unknown. */
function meantBy(word: string): string | null {
  const wanted = word.trim().toLowerCase();
  if (Object.hasOwn(MEANT, wanted)) return MEANT[wanted]!;
  const names = Object.entries(COMMANDS).flatMap(([name, {aliases = []}]) => [name, ...aliases]);
  const near = closest(
    wanted,
    names.filter(name => !WRITING.has(name)),
  );
  if (near !== null) return near;
  // A word that changes something may differ by one letter at most.
  return closest(wanted, [...WRITING], 1);
}
