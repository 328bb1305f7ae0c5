import {once} from 'node:events';
import type {Safe} from '../text/safe.ts';
import {VERSION} from './version.ts';

/*
 * Entry of the built program: turns the process's streams into a context and its arguments into a command. Bundled
 * separately, so that asking for the version loads only this file.
 */
const argv = process.argv.slice(2);
/** How long a shell waits for names from a database, counted from the start of the process. */
const COMPLETION_MS = 300;
if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) process.stdout.write(`${VERSION}\n`);
else void main();

async function main(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', error => onStreamError(stream, error));
  const {complete, report, run} = await import('./run.ts');
  const output = (stream: NodeJS.WriteStream) => ({
    write: (text: Safe) => void stream.write(text),
    drained: async () => {
      // Nobody reads any more: the error that follows ends the program.
      if (stream.writableNeedDrain && !stream.destroyed) await once(stream, 'drain');
    },
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
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
    terminal: () =>
      process.stdin.isTTY && process.stdout.isTTY ? {input: process.stdin, output: process.stdout} : null,
    protocol: () => ({input: process.stdin, output: process.stdout}),
    runLine: run,
    // Few commands ask, and the first access to `process.stdin` creates a stream: two milliseconds.
    get ask() {
      return process.stdin.isTTY ? ask : undefined;
    },
    env: process.env,
    cwd: process.cwd(),
    notes: [],
    secrets: [],
    nowMicros: () => Date.now() * 1000,
  };
  if (argv[0] !== '__complete') {
    // An error that a library throws where nobody can catch it is reported like any other, not with pages of source.
    // Unhandled rejections come here too, after the terminal was restored.
    const onUncaught = async (error: unknown) => process.exit(await report(error, argv, context));
    process.once('uncaughtException', onUncaught);
    process.exitCode = await run(argv, context);
    return;
  }
  await complete(argv.slice(1), {...context, endIn}, COMPLETION_MS - performance.now());
  // A connection that is still being made must not delay the shell.
  process.stdout.write('', () => process.exit(0));
}

/** By the signal of Ctrl-C, which shells do not report. */
async function endIn(ms: number): Promise<() => void> {
  const {Worker} = await import('node:worker_threads');
  const program = `setTimeout(() => {
    process.kill(process.pid, 'SIGINT');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);
  }, ${Math.ceil(ms)})`;
  const worker = new Worker(program, {eval: true});
  worker.unref();
  return () => void worker.terminate();
}

async function ask(question: Safe): Promise<string | null> {
  const {createInterface} = await import('node:readline');
  const reader = createInterface({input: process.stdin, output: process.stderr});
  try {
    return await new Promise(resolve => {
      reader.once('close', () => resolve(null));
      // Ctrl-C during a question ends the program as usual.
      reader.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
      reader.question(question, resolve);
    });
  } finally {
    reader.close();
  }
}

/**
 * `agno-trace list | head`: the reader has what it wanted. Any other failure to write is an error, and ends a command
 * that would otherwise run for ever; if stderr itself fails, nobody can be told (a closed terminal fails both).
 */
function onStreamError(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): never {
  if (error.code === 'EPIPE') process.exit(0);
  if (stream !== process.stderr)
    process.stderr.write(`error: the output could not be written (${error.code ?? 'unknown'}).\n`);
  process.exit(1);
}
