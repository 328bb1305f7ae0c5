import type {Readable, Writable} from 'node:stream';
import type {ReadStream, WriteStream} from 'node:tty';
import type {ExitCode, SignalCode} from './errors.ts';
import type {Env} from './store/source.ts';
import type {Safe} from './text/safe.ts';

/** One of the process's output streams, as much of it as commands need. */
export interface Output {
  /** Only safe text: what came from elsewhere has been escaped (`text/safe.ts`) or is JSON. */
  write(text: Safe): void;
  /** Waits until a slow reader has taken what was written. Absent: there is nothing to wait for. */
  drained?(): Promise<void>;
  readonly isTTY: boolean;
  /** Columns of the terminal; undefined for a pipe. */
  readonly columns: number | undefined;
  /** Rows of the terminal; undefined for a pipe, and where it reports no size. */
  readonly rows?: number | undefined;
}

/** The terminal that screens are drawn on. */
export interface TerminalStreams {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

export interface ProtocolStreams {
  readonly input: Readable;
  readonly output: Writable;
}

/** What a command is given. Tests pass their own. */
export interface Context {
  readonly stdout: Output;
  readonly stderr: Output;
  /** With `--dotenv` also what the file adds, once a command has read it. */
  env: Env;
  /** All that is sent to stdin. */
  readonly stdin: () => Promise<string>;
  /** Both ends of the terminal, where stdin and stdout are one. */
  readonly terminal?: () => TerminalStreams | null;
  /** stdin and stdout as they are, for a command that talks a protocol over them. */
  readonly protocol?: () => ProtocolStreams;
  /** Runs another command line in this process, and gives its exit code. */
  readonly runLine?: (argv: readonly string[], context: Context) => Promise<number>;
  /** Asks on the terminal and gives the line that was typed, null at its end; absent where stdin is no terminal. */
  readonly ask?: ((question: Safe) => Promise<string | null>) | undefined;
  readonly cwd: string;
  /**
   * Has another thread end the process after so long, whatever this one is doing: nothing else ends a statement on a damaged
   * file. Only for whoever has nothing to lose: a completion.
   * @returns calls it off
   */
  readonly endIn?: (ms: number) => Promise<() => void>;
  /** What a reader of the answer must know about how it was read; part of the notes in JSON, said on stderr otherwise. */
  readonly notes: string[];
  /** Passwords learnt on the way, from a service file or a command: masked in all that is printed about errors. */
  readonly secrets: string[];
  /** Set by an answer that was printed and is not the whole. */
  exitCode?: ExitCode | SignalCode;
  /** Our clock, microseconds since 1970. */
  nowMicros(): number;
}
