import {execFileSync} from 'node:child_process';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'vitest';

const BIN = new URL('../../bin/agno-trace.js', import.meta.url).pathname;

/** The built program in a tmux of its own. */
export class Terminal {
  private constructor(
    private readonly socket: string,
    /** Of the program itself. */
    readonly pid: number,
  ) {}

  /** Null where there is no tmux. */
  static open(argv: readonly string[]): Terminal | null {
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
    return new Terminal(socket, Number(pid));
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

  close(): void {
    execFileSync('tmux', ['-L', this.socket, 'kill-server']);
  }
}
