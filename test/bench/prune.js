// Pruning against the obvious loop, a DELETE by id for each trace, on the same database in the same run, while a program
// writes as Agno does: rows a second, and what its inserts took and lost.
//   FILE=…   a large SQLite database, copied first; without it one is made with TRACES=29500
//   POSTGRES=postgresql://…   an empty database to fill; without it SQLite alone
//   TMPDIR=/dev/shm   without the disk, whose waits are others' on a busy machine
//   LOOP_TRACES=3000   what the loop deletes;  PRUNE_TRACES=20000   what prune deletes
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
const LOOP_TRACES = Number(process.env.LOOP_TRACES ?? 3000);
const PRUNE_TRACES = Number(process.env.PRUNE_TRACES ?? 20_000);

export default async function prune() {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  const file = path.join(folder, 'large.db');
  try {
    if (process.env.FILE) copyFileSync(process.env.FILE, file);
    else run(['demo', '--traces', process.env.TRACES ?? '29500', '--path', file]);
    print('database', 'what', 'rows', 'rows/s', 'writes', 'lost', 'p50', 'p99', 'worst');
    for (const mode of ['delete', 'wal']) {
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
    await sleep(10_000);
    return 0;
  });
  const loop = await beside(name, 'the loop', url, () => side.loop(LOOP_TRACES));
  const cutoff = await side.cutoffOf(PRUNE_TRACES);
  const ours = await beside(name, 'prune', url, async () => {
    const {data} = JSON.parse(
      run([
        'prune',
        '--db',
        url,
        '--before',
        cutoff,
        '--yes',
        '--expect-max',
        '1000000',
        '--settle',
        '0s',
        '--force',
        '--json',
      ]),
    );
    print('', `longest batch ${data.result.longestBatchMs} ms, ${data.result.batches} batches`);
    return data.result.traces + data.result.spans;
  });
  print('', `prune is ${(ours / loop).toFixed(1)} times as fast`);
  await side.close();
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

/** The loop as people write it: by id, committed one by one, with the settings a Python program has. */
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
        rows += patiently(() => spans.run(id).changes) + patiently(() => trace.run(id).changes);
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
        rows += (await client.query('delete from ai.agno_spans where trace_id = $1', [id])).rowCount;
        rows += (await client.query('delete from ai.agno_traces where trace_id = $1', [id])).rowCount;
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
