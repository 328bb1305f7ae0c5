import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'vitest';
import {BIN} from '../program.ts';

const FRAMES = new URL('frames.js', import.meta.url).pathname;

/** The built program in a tmux of its own. */
export class Terminal {
  private constructor(
    private readonly socket: string,
    /** Of the program itself. */
    readonly pid: number,
    /** When frames were written. */
    private readonly frameFile: string,
  ) {}

  /**
   * Null where there is no tmux.
   * @param folder for what is written down
   */
  static open(argv: readonly string[], folder: string): Terminal | null {
    const socket = `agno-trace-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
    const command = ['exec', process.execPath, BIN, ...argv].map(word => `'${word}'`).join(' ');
    try {
      execFileSync('tmux', ['-V'], {stdio: 'ignore'});
    } catch {
      return null;
    }
    const flags = ['-f', '/dev/null', 'new-session', '-d', '-x', '110', '-y', '32', command.replace("'exec'", 'exec')];
    execFileSync('tmux', ['-L', socket, ...flags]);
    const pid = execFileSync('tmux', ['-L', socket, 'list-panes', '-F', '#{pane_pid}'], {encoding: 'utf8'});
    const frameFile = path.join(folder, 'frames.txt');
    const piped = [process.execPath, FRAMES, frameFile].map(word => `'${word}'`).join(' ');
    execFileSync('tmux', ['-L', socket, 'pipe-pane', '-O', `exec ${piped}`]);
    return new Terminal(socket, Number(pid), frameFile);
  }

  screen(): string {
    return execFileSync('tmux', ['-L', this.socket, 'capture-pane', '-p'], {encoding: 'utf8'});
  }

  /** Waits until the screen has it; fails with the screen as it is. */
  async shows(pattern: RegExp): Promise<void> {
    for (const since = Date.now(); Date.now() - since < 30_000; await sleep(50))
      if (pattern.test(this.screen())) return;
    expect(this.screen()).toMatch(pattern);
  }

  /** Keys as tmux names them. */
  type(key: string): void {
    execFileSync('tmux', ['-L', this.socket, 'send-keys', key]);
  }

  /** When frames were written so far, ms since 1970. */
  frames(): number[] {
    return existsSync(this.frameFile) ? readFileSync(this.frameFile, 'utf8').trimEnd().split('\n').map(Number) : [];
  }

  /** From a key to the next frame, ms; the key goes through a process of tmux, which counts. */
  async answerMs(key: string): Promise<number> {
    const pressed = performance.timeOrigin + performance.now();
    this.type(key);
    for (;;) {
      const answered = this.frames().find(at => at >= pressed);
      if (answered !== undefined) return answered - pressed;
      await sleep(2);
    }
  }

  close(): void {
    execFileSync('tmux', ['-L', this.socket, 'kill-server']);
  }
}
