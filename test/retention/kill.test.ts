import {type ChildProcess, spawn} from 'node:child_process';
import {copyFileSync, existsSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';
import {archivedById, execute, openAt, PLACES, rowsById, soundness} from './tables.ts';

const WRITER = fileURLToPath(new URL('../agno-writer.js', import.meta.url));
/** 200 in the long form (npm run loops). */
const LOOPS = Number(process.env.LOOPS ?? 3);
const COPIES = 8;

/** The pictures several times over, so that there are batches to be killed in. */
async function openMany(place: (typeof PLACES)[number]): Promise<string> {
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
  return url;
}

/** A program that writes as Agno does, and what it lost when it is told to end. */
async function startWriter(
  url: string,
  place: (typeof PLACES)[number],
): Promise<() => Promise<{batches: number; lost: number}>> {
  // Agno 2 leaves the rollback journal and foreign keys off; Agno 3 has WAL and foreign keys.
  const env = {...process.env, FOREIGN_KEYS: place === 'sqlite rollback' ? 'off' : 'on'};
  const child = spawn(process.execPath, [WRITER, url, '5'], {stdio: ['pipe', 'pipe', 'inherit'], env});
  let said = '';
  child.stdout!.on('data', chunk => {
    said += chunk;
  });
  await new Promise<void>(resolve => child.stdout!.once('data', () => resolve()));
  return async () => {
    const ended = new Promise(resolve => child.once('close', resolve));
    child.stdin!.end();
    await ended;
    return JSON.parse(said.split('\n')[1]!);
  };
}

function pruneArgs(url: string, archive: string): string[] {
  const which = ['--db', url, '--before', '2026-11-22T20:00', '--archive', archive];
  return ['prune', ...which, '--yes', '--expect-max', '100000', '--settle', '0s', '--force'];
}

function startPrune(url: string, archive: string): ChildProcess {
  return spawn(process.execPath, [BIN, ...pruneArgs(url, archive), '--quiet'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

const ended = (child: ChildProcess) => new Promise<number | null>(resolve => child.once('close', resolve));

describe.each(PLACES)('prune --archive on %s, beside a program that writes', place => {
  it(`killed at ${LOOPS} moments: what remains and what is archived is what there was`, async () => {
    let archive = '';
    let url = '';
    let rows = new Map<string, string>();
    let kills = 0;
    const base = place === 'postgres' ? null : await openMany(place);
    for (let loop = 0; loop < LOOPS; loop++) {
      if (url === '' || (await rowsLeft(url, rows)) === 0) {
        if (base) {
          url = path.join(temporaryFolder(), 'copy.db');
          copyFileSync(base, url);
        } else url = await openMany(place);
        rows = await rowsById(url);
        archive = path.join(temporaryFolder(), loop % 2 === 0 ? 'a.ndjson' : 'a.ndjson.gz');
      }
      const stopWriter = await startWriter(url, place);
      const child = startPrune(url, archive);
      // At a moment of chance: the test is about all of them.
      const end = ended(child);
      await Promise.race([end, sleep(200 + Math.random() * 1800)]);
      if (child.exitCode === null) {
        child.kill('SIGKILL');
        kills++;
      }
      await end;
      const written = await stopWriter();
      expect(written.batches).toBeGreaterThan(0);
      expect(written.lost).toBe(0);
      const files = [archive, `${archive}.partial`].filter(existsSync);
      const together = new Map([...(await rowsById(url))].filter(([id]) => rows.has(id)));
      for (const file of files) {
        for (const [id, line] of await archivedById(file).catch(emptyIfBlank)) together.set(id, line);
      }
      expect(together).toEqual(rows);
      expect(await soundness(url)).toEqual([]);
      // A finished one is of an earlier loop's rest; the next takes another name.
      if (existsSync(archive)) {
        expect((await json(['archive', 'verify', archive])).data.problem).toBe(null);
        url = '';
      }
    }
    expect(kills).toBeGreaterThan(0);
    if (url === '') return;
    // What is left goes with one more run of the same command.
    const last = await cli(pruneArgs(url, archive));
    expect(last.code, last.err).toBe(0);
    expect(await rowsLeft(url, rows)).toBe(0);
    expect(await archivedById(archive)).toEqual(rows);
  }, 3_600_000);

  it('lets it write without losing a batch, and finishes', async () => {
    const url = await openMany(place);
    const rows = await rowsById(url);
    const archive = path.join(temporaryFolder(), 'a.ndjson.gz');
    const stopWriter = await startWriter(url, place);
    const pruning = startPrune(url, archive);
    let said = '';
    pruning.stderr?.on('data', chunk => {
      said += chunk;
    });
    const code = await ended(pruning);
    expect(code, said).toBe(0);
    const restoring = await json(['archive', 'restore', archive, '--db', url, '--yes']);
    expect(restoring.data.result).toMatchObject({traces: 48 * (COPIES + 1), spans: 275 * (COPIES + 1)});
    const {batches, lost} = await stopWriter();
    expect(batches).toBeGreaterThan(0);
    expect(lost).toBe(0);
    expect(new Map([...(await rowsById(url))].filter(([id]) => rows.has(id)))).toEqual(rows);
  }, 300_000);
});

/** An archive that was cut before its first line was whole holds nothing. */
function emptyIfBlank(error: Error): Map<string, string> {
  if (/is no archive/.test(error.message)) return new Map();
  throw error;
}

async function rowsLeft(url: string, rows: ReadonlyMap<string, string>): Promise<number> {
  return [...(await rowsById(url)).keys()].filter(id => rows.has(id)).length;
}
