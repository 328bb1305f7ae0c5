// The screens, driven in a pseudo terminal (`script` of util-linux): when the first frame and the first list are there, over an
// empty Node script; what a key costs; what idling costs; how long a key waits at worst while a run of 20,000 spans is opened,
// and while one grows to that; frames, keys and memory behind a writer of 1,000 spans a second. SQLite, WAL.
//   BASE=…/bin/agno-trace.js   another build, measured in turn with this one
//   PARTS=start,keys,idle,opened,growing,live   some of it;  ROUNDS=9   of what is fast;  SECONDS=300   of the live part
import {spawn, spawnSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import Database from 'better-sqlite3';
import {BIN, ENV, median} from './databases.js';

const SELF = fileURLToPath(import.meta.url);
const ROUNDS = Number(process.env.ROUNDS ?? 9);
const SECONDS = Number(process.env.SECONDS ?? 300);
const SPANS = 20_000;
const SIZE = {columns: 160, rows: 50};
/** Ink writes each frame as one synchronized update. */
const FRAME = '\x1b[?2026h';
const BUILDS = {this: BIN, ...(process.env.BASE ? {base: process.env.BASE} : {})};

export default async function screens() {
  if (spawnSync('script', ['--version']).status !== 0) throw new Error('there is no `script` of util-linux here');
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  const demo = path.join(folder, 'demo.db');
  spawnSync(process.execPath, [BIN, 'demo', '--path', demo], {env: ENV});
  const parts = (process.env.PARTS ?? 'start,keys,idle,opened,growing,live').split(',');
  try {
    for (const part of parts) {
      process.stdout.write(`-- ${part}\n`);
      await PARTS[part](folder, demo);
    }
  } finally {
    for (const {child, pid} of OPEN) if (child.exitCode === null && pid > 0) process.kill(pid, 'SIGKILL');
    rmSync(folder, {recursive: true, force: true});
  }
}

const PARTS = {
  async start(folder, demo) {
    const empty = path.join(folder, 'empty.cjs');
    writeFileSync(empty, '');
    const over = Object.fromEntries(Object.keys(BUILDS).map(name => [name, {frame: [], list: []}]));
    for (let round = -1; round < ROUNDS; round++) {
      const begin = performance.now();
      spawnSync(process.execPath, [empty], {env: ENV});
      const emptyMs = performance.now() - begin;
      for (const [name, bin] of Object.entries(BUILDS)) {
        const terminal = new Terminal(bin, ['ui', '--db', demo], folder);
        const frameMs = await terminal.shows('agno-trace');
        const listMs = await terminal.shows('›');
        await terminal.quit();
        if (round < 0) continue;
        over[name].frame.push(frameMs - emptyMs);
        over[name].list.push(listMs - emptyMs);
      }
    }
    for (const [name, {frame, list}] of Object.entries(over))
      print(name, `first frame +${ms(median(frame))}`, `first list +${ms(median(list))} over an empty script`);
  },

  async keys(folder, demo) {
    for (const [name, bin] of Object.entries(BUILDS)) {
      const terminal = new Terminal(bin, ['ui', '--db', demo], folder);
      await terminal.shows('›');
      await sleep(2000);
      const stood = terminal.written.length;
      // As after a stop: nothing that is on the screen can be relied on.
      process.kill(terminal.pid, 'SIGCONT');
      await sleep(2000);
      const whole = terminal.written.length - stood;
      const before = {bytes: terminal.written.length, cpuMs: terminal.cpuMs()};
      const answers = [];
      for (let i = 0; i < 40; i++) {
        answers.push(await terminal.answerMs(i % 20 < 10 ? '\x1b[B' : '\x1b[A', FRAME));
        // The run under the cursor is read and drawn too: it is part of what the key costs.
        await sleep(150);
      }
      const each = (terminal.written.length - before.bytes) / answers.length;
      print(
        name,
        `${each.toFixed(0)} bytes a key, ${whole} a whole screen`,
        `${ms((terminal.cpuMs() - before.cpuMs) / answers.length)} of a core a key`,
        answered(answers),
      );
      await terminal.quit();
    }
  },

  async idle(folder, demo) {
    for (const [name, bin] of Object.entries(BUILDS))
      for (const command of ['ui', 'tail']) {
        const terminal = new Terminal(bin, [command, '--db', demo], folder);
        await terminal.shows('›');
        await sleep(5000);
        const before = terminal.cpuMs();
        const frames = terminal.frames().length;
        await sleep(20_000);
        const share = (terminal.cpuMs() - before) / 20_000;
        print(name, command, `${(share * 100).toFixed(2)} % of a core`, `${terminal.frames().length - frames} frames`);
        await terminal.quit();
      }
  },

  async opened(folder, demo) {
    const file = path.join(folder, 'opened.db');
    copyFileSync(demo, file);
    const db = new Database(file);
    const model = new Model(db);
    // Newer than all others, and over.
    const startMs = Date.now() - 60_000;
    model.write('agno_traces', [model.copy(model.trace, {traceId: LARGE, of: '', startMs})]);
    model.write('agno_spans', [...model.large(SPANS, startMs)]);
    db.close();
    for (const [name, bin] of Object.entries(BUILDS)) {
      const terminal = new Terminal(bin, ['ui', '--db', file, '--trace', LARGE], folder);
      await terminal.shows(' filter');
      // A bar, which the tree alone has.
      const answers = await pressed(terminal, () => terminal.written.includes('┆'));
      print(name, `a run of ${SPANS} spans opened`, answered(answers));
      await terminal.quit();
    }
  },

  async growing(folder, demo) {
    for (const [name, bin] of Object.entries(BUILDS))
      await behind({name, bin, folder, demo, seconds: 25, mode: 'one'}, `a run grows to ${SPANS} spans`);
  },

  async live(folder, demo) {
    for (const [name, bin] of Object.entries(BUILDS))
      await behind({name, bin, folder, demo, seconds: SECONDS, mode: 'many'}, '1,000 spans a second');
  },
};

/** `tail` on screens behind a writer, with a key now and then. */
async function behind({name, bin, folder, demo, seconds, mode}, what) {
  const file = path.join(folder, `${mode}-${name}.db`);
  copyFileSync(demo, file);
  const terminal = new Terminal(bin, ['tail', '--db', file], folder);
  await terminal.shows('LIVE');
  const writer = spawn(process.execPath, [SELF, 'write', mode, file, String(seconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let written = '';
  writer.stdout.on('data', chunk => {
    written += chunk;
  });
  let isOver = false;
  const ended = new Promise(resolve => writer.once('close', resolve)).then(() => {
    isOver = true;
  });
  const from = performance.now();
  const cpuMs = terminal.cpuMs();
  const memory = [];
  const timer = setInterval(() => memory.push({at: performance.now(), mb: terminal.rssMb()}), 1000);
  const answers = await pressed(terminal, () => isOver);
  await ended;
  clearInterval(timer);
  const lastedMs = performance.now() - from;
  const frames = terminal.frames().filter(at => at > from);
  const most = Math.max(...frames.map((at, i) => frames.slice(i).findIndex(later => later > at + 1000)));
  print(
    name,
    what,
    `${written.trim()} spans in ${(lastedMs / 1000).toFixed(0)} s`,
    `${(frames.length / (lastedMs / 1000)).toFixed(1)} frames a second, at most ${most} with those of keys`,
    `${(((terminal.cpuMs() - cpuMs) / lastedMs) * 100).toFixed(0)} % of a core`,
    answered(answers),
    `${memory.at(-1).mb.toFixed(0)} MB, ${slope(memory.slice(Math.floor(memory.length / 2))).toFixed(1)} MB a minute in the second half`,
  );
  await terminal.quit();
}

/** Opens and closes the page of keys until it is over, and some times more. @returns how long each took to be answered, ms */
async function pressed(terminal, isOver) {
  const answers = [];
  for (let after = 0; after < 10; after += isOver() ? 1 : 0) {
    answers.push(await terminal.answerMs('?', 'keys]'));
    await sleep(120);
    answers.push(await terminal.answerMs('?', '1 runs]'));
    await sleep(120);
  }
  return answers;
}

const OPEN = [];

/** The built program in a pseudo terminal, as `script` of util-linux makes it. */
class Terminal {
  written = '';
  ended;
  child;
  pid = 0;
  startedMs = performance.now();
  chunks = [];

  constructor(bin, argv, folder) {
    const pidFile = path.join(folder, 'pid');
    rmSync(pidFile, {force: true});
    const words = [process.execPath, bin, ...argv].map(word => `'${word}'`).join(' ');
    const line = `stty rows ${SIZE.rows} cols ${SIZE.columns}; echo $$ > '${pidFile}'; exec ${words}`;
    this.child = spawn('script', ['-qfec', line, '/dev/null'], {
      env: {...ENV, TERM: 'xterm-256color'},
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdout.setEncoding('utf8').on('data', chunk => {
      if (this.pid === 0) this.pid = Number(readFileSync(pidFile, 'utf8'));
      this.chunks.push({at: performance.now(), from: this.written.length});
      this.written += chunk;
    });
    this.ended = new Promise(resolve => this.child.once('close', resolve));
    OPEN.push(this);
  }

  /** @returns when it was written first, ms after the start */
  async shows(text, patienceMs = 60_000) {
    return (await this.seen(text, 0, patienceMs)) - this.startedMs;
  }

  async answerMs(key, answer) {
    const from = this.written.length;
    const at = performance.now();
    this.child.stdin.write(key);
    return (await this.seen(answer, from, 60_000)) - at;
  }

  async seen(text, from, patienceMs) {
    for (const since = performance.now(); performance.now() - since < patienceMs; await sleep(1)) {
      const at = this.written.indexOf(text, from);
      if (at >= 0) return this.chunks.findLast(chunk => chunk.from <= at).at;
    }
    throw new Error(`"${text}" was not written; the last: ${JSON.stringify(this.written.slice(-500))}`);
  }

  frames() {
    return this.chunks.flatMap(({at, from}, i) =>
      Array(this.written.slice(from, this.chunks[i + 1]?.from).split(FRAME).length - 1).fill(at),
    );
  }

  cpuMs() {
    // In brackets is the name of the program, which may hold blanks.
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  rssMb() {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))[1]) / 1024;
  }

  async quit() {
    this.child.stdin.write('\x03');
    await this.ended;
  }
}

/** The largest whole run of the demo, to be written again and again. */
class Model {
  constructor(db) {
    this.db = db;
    // Its run span ends last: nothing in it leaked.
    const {trace_id: id} = db
      .prepare(
        `select trace_id from agno_spans group by trace_id
          having max(end_time) = max(case when parent_span_id is null then end_time end) order by count(*) desc`,
      )
      .get();
    const spans = db.prepare('select * from agno_spans where trace_id = ? order by end_time').all(id);
    this.trace = db.prepare('select * from agno_traces where trace_id = ?').get(id);
    this.root = spans.find(span => span.parent_span_id === null);
    this.inner = spans.filter(span => span !== this.root);
    this.lengthMs = Math.max(...spans.map(({end_time}) => Date.parse(end_time))) - Date.parse(this.root.start_time);
    db.pragma('foreign_keys = off');
    db.pragma('journal_mode = wal');
    this.statements = {
      agno_traces: this.insertInto('agno_traces', this.trace),
      agno_spans: this.insertInto('agno_spans', this.root),
    };
  }

  insertInto(table, row) {
    const columns = Object.keys(row);
    return this.db.prepare(`insert into ${table} (${columns}) values (${columns.map(name => `@${name}`)})`);
  }

  /** A copy of a row; ids of spans but the root's begin with those of the copy. */
  copy(row, {traceId, of, startMs}) {
    const moved = text => new Date(Date.parse(text) - Date.parse(this.root.start_time) + startMs).toISOString();
    const id = own => own && (own === this.root.span_id ? traceId.slice(-16) : `${of}${own.slice(of.length)}`);
    const ids = 'span_id' in row ? {span_id: id(row.span_id), parent_span_id: id(row.parent_span_id)} : {};
    const times = {start_time: agnoTime(moved(row.start_time)), end_time: agnoTime(moved(row.end_time))};
    return {...row, ...ids, ...times, trace_id: traceId, created_at: agnoTime(new Date().toISOString())};
  }

  /** Writes rows together. */
  write(table, rows) {
    this.db.transaction(() => {
      for (const row of rows) this.statements[table].run(row);
    })();
  }

  /** The spans of one run of so many, its run span last, as Agno writes it. */
  *large(count, startMs) {
    const traceId = LARGE;
    for (let i = 0, left = count - 1; left > 0; i++)
      for (const span of this.inner) {
        if (left-- <= 0) break;
        yield this.copy(span, {traceId, of: hex(i, 4), startMs: startMs + i * this.lengthMs});
      }
    const whole = this.copy(this.root, {traceId, of: '', startMs});
    yield {...whole, end_time: agnoTime(new Date(startMs + (count / this.inner.length) * this.lengthMs).toISOString())};
  }
}
const LARGE = 'b'.repeat(32);
const hex = (number, length) => number.toString(16).padStart(length, '0');
const agnoTime = iso => iso.replace('Z', '000+00:00');
const SPANS_A_SECOND = 1000;

/** The writer's process. @param mode `one`: one run of 20,000 spans; `many`: runs one after another */
async function write(mode, file, seconds) {
  const db = new Database(file, {timeout: 5000});
  const model = new Model(db);
  const began = performance.now();
  let written = 0;
  const inTime = async spans => {
    while (written > ((performance.now() - began) / 1000) * SPANS_A_SECOND) await sleep(2);
    model.write('agno_spans', spans);
    written += spans.length;
  };
  if (mode === 'one') {
    model.write('agno_traces', [model.copy(model.trace, {traceId: LARGE, of: '', startMs: Date.now()})]);
    let some = [];
    for (const span of model.large(SPANS, Date.now())) {
      some.push({...span, created_at: agnoTime(new Date().toISOString())});
      if (some.length < 10) continue;
      await inTime(some);
      some = [];
    }
    await inTime(some);
  } else
    for (let i = 1; performance.now() - began < seconds * 1000; i++) {
      const copy = {traceId: hex(i, 32), of: hex(i, 8), startMs: Date.now() - model.lengthMs};
      model.write('agno_traces', [model.copy(model.trace, copy)]);
      const spans = [...model.inner, model.root].map(span => model.copy(span, copy));
      for (let at = 0; at < spans.length; at += 10) await inTime(spans.slice(at, at + 10));
    }
  db.close();
  process.stdout.write(`${written}\n`);
}

const ms = value => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;

function answered(list) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = share => ms(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return `${list.length} keys answered: p50 ${at(0.5)}, p95 ${at(0.95)}, worst ${at(1)}`;
}

/** MB a minute, by least squares. */
function slope(samples) {
  const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(samples.map(({at}) => at)), mean(samples.map(({mb}) => mb))];
  const above = samples.reduce((sum, {at, mb}) => sum + (at - x) * (mb - y), 0);
  return (above / samples.reduce((sum, {at}) => sum + (at - x) ** 2, 0)) * 60_000;
}

function print(...cells) {
  process.stdout.write(`${cells.join(' · ')}\n`);
}

if (process.argv[2] === 'write') await write(process.argv[3], process.argv[4], Number(process.argv[5]));
