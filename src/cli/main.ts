import type {Safe} from '../text/safe.ts';
import {VERSION} from './version.ts';

/*
 * Entry of the built program: the process's streams become a context, its arguments a command. Built by itself, so that
 * asking for the version loads this one file.
 */
const argv = process.argv.slice(2);
/** A shell waits for names out of a database at most so long, counted from the start of the process. */
const COMPLETION_MS = 300;
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) process.stdout.write(`${VERSION}\n`);
else await main();

async function main(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', onStreamError);
  const {complete, run} = await import('./run.ts');
  const output = (stream: NodeJS.WriteStream) => ({
    write: (text: Safe) => void stream.write(text),
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
  });
  const context = {
    stdout: output(process.stdout),
    stderr: output(process.stderr),
    stdin: async () => {
      const parts: Buffer[] = [];
      for await (const part of process.stdin) parts.push(part as Buffer);
      return Buffer.concat(parts).toString();
    },
    ...(process.stdin.isTTY ? {ask} : {}),
    env: process.env,
    cwd: process.cwd(),
    notes: [],
    secrets: [],
    nowMicros: () => Date.now() * 1000,
  };
  if (argv[0] !== '__complete') {
    process.exitCode = await run(argv, context);
    return;
  }
  await complete(argv.slice(1), context, COMPLETION_MS - performance.now());
  // A connection that is still being made must not hold up the shell.
  process.stdout.write('', () => process.exit(0));
}

async function ask(question: Safe): Promise<string | null> {
  const {createInterface} = await import('node:readline');
  const reader = createInterface({input: process.stdin, output: process.stderr});
  try {
    return await new Promise(resolve => {
      reader.once('close', () => resolve(null));
      // Ctrl-C while it asks ends the program as it does elsewhere.
      reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      reader.question(question, resolve);
    });
  } finally {
    reader.close();
  }
}

/** `agno-trace list | head`: the reader has what it wanted. Any other failure to write is one. */
function onStreamError(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  process.exitCode = 1;
  process.stderr.write(`error: the output could not be written (${error.code ?? 'unknown'}).\n`);
}
