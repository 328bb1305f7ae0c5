import {PassThrough, Readable} from 'node:stream';
import {run} from '../src/cli/run.ts';
import type {Safe} from '../src/text/safe.ts';

export interface CliOptions {
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** A terminal of so many columns; absent: a pipe. */
  columns?: number;
  rows?: number;
  nowMicros?: number;
  stdin?: string;
  /** Told all that was printed on stdout so far, each time something is. */
  onOut?: (out: string) => void;
  /** The same of stderr. */
  onErr?: (err: string) => void;
  /** Waited for before a command that goes on prints more. */
  drained?: () => Promise<void>;
  /** What is typed at each question on a terminal; absent: stdin is none. */
  typed?: readonly string[];
}

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program in this process, as `bin/` would, and returns everything it printed. */
export async function cli(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const printed = {out: '', err: ''};
  const into = (name: 'out' | 'err') => (text: Safe) => {
    printed[name] += text;
    (name === 'out' ? options.onOut : options.onErr)?.(printed[name]);
  };
  const isTTY = options.columns !== undefined;
  const typed = [...(options.typed ?? [])];
  const ask = async (question: Safe) => {
    printed.err += question;
    return typed.shift() ?? null;
  };
  const code = await run(argv, {
    stdout: {
      write: into('out'),
      isTTY,
      columns: options.columns,
      rows: options.rows,
      ...(options.drained ? {drained: options.drained} : {}),
    },
    stderr: {write: into('err'), isTTY, columns: options.columns},
    stdin: async () => options.stdin ?? '',
    protocol: () => ({input: Readable.from([]), output: new PassThrough()}),
    runLine: run,
    ...(options.typed ? {ask} : {}),
    // The servers of the tests know no TLS: to ask for it first costs each command a second connection.
    env: {PGSSLMODE: 'disable', ...options.env},
    cwd: options.cwd ?? '/',
    notes: [],
    secrets: [],
    nowMicros: () => options.nowMicros ?? Date.now() * 1000,
  });
  return {code, ...printed};
}

/** The envelope that `--json` prints. */
export interface Envelope {
  readonly schema: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the contract says
  readonly data: any;
  readonly page: {readonly next: string | null};
  readonly notes: readonly string[];
}

/** Runs a command with `--json` and reads its answer; a failure shows what it printed. */
export async function json(argv: readonly string[], options: CliOptions = {}): Promise<Envelope> {
  const result = await cli([...argv, '--json'], options);
  if (result.code !== 0) throw new Error(`exit ${result.code}: ${result.err}`);
  return JSON.parse(result.out) as Envelope;
}
