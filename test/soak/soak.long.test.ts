import {rmSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {afterAll, describe, expect, it} from 'vitest';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {Tail} from '../live/tail.ts';
import {percentile} from '../live/written.ts';
import {SEED} from '../long.ts';
import {Random} from '../random.ts';
import {FastWriter, makeTables} from './fast-writer.ts';
import {ProcessUse} from './process-use.ts';
import {Terminal} from './terminal.ts';

/** A fast writer of ours, and the built program behind it, within limits of time and memory. */
const RATE = {
  postgres: {spansPerSecond: 1000, connections: 4, spansAtOnce: 10},
  // Agno's own way, each span by itself: every commit waits for the disk.
  sqlite: {spansPerSecond: 200, connections: 1, spansAtOnce: 1},
} as const;
/** The memory kept has reached its bounds in half of it; five minutes and more show no other picture. */
const SECONDS = Number(process.env.SOAK_SECONDS ?? 120);
const IDLE_SECONDS = 30;
const KILLS = 15;
const STARTS = 10;
const QUIET_MS = 70_000;
/** Share of the time until what is kept in memory has reached its bounds. */
const WARM_UP = 0.5;
const MOST_IDLE_CPU = 0.01;
const MOST_FRAMES = 10;
const KEYS_A_SECOND = 3;
const MOST_ANSWER_MS = 100;
const MOST_GROWTH_MB_PER_MINUTE = 5;

const random = new Random(SEED);
const said: string[] = [];
afterAll(() => void process.stdout.write(said.map(line => `${line}\n`).join('')));

async function emptyDatabase(backend: Backend): Promise<string> {
  const db = backend === 'sqlite' ? path.join(temporaryFolder(), 'agno.db') : (await newPostgresDatabase()).url;
  await makeTables(db);
  return db;
}

const share = (value: number) => `${(value * 100).toFixed(2)} % of a core`;

describe.each(BACKENDS)('tail --jsonl on %s', backend => {
  it('tells every span of a fast writer once, and does not grow', async () => {
    const db = await emptyDatabase(backend);
    const tail = new Tail(db);
    await tail.isLive();
    const use = new ProcessUse(tail.child.pid!);
    const writer = new FastWriter({db, ...RATE[backend]});
    await writer.run(SECONDS);
    use.end();
    await tail.hasTold([...writer.writtenMs.keys()], QUIET_MS);
    expect(await tail.end('SIGINT')).toBe(130);
    const lost = [...writer.writtenMs.keys()].filter(id => !tail.told.has(id));
    const repeated = [...tail.told.values()].filter(times => times.length > 1);
    const delays = [...writer.writtenMs].flatMap(([id, at]) => (tail.told.get(id) ?? []).map(told => told - at));
    const slope = use.slopeMbPerMinute(WARM_UP);
    said.push(
      `${backend}: ${writer.writtenMs.size} spans in ${SECONDS} s, ${lost.length} lost, ${repeated.length} repeated; ` +
        `commit to line p50 ${Math.round(percentile(delays, 0.5))} ms, p95 ${Math.round(percentile(delays, 0.95))} ms, worst ${Math.round(percentile(delays, 1))} ms; ` +
        `${share(use.cpuShare())}, at most ${Math.round(use.peakMb())} MB, ${slope.toFixed(1)} MB a minute after warm-up`,
    );
    expect([lost, repeated]).toEqual([[], []]);
    expect(writer.writtenMs.size).toBeGreaterThan(100);
    expect(slope).toBeLessThan(MOST_GROWTH_MB_PER_MINUTE);
  });

  it('misses nothing from the moment it reads on, begun while a writer is at work', async () => {
    const db = await emptyDatabase(backend);
    const writer = new FastWriter({db, ...RATE[backend]});
    const writing = writer.run(3600);
    for (let i = 0; i < STARTS; i++) {
      const tail = new Tail(db);
      await tail.isLive();
      const liveMs = performance.timeOrigin + performance.now();
      await sleep(2000);
      const untilMs = performance.timeOrigin + performance.now();
      const wanted = [...writer.writtenMs].filter(([, at]) => at > liveMs && at < untilMs).map(([id]) => id);
      await tail.hasTold(wanted, QUIET_MS);
      expect(await tail.end('SIGINT')).toBe(130);
      expect(wanted.filter(id => tail.told.get(id)?.length !== 1)).toEqual([]);
      expect([...tail.told.values()].filter(times => times.length > 1)).toEqual([]);
      expect(wanted.length).toBeGreaterThan(0);
    }
    writer.stop();
    await writing;
  });

  it('draws behind a fast writer on a terminal, and does not grow', async ({skip}) => {
    const db = await emptyDatabase(backend);
    const terminal = Terminal.open(['tail', '--db', db], temporaryFolder());
    if (!terminal) {
      process.stderr.write('skipped: tail on a terminal behind a fast writer: there is no tmux\n');
      return skip('there is no tmux');
    }
    try {
      await terminal.shows(/LIVE/);
      const use = new ProcessUse(terminal.pid);
      const writer = new FastWriter({db, ...RATE[backend]});
      const from = terminal.frames().length;
      const writing = writer.run(SECONDS);
      const answers: number[] = [];
      for (let i = 0; i < 100; i++) {
        // Opens the page of keys, and closes it.
        answers.push(await terminal.answerMs('?'));
        await sleep(300 + random.next() * 300);
      }
      await writing;
      use.end();
      const frames = terminal.frames().slice(from);
      const most = Math.max(...frames.map((at, i) => frames.slice(i).findIndex(later => later >= at + 1000)));
      // What the writer wrote last is on the screen, and keys are heard.
      await terminal.shows(/LIVE {2}[\d,.k]+ runs/);
      terminal.type('?');
      await terminal.shows(/copy/);
      terminal.type('Escape');
      const keys = `${answers.length} keys p50 ${Math.round(percentile(answers, 0.5))} ms, p95 ${Math.round(percentile(answers, 0.95))} ms, worst ${Math.round(percentile(answers, 1))} ms`;
      said.push(
        `${backend}: on a terminal, ${writer.writtenMs.size} spans in ${SECONDS} s; ${keys}; at most ${most} frames in a second; ${share(use.cpuShare())}, at most ${Math.round(use.peakMb())} MB, ${use.slopeMbPerMinute(WARM_UP).toFixed(1)} MB a minute after warm-up`,
      );
      expect(use.slopeMbPerMinute(WARM_UP)).toBeLessThan(MOST_GROWTH_MB_PER_MINUTE);
      expect(percentile(answers, 0.95)).toBeLessThanOrEqual(MOST_ANSWER_MS);
      // And one for each key of ours.
      expect(most).toBeLessThanOrEqual(MOST_FRAMES + KEYS_A_SECOND);
    } finally {
      terminal.close();
    }
  });

  it('is idle when nothing happens', async () => {
    const db = await emptyDatabase(backend);
    await new FastWriter({db, ...RATE[backend]}).run(1);
    const tail = new Tail(db);
    await tail.isLive();
    await sleep(5000);
    const use = new ProcessUse(tail.child.pid!);
    await sleep(IDLE_SECONDS * 1000);
    use.end();
    said.push(`${backend}: idle for ${IDLE_SECONDS} s, ${share(use.cpuShare())}, ${Math.round(use.peakMb())} MB`);
    expect(await tail.end('SIGINT')).toBe(130);
    expect(use.cpuShare()).toBeLessThanOrEqual(MOST_IDLE_CPU);
  });

  it('goes on where it was killed', async () => {
    const db = await emptyDatabase(backend);
    const cursor = path.join(temporaryFolder(), 'cursor.json');
    const writer = new FastWriter({db, ...RATE[backend], spansPerSecond: RATE[backend].spansPerSecond / 2});
    const first = new Tail(db, ['--cursor-file', cursor]);
    await first.isLive();
    const writing = writer.run(3600);
    const told = new Map<string, number>();
    const keep = (tail: Tail) => {
      for (const [id, times] of tail.told) told.set(id, (told.get(id) ?? 0) + times.length);
    };
    let tail = first;
    for (let i = 0; i < KILLS; i++) {
      await sleep(200 + random.next() * 1500);
      await tail.end('SIGKILL');
      keep(tail);
      tail = new Tail(db, ['--cursor-file', cursor]);
    }
    writer.stop();
    await writing;
    const before = new Set(told.keys());
    await tail.hasTold(
      [...writer.writtenMs.keys()].filter(id => !before.has(id)),
      QUIET_MS,
    );
    expect(await tail.end('SIGINT')).toBe(130);
    keep(tail);
    rmSync(cursor);
    const lost = [...writer.writtenMs.keys()].filter(id => !told.has(id));
    const repeated = [...told.values()].filter(times => times > 1);
    said.push(
      `${backend}: killed ${KILLS} times while ${writer.writtenMs.size} spans were written: ${lost.length} lost, ${repeated.length} repeated`,
    );
    expect(lost).toEqual([]);
  });
});
