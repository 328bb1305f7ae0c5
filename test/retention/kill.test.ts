import {spawn} from 'node:child_process';
import {copyFileSync, existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, it, vi} from 'vitest';
import {openWriter, writeRun} from '../agno-writer.js';
import {cli, json} from '../cli.ts';
import {postgresCopies, settled, temporaryFolder} from '../databases.ts';
import {IS_LONG, inLong, SEED} from '../long.ts';
import {BIN} from '../program.ts';
import {Random} from '../random.ts';
import {agnoWriter} from '../writer-process.ts';
import {archivedById, execute, openAt, PLACES, type Place, rowsById, soundness} from './tables.ts';

const KILLED_AT = new URL('killed-at.cjs', import.meta.url).pathname;
const COPIES = inLong(8, 3);
/** Beside the named points: moments of the clock, a share of the time that the whole takes on this machine. */
const MOMENTS = inLong(67, 1);

/** The pictures several times over, so that there are batches to write beside. */
async function openMany(place: Place): Promise<string> {
  const url = await openAt(place);
  for (let i = 0; i < COPIES; i++) {
    for (const [table, id, others] of [
      [
        'agno_traces',
        'trace_id',
        'name, status, start_time, end_time, duration_ms, run_id, session_id, user_id, agent_id, team_id, workflow_id, created_at',
      ],
      [
        'agno_spans',
        'span_id',
        'parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at',
      ],
    ] as const) {
      const more = table === 'agno_spans' ? `trace_id, ${others}` : others;
      const values = table === 'agno_spans' ? `'${i}x' || trace_id, ${others}` : others;
      await execute(
        url,
        `insert into ${table} (${id}, ${more}) select '${i}x' || ${id}, ${values} from ${table} where ${id} not like '%x%'`,
      );
    }
  }
  if (place === 'postgres') await settled();
  return url;
}

function pruneArgs(url: string, archive: string): string[] {
  const which = ['--db', url, '--before', '2026-11-22T20:00', '--archive', archive];
  return ['prune', ...which, '--yes', '--expect-max', '100000', '--settle', '0s', '--force'];
}

const restoreArgs = (url: string, archive: string) => ['archive', 'restore', archive, '--db', url, '--yes'];

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly err: string;
  readonly ms: number;
}

/** The built program, beside a program that writes as Agno does, and all of whose exports must succeed. */
async function beside(
  place: Place,
  url: string,
  argv: readonly string[],
  {env = {}, killAfterMs = null}: {env?: Record<string, string>; killAfterMs?: number | null} = {},
): Promise<Ended> {
  // Agno 2 leaves the rollback journal and foreign keys off; Agno 3 has WAL and foreign keys.
  const writer = await openWriter(url, {foreignKeys: place === 'sqlite rollback' ? 'off' : 'on'});
  let lost = 0;
  const write = () =>
    writeRun(writer, (_ms, isLost) => {
      if (isLost) lost++;
    });
  await write();
  const start = performance.now();
  const child = spawn(process.execPath, ['--require', KILLED_AT, BIN, ...argv], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {...process.env, ...env},
  });
  let err = '';
  child.stderr.on('data', chunk => {
    err += chunk;
  });
  const timer = killAfterMs === null ? null : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  let ended: Ended | null = null;
  child.once('close', (code, signal) => {
    ended = {code, signal, err, ms: performance.now() - start};
  });
  while (!ended) {
    await write();
    await sleep(20);
  }
  if (timer) clearTimeout(timer);
  await writer.close();
  expect(lost).toBe(0);
  if (place === 'postgres') await vi.waitFor(async () => expect(await sessionsOf(url)).toBe(0), {timeout: 120_000});
  return ended;
}

/** What a killed client began the server ends by itself, a moment later. */
async function sessionsOf(url: string): Promise<number> {
  const [row] = await execute(
    url,
    "select count(*)::int as n from pg_stat_activity where application_name = 'agno-trace' and datname = current_database()",
  );
  return Number(row!.n);
}

/** Databases with the same rows, one after the other. */
async function copiesAt(place: Place): Promise<() => Promise<string>> {
  const base = await openAt(place);
  if (place === 'postgres') return postgresCopies(base);
  return async () => {
    const file = path.join(temporaryFolder(), 'copy.db');
    copyFileSync(base, file);
    return file;
  };
}

/**
 * Where to kill: before the first call of each name, which every run has, and after what cannot be taken back; in the long
 * suite before and after every call.
 */
async function killPoints(
  place: Place,
  url: string,
  argv: readonly string[],
): Promise<{points: readonly string[]; ms: number}> {
  const file = path.join(temporaryFolder(), 'points');
  const {code, err, ms} = await beside(place, url, argv, {env: {POINTS_FILE: file}});
  expect(code, err).toBe(0);
  const counts = new Map<string, number>();
  const calls = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map(name => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return {name, nth: counts.get(name)!};
    });
  // What only reads leaves what the call before it left.
  const some = calls.filter(({name, nth}) => IS_LONG || (nth === 1 && !['select', 'pragma', 'set'].includes(name)));
  const isAfterToo = (name: string) => IS_LONG || ['commit', 'rename'].includes(name);
  const points = some.flatMap(({name, nth}) => [
    `before ${name} ${nth}`,
    ...(isAfterToo(name) ? [`after ${name} ${nth}`] : []),
  ]);
  return {points, ms};
}

/** Kills at each of them, then at moments of the clock. */
function kills({points, ms}: {points: readonly string[]; ms: number}) {
  const random = new Random(SEED);
  return [
    ...points.map(at => ({what: at, options: {env: {KILL_AT: at}}, isCertain: !IS_LONG})),
    ...Array.from({length: MOMENTS}, () => {
      const killAfterMs = random.next() * ms;
      return {what: `after ${killAfterMs} ms of ${ms}, seed ${SEED}`, options: {killAfterMs}, isCertain: false};
    }),
  ];
}

interface Killed {
  readonly url: string;
  readonly archive: string;
}

interface Work {
  readonly argvOf: (killed: Killed) => string[];
  /** A new database in the state that it begins from. */
  readonly open: () => Promise<Killed>;
  /** What holds after each kill. */
  readonly expectWhole: (killed: Killed, what: string) => Promise<void>;
  /** True where nothing is left to be done. */
  readonly isOver: (killed: Killed) => boolean;
  readonly expectDone: (killed: Killed, what: string) => Promise<void>;
}

/**
 * Kills it in each of these ways: in the long suite in a database of its own, in which a second run then finishes. In check the
 * second run is the one that is killed next, further on, as long as there is something to do, and the last one finishes.
 */
async function killEach(place: Place, found: Parameters<typeof kills>[0], work: Work): Promise<void> {
  const {argvOf, open, expectWhole, isOver, expectDone} = work;
  const all = kills(found);
  let killed: Killed | null = null;
  for (const [i, {what, options, isCertain}] of all.entries()) {
    const isSecond = killed !== null;
    killed ??= await open();
    let ended = await beside(place, killed.url, argvOf(killed), options);
    if (isSecond && ended.signal === null) {
      // It did what was left, and came by no such call.
      expect(ended.code, `before ${what}: ${ended.err}`).toBe(0);
      await expectDone(killed, `before ${what}`);
      killed = await open();
      ended = await beside(place, killed.url, argvOf(killed), options);
    }
    const {code, signal, err} = ended;
    expect([code, signal], `${what}: ${err}`).toEqual(signal === null && !isCertain ? [0, null] : [null, 'SIGKILL']);
    await expectWhole(killed, what);
    const isDone = isOver(killed);
    if (isCertain && all[i + 1]?.isCertain && !isDone) continue;
    if (!isDone) {
      const last = await cli(argvOf(killed));
      expect(last.code, `${what}: ${last.err}`).toBe(0);
    }
    await expectDone(killed, what);
    killed = null;
  }
}

describe.each(PLACES)('on %s, beside a program that writes', place => {
  // What a failure of any call leaves with a rollback journal is in faults.test.ts.
  const isKilled = IS_LONG || place !== 'sqlite rollback';

  it.runIf(isKilled)(
    'prune --archive killed anywhere: what remains and what is archived is what there was, and a second run finishes',
    async () => {
      const next = await copiesAt(place);
      const first = await next();
      const rows = await rowsById(first);
      const found = await killPoints(place, first, pruneArgs(first, path.join(temporaryFolder(), 'a.ndjson')));
      const names = found.points.map(point => point.split(' ')[1]);
      for (const name of ['open', 'write', 'sync', 'begin', 'delete', 'commit', 'rename'])
        expect(names).toContain(name);
      let opened = 0;
      await killEach(place, found, {
        argvOf: ({url, archive}) => pruneArgs(url, archive),
        open: async () => {
          const name = opened++ % 2 === 0 ? 'a.ndjson' : 'a.ndjson.gz';
          return {url: await next(), archive: path.join(temporaryFolder(), name)};
        },
        expectWhole: async ({url, archive}, what) => {
          const together = await rowsLeft(url, rows);
          for (const file of [archive, `${archive}.partial`].filter(existsSync))
            for (const [id, line] of await archivedById(file).catch(emptyIfBlank)) together.set(id, line);
          expect(together, what).toEqual(rows);
          expect(await soundness(url), what).toEqual([]);
        },
        // Where the last row is gone already, but its archive bears no name yet, it is not.
        isOver: ({archive}) => existsSync(archive),
        expectDone: async ({url, archive}, what) => {
          expect((await rowsLeft(url, rows)).size, what).toBe(0);
          expect([archive, `${archive}.partial`].filter(existsSync), what).toEqual([archive]);
          expect(await archivedById(archive), what).toEqual(rows);
          expect((await json(['archive', 'verify', archive])).data.problem, what).toBe(null);
        },
      });
    },
    3_600_000,
  );

  it.runIf(isKilled)(
    'archive restore killed anywhere leaves whole transactions, and a second run finishes',
    async () => {
      const copied = await copiesAt(place);
      const first = await copied();
      const rows = await rowsById(first);
      const archive = path.join(temporaryFolder(), 'a.ndjson.gz');
      expect((await cli(pruneArgs(first, archive))).code).toBe(0);
      const found = await killPoints(place, first, restoreArgs(first, archive));
      const names = found.points.map(point => point.split(' ')[1]);
      for (const name of ['begin', 'insert', 'commit']) expect(names).toContain(name);
      await killEach(place, found, {
        argvOf: ({url}) => restoreArgs(url, archive),
        open: async () => {
          const url = await copied();
          await execute(url, 'delete from agno_spans; delete from agno_traces');
          return {url, archive};
        },
        expectWhole: async ({url}, what) => expect(await soundness(url), what).toEqual([]),
        isOver: () => false,
        expectDone: async ({url}, what) => expect(await rowsLeft(url, rows), what).toEqual(rows),
      });
    },
    3_600_000,
  );

  it('prune and restore let a program write without losing a batch, and finish', async () => {
    const url = await openMany(place);
    const rows = await rowsById(url);
    const archive = path.join(temporaryFolder(), 'a.ndjson.gz');
    const writer = await agnoWriter(url, {env: {FOREIGN_KEYS: place === 'sqlite rollback' ? 'off' : 'on'}});
    const pruning = spawn(process.execPath, [BIN, ...pruneArgs(url, archive), '--quiet'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    pruning.stderr.on('data', chunk => {
      said += chunk;
    });
    expect(await new Promise(resolve => pruning.once('close', resolve)), said).toBe(0);
    const restoring = await json(restoreArgs(url, archive));
    expect(restoring.data.result).toMatchObject({traces: 48 * (COPIES + 1), spans: 275 * (COPIES + 1)});
    const {batches, lost} = await writer.stop();
    expect(batches).toBeGreaterThan(0);
    expect(lost).toBe(0);
    expect(await rowsLeft(url, rows)).toEqual(rows);
  }, 300_000);
});

/** An archive that was cut before its first line was whole holds nothing. */
function emptyIfBlank(error: Error): Map<string, string> {
  if (/is not an archive/.test(error.message)) return new Map();
  throw error;
}

/** Of the rows that there were at first. */
async function rowsLeft(url: string, rows: ReadonlyMap<string, string>): Promise<Map<string, string>> {
  return new Map([...(await rowsById(url))].filter(([id]) => rows.has(id)));
}
