import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {chmodSync, copyFileSync, existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {BACKENDS, temporaryFolder} from '../databases.ts';
import {openPlayer, type Player, type Row} from '../follow/player.ts';
import {BIN} from '../program.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

/** A user whom file modes bind: root is none. */
const IS_ROOT = process.getuid?.() === 0;
const ORDINARY = IS_ROOT ? {uid: 65_534, gid: 65_534} : {};
const CAN_BE_ORDINARY = spawnSync(process.execPath, [BIN, '--version'], ORDINARY).status === 0;

/** The built program in a separate process, its output in pipes. */
class Process {
  out = '';
  err = '';
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(argv: readonly string[], user: {uid?: number; gid?: number} = {}) {
    const env = {PATH: process.env.PATH, HOME: process.env.HOME};
    this.child = spawn(process.execPath, [BIN, ...argv], {env, stdio: ['ignore', 'pipe', 'pipe'], ...user});
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

// Each waits for the program most of its time, so they wait beside each other.
describe.concurrent.each(BACKENDS)('tail through a real pipe on %s', backend => {
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

describe.concurrent('tail', () => {
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

describe.skipIf(!CAN_BE_ORDINARY)('tail of a file that this user cannot read where it lies', {concurrent: true}, () => {
  const argv = (db: string) => ['tail', '--db', db, '-n', '0', '--jsonl', '--heartbeat', '50ms', '--interval', '50ms'];

  async function publicPlayer(): Promise<Player> {
    const player = await openPlayer('sqlite', FIXTURE, ofOneSession);
    chmodSync(path.dirname(player.url), 0o755);
    for (const suffix of ['', '-wal']) chmodSync(player.url + suffix, 0o644);
    return player;
  }

  /** Further looks at the file: what is told twice is told again before these are. */
  const LAST = ['x1', 'x2', 'x3'];

  /** Writes a few spans at a time, once those before them are told: a copy is made once a second at most. */
  async function tellsEach(player: Player, tail: Process, onWrite: () => void = () => undefined): Promise<void> {
    const isTold = (id: unknown) => tail.until(out => out.includes(`"spanId":"${id}"`));
    let row: Row = {};
    while (player.waiting.length > 0) {
      const rows = await player.write(4);
      onWrite();
      for (row of rows) await isTold(row.span_id);
    }
    for (const id of LAST) {
      await player.insert({...row, span_id: id});
      onWrite();
      await isTold(id);
    }
  }

  it('tells every span once, from copies, and says so', async () => {
    const player = await publicPlayer();
    chmodSync(`${player.url}-shm`, 0);
    const ids = player.waiting.map(row => String(row.span_id)).sort();
    const tail = new Process(argv(player.url), ORDINARY);
    await tail.until(isLive);
    await tellsEach(player, tail);
    tail.child.kill('SIGINT');
    expect(await tail.ended).toBe(130);
    expect(tail.spans().sort()).toEqual([...ids, ...LAST]);
    expect(tail.err + tail.out).toMatch(/reading a copy of .*: you may not read its -shm file/);
    expect(tail.out).toContain('following a copy of the file: new spans appear after each new copy.');
  });

  it.skipIf(!IS_ROOT)('goes over to the file itself when its application starts', async () => {
    const player = await publicPlayer();
    const ids = player.waiting.map(row => String(row.span_id)).sort();
    // As its application left it: in WAL mode, with nothing beside it, in a folder that is not ours.
    await player.run('pragma wal_checkpoint(truncate)');
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    const file = path.join(folder, 'agno.db');
    copyFileSync(player.url, file);
    chmodSync(file, 0o644);
    const tail = new Process(argv(file), ORDINARY);
    await tail.until(isLive);
    const application = new Database(file);
    application.exec(`attach '${player.url}' as recorded`);
    await tellsEach(player, tail, () => {
      for (const table of ['agno_traces', 'agno_spans'])
        application.exec(`insert or ignore into main.${table} select * from recorded.${table}`);
    });
    application.close();
    tail.child.kill('SIGINT');
    expect(await tail.ended).toBe(130);
    expect(tail.spans().sort()).toEqual([...ids, ...LAST]);
  });
});
