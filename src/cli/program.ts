import commands from 'folder:../commands';
import questions from 'folder:../queries/canned';
import {Command} from 'commander';
import type {Context} from '../context.ts';
import {addDatabaseFlags} from '../flags/database.ts';
import {own} from '../text/safe.ts';
import {registerQuestion} from './question-command.ts';
import {VERSION} from './version.ts';

/** What a file of `commands/` exports by default. */
export type CommandModule = (program: Command, context: Context) => Command;

const SUMMARY =
  'Reads the traces that Agno writes into your own Postgres or SQLite: lists, shows and explains agent runs.';

/** Every subcommand: one per file of `commands/`, one per question of `queries/canned/`. */
export function buildProgram(context: Context): Command {
  const program = new Command('agno-trace')
    .description(SUMMARY)
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'this help, or that of a command')
    .configureHelp({
      showGlobalOptions: true,
      helpWidth: Math.min(context.stdout.columns ?? 80, 100),
      sortSubcommands: false,
    })
    .configureOutput({
      writeOut: text => context.stdout.write(own(text)),
      // Usage errors are thrown and printed in one place (run.ts).
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
    .option('--ascii', 'only ASCII characters')
    .option('--debug', 'what was sent and connected to, and stacks of defects');
  program.commandsGroup('Look:');
  for (const register of Object.values(commands)) register(program, context);
  program.commandsGroup('Ask:');
  for (const [name, question] of Object.entries(questions)) registerQuestion(program, name, question, context);
  program.commandsGroup('Other:').helpCommand('help [command]', 'help for a command');
  return program;
}
