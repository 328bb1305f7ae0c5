import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';
import {BIN} from '../program.ts';

const STAMP = new URL('stamp.js', import.meta.url).pathname;

/** A run of the built program. */
export function program(argv: readonly string[]): ChildProcess {
  // The variable makes Node read certificates at every start.
  const {NODE_EXTRA_CA_CERTS: _, ...env} = process.env;
  return spawn(process.execPath, [BIN, ...argv], {env, stdio: ['ignore', 'pipe', 'pipe']});
}

/** `tail --jsonl` at work. */
export class Tail {
  /** When the line of a span arrived, ms since 1970, by span id; several when it was told more than once. */
  readonly told = new Map<string, number[]>();
  err = '';
  readonly child: ChildProcess;
  private readonly isClosed: Promise<unknown>;
  private onLive: () => void = () => undefined;
  private readonly live = new Promise<void>(resolve => {
    this.onLive = resolve;
  });

  constructor(db: string, flags: readonly string[] = []) {
    this.child = program(['tail', '--jsonl', '--traffic', '--heartbeat', '500ms', '--db', db, ...flags]);
    this.child.stderr!.on('data', data => {
      this.err += data;
    });
    const stamp = spawn(process.execPath, [STAMP], {stdio: [this.child.stdout!, 'pipe', 'inherit']});
    createInterface({input: stamp.stdout}).on('line', line => {
      const [event, what, at] = line.split(' ') as [string, string, string | undefined];
      if (event === 'span') this.told.set(what, [...(this.told.get(what) ?? []), Number(at)]);
      else if (what === 'live') this.onLive();
    });
    this.isClosed = Promise.all([once(this.child, 'exit'), once(stamp, 'close')]);
  }

  /** Waits until it reads. */
  async isLive(): Promise<void> {
    const ended = await Promise.race([this.live.then(() => false), this.isClosed.then(() => true)]);
    if (ended) throw new Error(`tail ended with ${this.child.exitCode}: ${this.err}`);
  }

  /** Waits until all these were told; gives up when nothing was for so long. */
  async hasTold(spanIds: readonly string[], quietMs: number): Promise<void> {
    let count = -1;
    for (let since = Date.now(); Date.now() - since < quietMs; ) {
      if (spanIds.every(id => this.told.has(id))) return;
      if (this.told.size !== count) {
        count = this.told.size;
        since = Date.now();
      }
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    await this.isClosed;
    return this.child.exitCode;
  }
}
