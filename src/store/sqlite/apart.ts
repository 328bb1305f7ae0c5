import type {ChildProcess} from 'node:child_process';
import {createRequire} from 'node:module';
import type {Socket} from 'node:net';
import {EXIT, UserError} from '../../errors.ts';
import {append} from '../../lists.ts';
import {removeOnExit} from '../../ways-out.ts';
import {
  answerInChild,
  type ChildAnswer,
  type ChildError,
  type ChildFile,
  type ChildJob,
  type ChildMessage,
} from './child.ts';
import {builtBinding, isBindingMissing, loadBetterSqlite} from './driver.ts';

/** Largest answer. */
const MOST_BYTES = 512 * 1024 ** 2;

export type ChildQuestion = Pick<ChildJob, 'kind' | 'text'> & Partial<Pick<ChildJob, 'params' | 'maxRows'>>;

interface ApartOptions {
  readonly file: string;
  readonly busyMs: number;
  /** Absent: only for reading. `alone`: nobody else may use the file, and the schema may be edited as text. */
  readonly mode?: ChildFile['mode'];
  /** Statements that run at the beginning, each time the process is started. */
  readonly setup?: string;
  /** The error for a statement that was stopped. */
  readonly tooLong: (limitMs: number) => UserError;
}

/** Of the process that reads: a signal comes from outside, for example from a system without memory. */
function endedEarly(code: number | null, signal: string | null, said: string): Error {
  if (signal === null) return new Error(`the reading process ended early (${code}): ${said}`);
  return new UserError(EXIT.failed, `the process that was reading was ended by ${signal}.`, {
    hint: 'Did the system run out of memory? Its log says so.',
  });
}

/** A driver's error, as it was thrown in the child. */
class StatementError extends Error {
  readonly code?: string;
  readonly errcode?: number;
  constructor({message, code, errcode}: ChildError) {
    super(message);
    if (code !== undefined) this.code = code;
    if (errcode !== undefined) this.errcode = errcode;
  }
}

/**
 * A file that is open in a separate process. Nothing else can stop SQLite in the middle of a statement; an endless
 * one would block this process and keep the writer out for ever. When the process ends, so do its locks. It is
 * started for the first statement, stopped when one takes too long, and started again for the next.
 */
export class Apart {
  private child: Child | null = null;
  private queue: Promise<unknown> = Promise.resolve();
  private isClosed = false;
  /** As of the last statement. */
  inTransaction = false;

  constructor(private readonly options: ApartOptions) {}

  /** The driver of the child, for `doctor`. */
  get driver(): string {
    return `${driverPath() === null ? `node:sqlite of Node ${process.versions.node}` : 'better-sqlite3'} in a separate process`;
  }

  /** Runs one statement at a time. @throws what the driver threw, or a UserError exit 4 if it took longer */
  ask(question: ChildQuestion, limitMs: number): Promise<ChildAnswer> {
    const asked = this.queue.then(() => this.run({params: [], maxRows: 0, ...question, limitMs}));
    this.queue = asked.catch(() => undefined);
    return asked;
  }

  /** Works in the middle of a statement too. Afterwards its locks are gone. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.child?.end();
  }

  get isRunning(): boolean {
    return this.child !== null;
  }

  /** Whatever is running after this time is stopped, as if it had taken too long. */
  stopIn(ms: number): void {
    // This means the process at that time, which may still be starting now.
    setTimeout(() => this.child?.giveUp(), ms).unref();
  }

  private async run(job: ChildJob): Promise<ChildAnswer> {
    if (this.isClosed) throw closed();
    const {spawn} = await import('node:child_process');
    this.child ??= new Child(spawn, this.childFile());
    const {child} = this;
    try {
      const answer = await child.answer(job);
      this.inTransaction = answer.inTransaction;
      return answer;
    } catch (error) {
      if (error instanceof StatementError) {
        this.inTransaction = child.inTransaction;
        throw error;
      }
      this.child = null;
      this.inTransaction = false;
      if (this.isClosed) throw closed();
      throw error === LATE ? this.options.tooLong(job.limitMs) : error;
    }
  }

  private childFile(): ChildFile {
    const driver = driverPath();
    return {
      driver,
      nativeBinding: driver === null ? null : (builtBinding()?.nativeBinding ?? null),
      file: this.options.file,
      busyMs: this.options.busyMs,
      mode: this.options.mode ?? 'read',
      setup: this.options.setup ?? '',
      parent: process.pid,
      mostBytes: MOST_BYTES,
    };
  }
}

export function closed(): UserError {
  return new UserError(EXIT.unreachable, 'the database was closed during a read.');
}

const LATE = Symbol('late');
const CLOSING_MS = 2000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

class Child {
  inTransaction = false;
  private readonly process: ChildProcess;
  private readonly forget: () => void;
  private waiting: {resolve: (answer: ChildAnswer) => void; reject: (reason: unknown) => void} | null = null;
  private rows: unknown[] = [];
  private said = '';
  private isLate = false;
  private readonly ended: Promise<void>;

  constructor(spawn: typeof import('node:child_process').spawn, file: ChildFile) {
    // Registered before there is anything to stop: a signal may come at once.
    this.forget = removeOnExit(() => this.process.kill('SIGKILL'));
    try {
      this.process = spawn(
        process.execPath,
        ['--no-warnings', '--input-type=commonjs', '-e', `(${answerInChild})(require)`],
        // In a process group of its own: Ctrl-C should reach only the process that the user started.
        {stdio: ['ignore', 'ignore', 'pipe', 'ipc'], serialization: 'advanced', detached: true},
      );
    } catch (error) {
      this.forget();
      throw error;
    }
    this.process.stderr!.on('data', data => {
      this.said = `${this.said}${data}`.slice(0, 2000);
    });
    this.process.on('error', error =>
      this.fail(new UserError(EXIT.failed, 'no process could be started for reading.', {cause: error})),
    );
    this.process.on('message', (message: ChildMessage) => this.take(message));
    // Its locks are gone when the process is, not before.
    this.ended = new Promise(resolve => {
      this.process.on('exit', (code, signal) => {
        this.forget();
        this.fail(this.isLate ? LATE : endedEarly(code, signal, this.said));
        resolve();
      });
    });
    this.process.send(file);
    this.rest();
  }

  answer(job: ChildJob): Promise<ChildAnswer> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.giveUp(), Math.min(job.limitMs, LONGEST_TIMER_MS));
      const done = () => {
        clearTimeout(timer);
        this.waiting = null;
        this.rest();
      };
      this.waiting = {
        resolve: answer => {
          done();
          resolve(answer);
        },
        reject: reason => {
          done();
          reject(reason);
        },
      };
      this.process.ref();
      this.process.channel?.ref();
      this.process.send(job, error => {
        if (error && !this.isLate) this.stop();
      });
    });
  }

  /** Works in the middle of a statement too; returns when the process has ended, and with it its locks. */
  async end(): Promise<void> {
    // The timer keeps this process alive until then.
    const timer = setTimeout(() => this.stop(), CLOSING_MS);
    // It closes the file by itself, which also removes SQLite's files beside a file in WAL mode.
    if (this.waiting || !this.process.connected) this.stop();
    else this.process.disconnect();
    await this.ended;
    clearTimeout(timer);
  }

  private stop(): void {
    this.process.kill('SIGKILL');
  }

  giveUp(): void {
    if (!this.waiting) return;
    this.isLate = true;
    this.stop();
  }

  /** While idle, it does not keep this process alive. */
  private rest(): void {
    this.process.unref();
    this.process.channel?.unref();
    (this.process.stderr as Socket | null)?.unref();
  }

  private take(message: ChildMessage): void {
    if ('rows' in message) {
      append(this.rows, message.rows);
      return;
    }
    const {rows} = this;
    this.rows = [];
    if ('error' in message) {
      this.inTransaction = message.inTransaction;
      this.fail(new StatementError(message.error));
    } else this.waiting?.resolve({...message.answer, rows});
  }

  private fail(reason: unknown): void {
    this.waiting?.reject(reason);
  }
}

let found: string | null | undefined;

/** Path of better-sqlite3; null: Node's own SQLite is used. */
function driverPath(): string | null {
  if (found !== undefined) return found;
  try {
    const require = createRequire(import.meta.url);
    found = require.resolve('better-sqlite3');
    // It may be installed without its binding, or with one for another Node.
    const binding = builtBinding();
    if (binding) require(binding.nativeBinding);
    else loadBetterSqlite();
  } catch (error) {
    if (!isBindingMissing(error)) throw error;
    found = null;
  }
  return found;
}
