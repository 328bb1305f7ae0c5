import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {BACKENDS, temporaryFolder} from '../databases.ts';
import {openPlayer, type Player} from '../follow/player.ts';

const BIN = path.join(new URL('../..', import.meta.url).pathname, 'bin/agno-trace.js');
const FIXTURE = 'agno-3.1.10-pictures.sqlite';

/** The built program in a process of its own, its output in pipes. */
class Process {
  out = '';
  err = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(argv: readonly string[]) {
    const env = {PATH: process.env.PATH, HOME: process.env.HOME};
    this.child = spawn(process.execPath, [BIN, ...argv], {env, stdio: ['ignore', 'pipe', 'pipe']});
    this.child.stdout!.on('data', chunk => {
      this.out += chunk;
    });
    this.child.stderr!.on('data', chunk => {
      this.err += chunk;
    });
    this.ended = new Promise(resolve => this.child.once('close', code => resolve(code)));
  }

  /** Resolves when what came fulfils `test`. */
  async until(test: (out: string) => boolean): Promise<void> {
    while (!test(this.out)) {
      const more = new Promise(resolve => this.child.stdout!.once('data', resolve));
      const code = await Promise.race([more.then(() => undefined), this.ended]);
      if (code !== undefined && !test(this.out)) throw new Error(`ended with ${code}:\n${this.out}\n${this.err}`);
    }
  }

  spans(): string[] {
    return this.out
      .trimEnd()
      .split('\n')
      .map(text => JSON.parse(text))
      .filter(event => event.event === 'span')
      .map(event => event.span.spanId);
  }
}

const isLive = (out: string) => out.includes('"connection":"live"');
const ofOneSession = {where: "json_extract(attributes, '$.\"session.id\"') = 'tool-loop'"};

async function play(player: Player): Promise<void> {
  while (player.waiting.length > 0) await player.write();
}

describe.each(BACKENDS)('tail through a real pipe on %s', backend => {
  it('ends on Ctrl-C with all that was told, quietly', async () => {
    const player = await openPlayer(backend, FIXTURE, ofOneSession);
    const ids = player.waiting.map(row => String(row.span_id)).sort();
    const tail = new Process(['tail', '--db', player.url, '-n', '0', '--jsonl', '--heartbeat', '50ms']);
    await tail.until(isLive);
    await play(player);
    await tail.until(out => (out.match(/"event":"span"/g) ?? []).length === ids.length);
    tail.child.kill('SIGINT');
    expect([await tail.ended, tail.err]).toEqual([130, '']);
    expect(tail.out.endsWith('}\n')).toBe(true);
    expect(tail.spans().sort()).toEqual(ids);
  });

  it('goes on from its cursor file, after it was killed too: nothing is missed', async () => {
    const player = await openPlayer(backend, FIXTURE, ofOneSession);
    const ids = player.waiting.map(row => String(row.span_id)).sort();
    const file = path.join(temporaryFolder(), 'cursor');
    const argv = ['tail', '--db', player.url, '-n', '0', '--jsonl', '--heartbeat', '50ms', '--cursor-file', file];
    const first = new Process(argv);
    await first.until(out => isLive(out) && existsSync(file));
    const before = readFileSync(file, 'utf8');
    await player.write(4);
    await first.until(
      out => (out.match(/"event":"span"/g) ?? []).length === 4 && readFileSync(file, 'utf8') !== before,
    );
    await player.write(2);
    first.child.kill('SIGKILL');
    await first.ended;
    const second = new Process([...argv, '--max-runs', '1']);
    await play(player);
    expect([await second.ended, second.err]).toEqual([0, '']);
    const told = new Set([...first.spans(), ...second.spans()]);
    expect([...told].sort()).toEqual(ids);
  });
});

describe('tail', () => {
  it('is quiet when its reader has seen enough', async () => {
    const player = await openPlayer('sqlite', FIXTURE);
    await player.write(20);
    const tail = new Process(['tail', '--db', player.url]);
    await tail.until(out => out.includes('\n'));
    tail.child.stdout!.destroy();
    await play(player);
    expect([await tail.ended, tail.err]).toEqual([0, '']);
  });

  it('waits for tables that do not exist yet, and tells all that is written to them', async () => {
    const player = await openPlayer('sqlite', FIXTURE, ofOneSession);
    await player.run('alter table agno_spans rename to not_there_yet');
    const tail = new Process(['tail', '--db', player.url, '--max-runs', '1']);
    const isWaiting = new Promise(resolve => tail.child.stderr!.once('data', resolve));
    await isWaiting;
    expect(tail.err).toMatch(/^note: waiting: .*agno_spans/);
    await player.run('alter table not_there_yet rename to agno_spans');
    await play(player);
    expect(await tail.ended).toBe(0);
    expect(tail.out).toMatch(/✔ ok .* Research Agent/);
  });
});
