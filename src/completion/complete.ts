import type {Command} from 'commander';
import type {Context} from '../context.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {type Candidate, completionsOf} from './candidates.ts';
import {quotedForBash, readLine} from './command-line.ts';
import {valuesIn} from './values.ts';

/** The request of a shell's script: which shell, and its command line as the script in `scripts.ts` sends it. */
interface Request {
  /** Before the cursor, without the program's name. */
  readonly words: readonly string[];
  readonly current: string;
  /** A word in the form for the shell; null: it has none. */
  readonly inserted: (value: string) => string | null;
  /** The shell shows descriptions. */
  readonly showsAbout: boolean;
}

/**
 * Answers the shell: a line `words` or `files`, and for `words` one candidate per line, with a tab and its
 * description if the shell shows that. Prints nothing at all if there is nothing to offer, something failed, or the
 * time is over: the user is typing, and neither an error nor half an answer helps.
 * @param argv the shell, and what its script sends
 * @param leftMs time for reading a database
 */
export async function answerShell(
  argv: readonly string[],
  context: Context,
  leftMs: number,
  programFor: (words: readonly string[], context: Context) => Promise<Command>,
): Promise<void> {
  const request = requestOf(argv, context);
  if (!request) return;
  // Messages of commands must not appear on a line that is being typed.
  const silent = {...context, stdout: SILENT, stderr: SILENT, notes: []};
  const program = await programFor(request.words, silent);
  const found = await completionsOf(program, request.words, request.current, valuesIn(silent, leftMs)).catch(() => []);
  if (found === 'files') context.stdout.write(trusted('files\n'));
  else if (found.length > 0) context.stdout.write(answer(found, request));
}

const SILENT = {write: () => undefined, isTTY: false, columns: undefined};

function answer(found: readonly Candidate[], {inserted, showsAbout}: Request): Safe {
  const lines = found.flatMap(({value, about}) => {
    const text = inserted(value);
    if (text === null) return [];
    return showsAbout && about ? [line`${safe(text)}\t${safe(about)}`] : [safe(text)];
  });
  return joined([trusted('words'), ...lines, trusted('')], '\n');
}

function requestOf([shell, ...rest]: readonly string[], {env}: Context): Request | null {
  if (shell === 'bash') {
    const typed = readLine(rest[0] ?? '', rest[1] ?? '');
    return {
      words: typed.words.slice(1),
      current: typed.current,
      inserted: value => quotedForBash(value, typed),
      showsAbout: false,
    };
  }
  const plain = {inserted: (value: string) => value, showsAbout: true};
  // fish removes the quotes from all words except the one at the cursor.
  if (shell === 'fish') return {...plain, words: rest.slice(0, -1), current: readLine(rest.at(-1) ?? '', '').current};
  if (shell === 'zsh') return {...plain, words: rest.slice(0, -1), current: rest.at(-1) ?? ''};
  // PowerShell drops empty arguments and changes quotes in others.
  const words = (env.AGNO_TRACE_WORDS ?? '').split('\n');
  return shell === 'powershell' ? {...plain, words: words.slice(0, -1), current: words.at(-1)!} : null;
}
