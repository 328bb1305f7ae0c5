// Pruning against the obvious loop on the same database in the same run, while a program writes as Agno does: rows a second,
// and what its inserts took and lost. The loop is the one that people write: for each id, oldest first, a DELETE of its spans
// and one of its trace, then a commit, with no pause. Prune is the whole command, from its start to its end.
//   FILE=…   a large SQLite database, copied first; without it one is made with TRACES=29500
//   POSTGRES=postgresql://…   an empty database to fill; without it SQLite alone
//   TMPDIR=/dev/shm   without the disk, whose waits are others' on a busy machine
//   ROUNDS=3   of both, in turn; the medians count;  IN_PLACE=1   the file itself is pruned, not a copy of it
//   LOOP_TRACES=2000   what the loop deletes in a round;  PRUNE_TRACES=10000   what prune deletes
import {spawn, spawnSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import Database from 'better-sqlite3';
import pg from 'pg';

const BIN = fileURLToPath(new URL('../../bin/agno-trace.js', import.meta.url));
const WRITER = fileURLToPath(new URL('../agno-writer.js', import.meta.url));
const LOOP_TRACES = Number(process.env.LOOP_TRACES ?? 2000);
const PRUNE_TRACES = Number(process.env.PRUNE_TRACES ?? 10_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const MODES = (process.env.MODES ?? 'delete wal').split(' ').filter(Boolean);

export default async function prune() {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  let file = path.join(folder, 'large.db');
  try {
    const inPlace = process.env.IN_PLACE ? process.env.FILE : null;
    if (inPlace) file = inPlace;
    else if (process.env.FILE) copyFileSync(process.env.FILE, file);
    else run(['demo', '--traces', process.env.TRACES ?? '29500', '--path', file]);
    print('database', 'what', 'rows', 'rows/s', 'writes', 'lost', 'p50', 'p99', 'worst');
    for (const mode of MODES) {
      const db = new Database(file);
      db.pragma(`journal_mode = ${mode}`);
      db.close();
      await measure(`sqlite ${mode}`, file, sqliteSide(file));
    }
    if (process.env.POSTGRES) await measure('postgres', process.env.POSTGRES, await postgresSide(process.env.POSTGRES));
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

async function measure(name, url, side) {
  await beside(name, 'nothing', url, async () => {
    await sleep(8000);
    return 0;
  });
  const ratios = [];
  for (let round = 0; round < ROUNDS; round++) {
    const loop = await beside(name, 'the loop', url, () => side.loop(LOOP_TRACES));
    const cutoff = await side.cutoffOf(PRUNE_TRACES);
    ratios.push((await beside(name, 'prune', url, () => pruneBefore(url, cutoff))) / loop);
  }
  print(
    '',
    `prune is ${median(ratios).toFixed(1)} times as fast (${ratios.map(ratio => ratio.toFixed(1)).join(', ')})`,
  );
  await side.close();
}

/** @returns rows deleted */
async function pruneBefore(url, cutoff) {
  const which = ['--db', url, '--before', cutoff, '--yes', '--expect-max', '1000000', '--settle', '0s', '--force'];
  const {data} = JSON.parse(run(['prune', ...which, '--json']));
  print('', `longest batch ${data.result.longestBatchMs} ms, ${data.result.batches} batches`);
  return data.result.traces + data.result.spans;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

/** Runs `work` beside the writer. */
async function beside(name, what, url, work) {
  const child = spawn(process.execPath, [WRITER, url], {stdio: ['pipe', 'pipe', 'inherit']});
  let said = '';
  child.stdout.on('data', chunk => {
    said += chunk;
  });
  while (!said.includes('ready')) await sleep(10);
  const start = performance.now();
  const rows = await work();
  const perSecond = (rows / (performance.now() - start)) * 1000;
  const ended = new Promise(resolve => child.once('close', resolve));
  child.stdin.end();
  await ended;
  const {batches, lost, ms} = JSON.parse(said.split('\n')[1]);
  const sorted = ms.sort((a, b) => a - b);
  const at = share => `${sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(1)} ms`;
  print(name, what, rows, perSecond.toFixed(0), batches, lost, at(0.5), at(0.99), at(1));
  return perSecond;
}

const OLDEST = 'select trace_id, created_at from TRACES order by created_at, trace_id limit';

/** With the settings that a Python program has. */
function sqliteSide(file) {
  const db = new Database(file, {timeout: 5000});
  db.pragma('synchronous = full');
  const oldest = OLDEST.replace('TRACES', 'agno_traces');
  return {
    loop: async count => {
      const ids = db.prepare(`${oldest} ${count}`).all();
      const spans = db.prepare('delete from agno_spans where trace_id = ?');
      const trace = db.prepare('delete from agno_traces where trace_id = ?');
      let rows = 0;
      for (const {trace_id: id} of ids) {
        patiently(() => db.exec('begin immediate'));
        rows += spans.run(id).changes + trace.run(id).changes;
        patiently(() => db.exec('commit'));
      }
      return rows;
    },
    cutoffOf: async count => db.prepare(`${oldest} 1 offset ${count}`).get().created_at,
    close: async () => void db.close(),
  };
}

/** A loop that ends at the first lock would be no loop to compare with. */
function patiently(work) {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (error.code !== 'SQLITE_BUSY') throw error;
    }
  }
}

async function postgresSide(url) {
  const client = new pg.Client({connectionString: url});
  await client.connect();
  const oldest = OLDEST.replace('TRACES', 'ai.agno_traces');
  return {
    loop: async count => {
      const {rows: ids} = await client.query(`${oldest} ${count}`);
      let rows = 0;
      for (const {trace_id: id} of ids) {
        await client.query('begin');
        rows += (await client.query('delete from ai.agno_spans where trace_id = $1', [id])).rowCount;
        rows += (await client.query('delete from ai.agno_traces where trace_id = $1', [id])).rowCount;
        await client.query('commit');
      }
      return rows;
    },
    cutoffOf: async count => (await client.query(`${oldest} 1 offset ${count}`)).rows[0].created_at,
    close: () => client.end(),
  };
}

function run(argv) {
  const {status, stdout, stderr} = spawnSync(process.execPath, [BIN, ...argv], {encoding: 'utf8', maxBuffer: 1e9});
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

function print(...cells) {
  process.stdout.write(`${cells.map(cell => String(cell).padEnd(13)).join('')}\n`);
}
