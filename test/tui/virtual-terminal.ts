import {EventEmitter} from 'node:events';
import {PassThrough} from 'node:stream';
import type {ReadStream, WriteStream} from 'node:tty';
import xterm from '@xterm/headless';
// @ts-expect-error Ink brings it, without types.
import {unload} from 'signal-exit';
import {expect} from 'vitest';
import type {TerminalStreams} from '../../src/context.ts';
import type {Size} from '../../src/tui/pane.ts';
import {atEndOfFile} from '../end-of-file.ts';

/** A terminal without a window: what is written to it is drawn by xterm's own core, keys go in as bytes. */
export class VirtualTerminal {
  readonly streams: TerminalStreams;
  /** All that was written, in order. */
  readonly written: string[] = [];
  isRaw = false;
  readonly xterm: xterm.Terminal;
  private readonly input = new PassThrough();
  private readonly output: EventEmitter & Size;

  constructor(size: Size) {
    // Ink's cursor listens for signals as long as the process lives; the program is built without that.
    atEndOfFile(unload);
    this.xterm = new xterm.Terminal({cols: size.columns, rows: size.rows, allowProposedApi: true, convertEol: true});
    const write = (text: string, onWritten?: () => void) => {
      if (text !== '') this.written.push(text);
      this.xterm.write(text);
      if (onWritten) setImmediate(onWritten);
      return true;
    };
    this.output = Object.assign(new EventEmitter(), {...size, isTTY: true, writableNeedDrain: false, write});
    const setRawMode = (on: boolean) => {
      this.isRaw = on;
    };
    Object.assign(this.input, {isTTY: true, setRawMode});
    this.streams = {
      input: this.input as unknown as ReadStream,
      output: this.output as unknown as WriteStream,
    };
  }

  press(...keys: readonly string[]): void {
    for (const key of keys) this.input.write(KEYS[key] ?? key);
  }

  /** What is written waits from now on, as in a pipe that nobody reads, or no longer does. */
  wait(isWaiting: boolean): void {
    Object.assign(this.output, {writableNeedDrain: isWaiting});
    if (!isWaiting) this.output.emit('drain');
  }

  resize({columns, rows}: Size): void {
    this.xterm.resize(columns, rows);
    Object.assign(this.output, {columns, rows});
    this.output.emit('resize');
  }

  /** What stands on the screen now, a line a row, without spaces at the end. */
  async screen(): Promise<string> {
    await new Promise<void>(resolve => this.xterm.write('', resolve));
    const {active} = this.xterm.buffer;
    return Array.from({length: this.xterm.rows}, (_, row) =>
      (active.getLine(active.baseY + row)?.translateToString(true, 0, this.xterm.cols) ?? '').trimEnd(),
    ).join('\n');
  }

  /** Every cell with its character and how it is painted, a line a row. */
  async cells(): Promise<string> {
    await new Promise<void>(resolve => this.xterm.write('', resolve));
    const {active} = this.xterm.buffer;
    const cellAt = (x: number, y: number) => {
      const cell = active.getLine(active.baseY + y)!.getCell(x)!;
      const marks = [cell.isBold(), cell.isDim(), cell.isInverse()].map(mark => (mark ? 1 : 0)).join('');
      return `${cell.getChars() || ' '}${cell.getFgColor()}${marks}`;
    };
    return Array.from({length: this.xterm.rows}, (_, y) =>
      Array.from({length: this.xterm.cols}, (_, x) => cellAt(x, y)).join('|'),
    ).join('\n');
  }

  /** The screen as soon as it shows `text`. */
  async until(text: string | RegExp): Promise<string> {
    let screen = '';
    await expect
      .poll(async () => {
        screen = await this.screen();
        return screen;
      })
      .toMatch(text);
    return screen;
  }

  /** The screen as soon as it no longer shows `text`. */
  async untilWithout(text: string | RegExp): Promise<string> {
    let screen = '';
    await expect
      .poll(async () => {
        screen = await this.screen();
        return screen;
      })
      .not.toMatch(text);
    return screen;
  }

  /** What it was asked to be, apart from what stands on it. */
  get modes() {
    const {wraparoundMode: wraps, bracketedPasteMode: marksPastes, mouseTrackingMode} = this.xterm.modes;
    const isAlternate = this.xterm.buffer.active.type === 'alternate';
    const showsCursor = this.written.join('').lastIndexOf('\x1b[?25h') > this.written.join('').lastIndexOf('\x1b[?25l');
    return {isAlternate, isRaw: this.isRaw, showsCursor, wraps, marksPastes, tellsMouse: mouseTrackingMode !== 'none'};
  }
}

const KEYS: Readonly<Record<string, string>> = {
  up: '\x1b[A',
  down: '\x1b[B',
  right: '\x1b[C',
  left: '\x1b[D',
  enter: '\r',
  // Twice, as what is pressed next follows at once and would be taken for a key with Alt.
  escape: '\x1b\x1b',
  pagedown: '\x1b[6~',
  end: '\x1b[F',
  tab: '\t',
  '^c': '\x03',
  backspace: '\x7f',
};
