import {Command} from 'commander';
import {COMMANDS} from '../commands/index.ts';
import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {examplesText} from '../flags/command.ts';
import {addDatabaseFlags, type DatabaseFlags} from '../flags/declare.ts';
import {trusted} from '../text/safe.ts';
import {setZone} from '../text/zone.ts';
import {VERSION} from './version.ts';

const SUMMARY = 'See what your Agno agents did, in your terminal, straight from your database.';

/**
 * The program with every subcommand.
 * @param argv decides whose flags are declared: only those of the requested command, which saves every start the
 * flags of all others
 */
export async function buildProgram(argv: readonly string[], context: Context): Promise<Command> {
  const program = new Command('agno-trace')
    .description(SUMMARY)
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'help for the program, or for a command')
    .configureHelp({
      helpWidth: Math.min(context.stdout.columns ?? 80, 100),
      sortSubcommands: false,
    })
    .configureOutput({
      writeOut: text => context.stdout.write(trusted(text)),
      // Usage errors are thrown, and printed in one place (run.ts).
      writeErr: () => undefined,
      getOutHelpWidth: () => Math.min(context.stdout.columns ?? 80, 100),
    })
    .showSuggestionAfterError()
    .exitOverride();
  program.optionsGroup('Database:');
  addDatabaseFlags(program);
  program
    .optionsGroup('General:')
    .option('--color <when>', 'auto, always, never', 'auto')
    .option('--no-color', 'no colour (so does NO_COLOR)')
    .option('--tz <zone>', 'times for people in UTC (default), local, or e.g. Europe/Berlin; or AGNO_TRACE_TZ')
    .option('--ascii', 'only ASCII characters')
    .option('--debug', 'print connections, statements and stack traces');
  program.commandsGroup('Look:');
  for (const [name, {summary, group, aliases = [], load}] of Object.entries(COMMANDS)) {
    const command = program.command(name).description(summary).allowExcessArguments();
    if (group) command.helpGroup(group);
    command.aliases(aliases);
    if (![name, ...aliases].some(word => argv.includes(word))) continue;
    const {default: module} = await load();
    module.declare(command, context);
    command.hook('preAction', refuseExcess);
    command.addHelpText('after', examplesText(module.examples));
  }
  program.helpCommand(false);
  program.hook('preAction', async (_, command) => {
    const {dotenv} = command.optsWithGlobals<DatabaseFlags>();
    if (dotenv === undefined) return;
    (await import('../flags/dotenv.ts')).readDotenv(dotenv, context);
    chooseZone(argv, context.env);
  });
  return program;
}

/** Read before the arguments are parsed, because times in them use this zone. */
export function chooseZone(argv: readonly string[], env: Context['env']): void {
  const at = argv.findIndex(arg => arg === '--tz' || arg.startsWith('--tz='));
  if (at < 0) setZone(env.AGNO_TRACE_TZ, 'AGNO_TRACE_TZ');
  else setZone(argv[at]!.includes('=') ? argv[at]!.slice('--tz='.length) : argv[at + 1], '--tz');
}

/** The parser would only count excess arguments; this names the first one. */
function refuseExcess(_: unknown, {args, registeredArguments}: Command): void {
  if (registeredArguments.at(-1)?.variadic) return;
  const excess = args[registeredArguments.length];
  if (excess !== undefined)
    throw usageError(`unexpected argument "${excess}".`, 'agno-trace --help lists commands; each has its own --help.');
}
