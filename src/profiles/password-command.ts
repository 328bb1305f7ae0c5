import {EXIT, UserError} from '../errors.ts';
import type {Env} from '../store/source.ts';
import {removeOnExit} from '../ways-out.ts';

const LIMIT_MS = 10_000;
/** A password is one line; a command that prints more than this is the wrong one. */
const MOST_BYTES = 64 * 1024;

interface Asked {
  readonly env: Env;
  readonly cwd: string;
  /** The origin of the command, for messages. */
  readonly origin: string;
  /** Ends the waiting; absent: only the time limit does. */
  readonly late?: AbortSignal;
}

/**
 * Runs a profile's `password_command` with `/bin/sh -c` and without a terminal as stdin: the first line of its output
 * is the password.
 * @throws UserError exit 4; it quotes the first line of stderr and never the output on stdout
 */
export async function passwordFromCommand(command: string, {env, cwd, origin, late}: Asked): Promise<string> {
  const {out, err, outcome} = await runCommand(command, env, cwd, late);
  const [password = '', ...rest] = out.split(/\r?\n/);
  const printed = [password, ...rest].filter(text => text.trim().length >= 3);
  const said = printed.reduce((text, secret) => text.replaceAll(secret, '***'), firstLine(err));
  const fail = (text: string) =>
    new UserError(EXIT.unreachable, `password_command of ${origin} ${text}${said ? `: ${said}` : '.'}`, {
      hint: 'Run it by hand: its first line of output must be the password, and its exit code 0.',
    });
  if (outcome !== 'exit 0')
    throw fail(outcome === 'late' ? `took longer than ${LIMIT_MS / 1000} s` : `failed (${outcome})`);
  if (password === '') throw fail('printed no password');
  return password;
}

interface Ran {
  readonly out: string;
  readonly err: string;
  /** `exit 3`, `signal SIGTERM`, `late`, or why it could not be run. */
  readonly outcome: string;
}

async function runCommand(command: string, env: Env, cwd: string, late?: AbortSignal): Promise<Ran> {
  // Loaded here, because it would cost every start 3 ms.
  const {spawn} = await import('node:child_process');
  // ^C goes only to the terminal's process group, which this child is not in. Registered before there is anything to
  // stop, because a signal may come at once.
  const forget = removeOnExit(() => stop());
  // In a group of its own, so that at the time limit everything the shell started ends with it.
  const start = () => spawn('/bin/sh', ['-c', command], {cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true});
  let child: ReturnType<typeof start>;
  const stop = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
  };
  try {
    child = start();
  } catch (error) {
    forget();
    throw error;
  }
  return new Promise(resolve => {
    const texts = {stdout: '', stderr: ''};
    let outcome: string | null = null;
    const giveUp = () => {
      outcome = 'late';
      stop();
      // A process that left the group may still hold the pipes.
      finish();
    };
    const timer = late ? undefined : setTimeout(giveUp, LIMIT_MS);
    late?.addEventListener('abort', giveUp, {once: true});
    const finish = () => {
      clearTimeout(timer);
      forget();
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      resolve({out: texts.stdout, err: texts.stderr, outcome: outcome ?? 'not run'});
    };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (texts[name].length < MOST_BYTES) texts[name] += text;
      });
    }
    child.once('error', error => {
      outcome ??= `/bin/sh: ${(error as NodeJS.ErrnoException).code ?? error.message}`;
      finish();
    });
    child.once('close', (code, signal) => {
      outcome ??= code === null ? `signal ${signal}` : `exit ${code}`;
      finish();
    });
  });
}

const LONGEST_QUOTE = 200;

function firstLine(text: string): string {
  return (text.split(/\r?\n/).find(line => line.trim() !== '') ?? '').trim().slice(0, LONGEST_QUOTE);
}
