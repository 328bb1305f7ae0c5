// What `show` of one big trace costs, over a script that reads and parses the same rows.
//   SPANS=20000   of the trace; ROUNDS=5;  BARE=1: without the messages of model calls, for a million spans
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {makeBigTrace} from './big-trace.js';
import {BIN, ENV, median} from './databases.js';
import {keepFigure} from './figures.js';

const SPANS = Number(process.env.SPANS ?? 20_000);
const ROUNDS = Number(process.env.ROUNDS ?? 5);

const READ = `
const rows = new (require('better-sqlite3'))(process.argv[1], {readonly: true}).prepare('select * from agno_spans').all();
for (const row of rows) JSON.parse(row.attributes);
process.stderr.write(rows[0].trace_id);`;

function timed(argv) {
  const start = performance.now();
  const {status, stderr} = spawnSync(process.execPath, argv, {env: ENV, encoding: 'utf8', maxBuffer: 4e9});
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  return {ms: performance.now() - start, stderr};
}

export default async function trace() {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  try {
    const file = makeBigTrace(folder, SPANS, {isBare: process.env.BARE === '1'});
    const pairs = [];
    for (let i = -1; i < ROUNDS; i++) {
      const read = timed(['-e', READ, file]);
      const shown = timed([BIN, 'show', read.stderr, '--db', file]);
      if (i >= 0) pairs.push([shown.ms, read.ms]);
    }
    const [shown, read] = [0, 1].map(at => median(pairs.map(pair => pair[at])).toFixed(0));
    process.stdout.write(`show of ${SPANS} spans: ${shown} ms; reading and parsing them: ${read} ms\n`);
    keepFigure(`trace: show of ${SPANS} spans`, pairs);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}
