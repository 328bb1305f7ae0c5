import type {Readable, Writable} from 'node:stream';
import type {ReadStream, WriteStream} from 'node:tty';
import type {ExitCode, SignalCode} from './errors.ts';
import type {Env} from './store/source.ts';
import type {Safe} from './text/safe.ts';

/** One of the process's output streams, reduced to what commands need. */
export interface Output {
  /** Only safe text: data from elsewhere was escaped (`text/safe.ts`) or is JSON. */
  write(text: Safe): void;
  /** Waits until a slow reader has taken everything. Absent: there is nothing to wait for. */
  drained?(): Promise<void>;
  readonly isTTY: boolean;
  /** Columns of the terminal; undefined for a pipe. */
  readonly columns: number | undefined;
  /** Rows of the terminal; undefined for a pipe, and where it reports no size. */
  readonly rows?: number | undefined;
}

/** The terminal for the screens. */
export interface TerminalStreams {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

export interface ProtocolStreams {
  readonly input: Readable;
  readonly output: Writable;
}

export interface Progress {
  readonly what: string;
  /** Spans read so far. */
  readonly done: number;
  /** Null: unknown. */
  readonly total: number | null;
}

/** A command's environment. Tests pass their own. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** With `--dotenv` it includes the file's variables, once a command has read it. */
  env: Env;
  /** Everything that is sent to stdin. */
  readonly stdin: () => Promise<string>;
  /** Both ends of the terminal, if stdin and stdout are one. */
  readonly terminal?: () => TerminalStreams | null;
  /** stdin and stdout as they are, for a command that talks a protocol over them. */
  readonly protocol?: () => ProtocolStreams;
  /** Runs another command line in this process, and returns its exit code. */
  readonly runLine?: (argv: readonly string[], context: Context) => Promise<number>;
  /** Asks on the terminal and returns the typed line, null at its end; absent if stdin is not a terminal. */
  readonly ask?: ((question: Safe) => Promise<string | null>) | undefined;
  readonly cwd: string;
  /**
   * Lets another thread end the process after this time, whatever this thread is doing: nothing else ends a statement
   * on a damaged file. Only for a process with nothing to lose: a completion.
   * @returns cancels it
   */
  readonly endIn?: (ms: number) => Promise<() => void>;
  /**
   * What a reader of the answer must know about how it was read; part of the notes in JSON, otherwise printed on
   * stderr.
   */
  readonly notes: string[];
  /** Passwords from a service file or a command: masked in everything printed about errors. */
  readonly secrets: string[];
  /** Aborted when nobody waits for the answer any more; running statements are stopped. */
  readonly stop?: AbortSignal;
  /** Called with the progress of long work, instead of a progress line on the terminal. */
  readonly onProgress?: (progress: Progress) => void;
  /** Removes from an answer, before it is cut, what its reader must not see. */
  readonly clean?: <T>(answer: T) => T;
  /** Set if an incomplete answer was printed. */
  exitCode?: ExitCode | SignalCode;
  /** Our clock, microseconds since 1970. */
  nowMicros(): number;
}
