// Whether reading disturbs the writer: a process inserts as Agno does (a transaction a span, busy timeout 5 s) while the
// commands run over the same large SQLite file, in rollback mode and in WAL. Beside it the writer alone, and the control:
// the same commands over another file, which costs the machine as much and shares nothing but it with the writer. What
// the same file adds to the control is what locks cost. Medians of rounds.
//   SECONDS=120   of one measurement with commands; those without take a quarter
//   ROUNDS=1      MODES=delete,wal
//   FILE=…        a large database, copied first; without it one is made with TRACES=29500
//   ASK=1         the questions over facts, and facts made anew each time round, instead of the other commands
//   PIN=1         the writer on the first core, the commands on the second (taskset)
import {spawn} from 'node:child_process';
import {copyFileSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import Database from 'better-sqlite3';

const SELF = fileURLToPath(import.meta.url);
const BIN = fileURLToPath(new URL('../../bin/agno-trace.js', import.meta.url));
const SECONDS = Number(process.env.SECONDS ?? 120);
const ROUNDS = Number(process.env.ROUNDS ?? 1);
const INSERT_EVERY_MS = 20;
const LOOKS = [
  ['list'],
  ['list', '--limit', '500'],
  ['list', '--session', 'nobody', '--limit', '0'],
  ['show', 'latest'],
  ['slowest'],
  ['doctor'],
];
const QUESTIONS =
  'stats errors tools models usage agents teams workflows steps sessions users retrievals delegations loops where slowest'
    .split(' ')
    .map(name => [name]);
const COMMANDS = process.env.ASK ? [['facts', 'rebuild'], ...QUESTIONS] : LOOKS;

const READING = ['none', 'another file', 'this file'];

export default async function writer() {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  const file = path.join(folder, 'large.db');
  const other = path.join(folder, 'other.db');
  try {
    if (process.env.FILE) copyFileSync(process.env.FILE, file);
    else await command(['demo', '--traces', process.env.TRACES ?? '29500', '--path', file]);
    copyFileSync(file, other);
    print('journal', 'reading', 'inserts', 'lost', 'p50', 'p99', 'worst', 'commands');
    for (const mode of (process.env.MODES ?? 'delete,wal').split(',')) {
      for (const name of [file, other]) {
        const db = new Database(name);
        db.pragma(`journal_mode = ${mode}`);
        db.close();
      }
      const p99 = Object.fromEntries(READING.map(reading => [reading, []]));
      for (let round = 0; round < ROUNDS; round++)
        for (const reading of READING) p99[reading].push(await measure(file, mode, reading, {file, other}));
      const [alone, control, same] = READING.map(reading => median(p99[reading]));
      print(
        mode,
        'p99 against none',
        '',
        '',
        '',
        `another ${(control / alone).toFixed(1)}x`,
        `this ${(same / alone).toFixed(1)}x`,
      );
      print(mode, 'against another', '', '', '', `this ${(same / control).toFixed(2)}x`);
    }
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

async function measure(file, mode, reading, {other}) {
  const seconds = reading === 'none' ? SECONDS / 4 : SECONDS;
  const child = spawnOn(0, [SELF, 'insert', file, String(seconds)], ['ignore', 'inherit', 'inherit', 'ipc']);
  const times = new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
  });
  let isOver = false;
  times.then(() => {
    isOver = true;
  });
  const read = reading === 'this file' ? file : other;
  process.env.AGNO_TRACE_CACHE = path.join(path.dirname(file), `cache-${reading.replace(' ', '-')}`);
  let commands = 0;
  for (let i = 0; reading !== 'none' && !isOver; i++, commands++)
    await command([...COMMANDS[i % COMMANDS.length], '--db', read]);
  const {ms, lost} = await times;
  const sorted = ms.sort((a, b) => a - b);
  const at = share => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  print(mode, reading, ms.length, lost, ...[0.5, 0.99, 1].map(share => `${at(share).toFixed(1)} ms`), commands);
  return at(0.99);
}

const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Runs Node with `argv`, where asked on one core. */
function spawnOn(core, argv, stdio) {
  return process.env.PIN
    ? spawn('taskset', ['-c', String(core), process.execPath, ...argv], {stdio})
    : spawn(process.execPath, argv, {stdio});
}

function command(argv) {
  return new Promise((resolve, reject) => {
    const child = spawnOn(1, [BIN, ...argv], ['ignore', 'ignore', 'pipe']);
    let said = '';
    child.stderr.on('data', chunk => {
      said += chunk;
    });
    child.once('close', code =>
      code === 0 ? resolve() : reject(new Error(`${argv.join(' ')} ended with ${code}: ${said}`)),
    );
  });
}

/** The writer's process: one span a transaction, and what every insert took. */
async function insert(file, seconds) {
  const db = new Database(file, {timeout: 5000});
  // As Agno leaves it (agno/db/sqlite/sqlite.py), every commit on disk; this driver would relax it in WAL.
  db.pragma('synchronous = full');
  const copy = db.prepare(`
insert into agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at)
select ?, trace_id, parent_span_id, name, span_kind, status_code, status_message, ?, ?, duration_ms, attributes, ?
  from agno_spans where rowid = ?`);
  const {last} = db.prepare('select max(rowid) as last from agno_spans').get();
  const ms = [];
  let lost = 0;
  const until = Date.now() + seconds * 1000;
  while (Date.now() < until) {
    const now = new Date().toISOString().replace('Z', '000+00:00');
    const id = Math.random().toString(16).slice(2, 18).padEnd(16, '0');
    const start = performance.now();
    try {
      copy.run(id, now, now, now, last - Math.floor(Math.random() * 1000));
    } catch {
      lost++;
    }
    ms.push(performance.now() - start);
    await sleep(INSERT_EVERY_MS);
  }
  db.close();
  process.send({ms, lost});
}

function print(...cells) {
  process.stdout.write(`${cells.map(cell => String(cell).padEnd(18)).join('')}\n`);
}

if (process.argv[2] === 'insert') await insert(process.argv[3], Number(process.argv[4]));
