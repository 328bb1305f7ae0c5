import {own, type Safe} from '../text/safe.ts';
import {VERSION} from './version.ts';

/** Entry of the built program: the process's streams become a context, its arguments a command. */
export async function main(): Promise<void> {
  const argv = process.argv.slice(2);
  // Before anything else is loaded: scripts ask for the version in loops.
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${VERSION}\n`);
    return;
  }
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onStreamError);
  const {run} = await import('./run.ts');
  const output = (stream: NodeJS.WriteStream) => ({
    write: (text: Safe) => void stream.write(text),
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
  });
  process.exitCode = await run(argv, {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    nowMicros: () => Date.now() * 1000,
  });
}

/** `agno-trace list | head`: the reader has what it wanted. Any other failure to write is one. */
function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  process.exitCode = 1;
  process.stderr.write(own(`error: the output could not be written (${error.code ?? 'unknown'}).\n`));
}
