import type {ReadStream, WriteStream} from 'node:tty';
import {type KeyPress, readKeys} from './key-press.ts';
import type {Size} from './pane.ts';

/** The terminal that the screens are on. */
export interface TerminalStreams {
  readonly input: ReadStream;
  readonly output: WriteStream;
}

interface Listener {
  key(press: KeyPress): void;
  resize(): void;
  /** The screen is ours again and empty, after the program was stopped and went on. */
  resume(): void;
  /** The terminal is the user's again; what is left is to end. Null: it is gone. */
  end(signal: NodeJS.Signals | null): void;
}

/** Alternate screen, hidden cursor, no wrapping at the right edge, pastes marked as such. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[0m\x1b[2J\x1b[H';
const LEAVE = '\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l';
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** A pty that reports no size (script, some editors) gets the usual one. */
const USUAL: Size = {columns: 80, rows: 24};
const SUSPEND = '^z';

/**
 * The terminal's life cycle: taken once, given back on every way out, and given back meanwhile when the program is stopped.
 */
export class Terminal {
  private isOurs = false;
  private listener: Listener | null = null;
  private readonly undo: (() => void)[] = [];

  constructor(private readonly streams: TerminalStreams) {}

  get size(): Size {
    const {columns, rows} = this.streams.output;
    return {columns: columns || USUAL.columns, rows: rows || USUAL.rows};
  }

  /** The terminal has more to take than it can; `onDrain` says when that is over. */
  get isBusy(): boolean {
    return this.streams.output.writableNeedDrain;
  }

  onDrain(listener: () => void): void {
    this.streams.output.once('drain', listener);
  }

  write(text: string): void {
    if (this.isOurs) this.streams.output.write(text);
  }

  open(listener: Listener): void {
    this.listener = listener;
    const {input, output} = this.streams;
    this.enter();
    this.undo.push(readKeys(input, press => (press.name === SUSPEND ? this.suspend(true) : listener.key(press))));
    this.on(output, 'resize', () => listener.resize());
    const gone = () => this.end(null);
    this.on(input, 'end', gone);
    this.on(input, 'error', gone);
    for (const signal of ENDING) this.on(process, signal, () => this.end(signal));
    // Before the stack is printed, and whatever else ends the process.
    this.on(process, 'uncaughtExceptionMonitor', () => this.leave());
    this.on(process, 'exit', () => this.leave());
    this.on(process, 'SIGCONT', () => this.resume());
    if (process.platform !== 'win32') this.onStop();
  }

  close(): void {
    this.leave();
    for (const undo of this.undo.splice(0)) undo();
    this.listener = null;
  }

  private end(signal: NodeJS.Signals | null): void {
    const listener = this.listener;
    this.close();
    listener?.end(signal);
  }

  private enter(): void {
    if (this.isOurs) return;
    this.isOurs = true;
    const {input, output} = this.streams;
    input.setRawMode?.(true);
    input.resume();
    output.write(ENTER);
  }

  private leave(): void {
    if (!this.isOurs) return;
    this.isOurs = false;
    const {input, output} = this.streams;
    input.setRawMode?.(false);
    input.pause();
    output.write(LEAVE);
  }

  private readonly stopped = () => this.suspend(false);

  private onStop(): void {
    process.on('SIGTSTP', this.stopped);
    this.undo.push(() => void process.off('SIGTSTP', this.stopped));
  }

  /**
   * Stops as a shell expects it: the terminal given back, then the signal in its own meaning.
   * @param wholeGroup as the terminal itself does on ^Z: with what started us (npx) and what reads us
   */
  private suspend(wholeGroup: boolean): void {
    if (process.platform === 'win32') return;
    this.leave();
    process.off('SIGTSTP', this.stopped);
    process.kill(wholeGroup ? 0 : process.pid, 'SIGTSTP');
    // Nobody stops a process whose shell is gone; then no SIGCONT comes either.
    const timer = setTimeout(() => this.resume(), 50);
    this.undo.push(() => clearTimeout(timer));
  }

  private resume(): void {
    if (this.isOurs || this.listener === null) return;
    process.off('SIGTSTP', this.stopped);
    process.on('SIGTSTP', this.stopped);
    this.enter();
    this.listener.resume();
  }

  private on(emitter: NodeJS.EventEmitter, event: string, listener: (...args: never[]) => void): void {
    emitter.on(event, listener as () => void);
    this.undo.push(() => void emitter.off(event, listener as () => void));
  }
}
