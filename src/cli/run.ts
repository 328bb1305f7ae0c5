import type {CommanderError} from 'commander';
import type {Context} from '../context.ts';
import {EXIT, UserError, usageError} from '../errors.ts';
import {line, safe, trusted} from '../text/safe.ts';
import {COLOUR_CHOICES, type ColourChoice, paint, setColour, wantsColour} from '../text/style.ts';
import {buildProgram, chooseZone} from './program.ts';
import {secretsIn} from './secrets.ts';

/**
 * Runs one command line. The only place that prints errors and turns them into exit codes.
 * @param argv without the program's own name
 */
export async function run(argv: readonly string[], context: Context): Promise<number> {
  try {
    const flags = beforeArguments(argv);
    refuseEnvFile(flags);
    await setColour(wantsColour(colourChoice(flags), context.env, context.stdout.isTTY));
    chooseZone(flags, context.env);
    const program = await buildProgram(argv, context);
    if (argv.length === 0) {
      if (context.stdout.isTTY) await (await import('./welcome.ts')).welcome(context);
      else program.outputHelp();
      return EXIT.done;
    }
    await program.parseAsync(argv, {from: 'user'});
    return context.exitCode ?? EXIT.done;
  } catch (error) {
    return report(error, argv, context);
  }
}

/** Words after `--` are not flags, whatever they look like. */
function beforeArguments(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf('--');
  return end < 0 ? argv : argv.slice(0, end);
}

/**
 * Node reads a flag of this name at any position after a script, including NODE_OPTIONS in the file, and runs what
 * they name. The first line of bin/agno-trace.js keeps it from Node; this check keeps people from relying on it.
 */
function refuseEnvFile(argv: readonly string[]): void {
  const flag = argv.find(arg => /^--env-file(-if-exists)?(=|$)/.test(arg));
  if (flag !== undefined)
    throw usageError(
      `${flag.split('=')[0]} is refused: Node has a flag of this name, and would run what the file names.`,
      '--dotenv FILE reads AGNO_TRACE_*, PG* and DATABASE_URL from a file.',
    );
}

/** Read before the arguments are parsed, because errors of the parser are coloured too. */
function colourChoice(argv: readonly string[]): ColourChoice {
  if (argv.includes('--no-color')) return 'never';
  const at = argv.findIndex(arg => arg === '--color' || arg.startsWith('--color='));
  if (at < 0) return 'auto';
  const value = argv[at]!.includes('=') ? argv[at]!.slice('--color='.length) : (argv[at + 1] ?? '');
  const choice = COLOUR_CHOICES.find(known => known === value);
  if (!choice) throw usageError(`--color "${value}" is not known.`, `It is one of ${COLOUR_CHOICES.join(', ')}.`);
  return choice;
}

/**
 * Answers a shell's completion script: the words it sends, and the time left for a database. Never an error, never
 * output on stderr.
 */
export async function complete(argv: readonly string[], context: Context, leftMs: number): Promise<void> {
  const {answerShell} = await import('../completion/complete.ts');
  await answerShell(argv, context, leftMs, buildProgram);
}

/** Prints an error of any origin. */
export async function report(thrown: unknown, argv: readonly string[], context: Context): Promise<number> {
  // The text may quote a URL from elsewhere: a config file, a table.
  const mask = (text: string) =>
    secretsIn([...argv, text], context.env, context.secrets).reduce(
      (masked, secret) => masked.replaceAll(secret, '***'),
      text,
    );
  const isKnown = thrown instanceof UserError || isCommanderError(thrown);
  const error = isKnown ? thrown : ((await import('./foreign.ts')).explainForeign(thrown) ?? thrown);
  if (isCommanderError(error)) {
    // Help and version have been printed; they are not errors.
    if (error.exitCode === 0) return EXIT.done;
    return report(await fromCommander(error, argv, mask), argv, context);
  }
  const isDebug = beforeArguments(argv).includes('--debug') || Boolean(context.env.AGNO_TRACE_DEBUG);
  const isDefect = !(error instanceof UserError);
  const message = mask(error instanceof Error ? error.message : String(error));
  const exitCode = isDefect ? EXIT.failed : error.exitCode;
  const hint = isDefect ? 'This is a bug in agno-trace; --debug shows where it happened.' : error.hint;
  // The notes on how the query was understood may explain why nothing was found.
  const notes = context.notes.splice(0).map(mask);
  if (wantsJson(argv)) {
    const details = {message, hint: hint ? mask(hint) : null, exitCode, ...(notes.length > 0 ? {notes} : {})};
    context.stderr.write(trusted(`${JSON.stringify({error: details})}\n`));
  } else {
    context.stderr.write(line`${paint(trusted('error:'), 'red')} ${safe(message)}\n`);
    if (!isDefect && error.place) {
      const {drawnPlace} = await import('./place.ts');
      context.stderr.write(line`${drawnPlace(error.place, mask)}\n`);
    }
    if (hint) await say(context, 'hint:', mask(hint));
    for (const note of notes) await say(context, 'note:', note);
  }
  if (isDebug) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      context.stderr.write(line`${safe(mask(cause.stack ?? cause.message), {multiline: true})}\n`);
    }
  }
  return exitCode;
}

/** On a terminal broken at spaces, not within a word. */
async function say({stderr}: Context, label: 'hint:' | 'note:', text: string): Promise<void> {
  const {wrap} = await import('../text/width.ts');
  const [first = trusted(''), ...more] = wrap(
    line`${trusted(label)} ${safe(text)}`,
    (stderr.isTTY && stderr.columns) || Number.POSITIVE_INFINITY,
  );
  const labelled = first.startsWith(label)
    ? line`${paint(trusted(label), 'dim')}${trusted(first.slice(label.length))}`
    : first;
  for (const part of [labelled, ...more]) stderr.write(line`${part}\n`);
}

function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (arg, i) =>
      arg === '--json' ||
      arg === '--jsonl' ||
      /^--format=jsonl?$/.test(arg) ||
      (arg === '--format' && /^jsonl?$/.test(argv[i + 1] ?? '')),
  );
}

function isCommanderError(error: unknown): error is CommanderError {
  return (
    error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('commander.')
  );
}

/** Converts usage errors of the argument parser to our own form; its suggestion becomes the hint. */
async function fromCommander(
  error: CommanderError,
  argv: readonly string[],
  mask: (text: string) => string,
): Promise<UserError> {
  const {hintFor} = await import('./meant.ts');
  // Masked before its quotes are changed: they may be part of a secret.
  const [first = '', ...rest] = mask(error.message)
    .replace(/^error: /, '')
    .split('\n');
  const suggestion = /^\(?(Did you mean .*?)\)?$/.exec(rest.join(' ').trim())?.[1] ?? null;
  // The text after an unknown flag may be a secret: --password=…
  const shown = error.code === 'commander.unknownOption' ? first.replace(/=.*'/, "'") : first;
  const message = `${shown.replaceAll("'", '"')}${/[.!?]$/.test(shown) ? '' : '.'}`;
  return usageError(message, hintFor(error, argv, suggestion));
}
