// Start-up, against an empty Node script in the same run: pairs in turn, medians of the differences. Run it on a quiet
// machine; NODE_EXTRA_CA_CERTS is taken out, because Node 20 parses those certificates at every start.
import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/agno-trace.js', import.meta.url));
const RUNS = Number(process.env.RUNS ?? 31);

export default async function start() {
  const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  const empty = path.join(folder, 'empty.cjs');
  const demo = path.join(folder, 'demo.db');
  writeFileSync(empty, '');
  const {NODE_EXTRA_CA_CERTS: _, ...env} = process.env;
  spawnSync(process.execPath, [BIN, 'demo', '--path', demo], {env});

  const CASES = [
    {name: '--version', argv: ['--version'], budgetMs: 25},
    {name: '--help', argv: ['--help'], budgetMs: 25},
    {name: 'list (SQLite, demo)', argv: ['list', '--db', demo], budgetMs: 75},
    ...(process.env.BENCH_PG_URL
      ? [{name: 'list (Postgres)', argv: ['list', '--db', process.env.BENCH_PG_URL], budgetMs: 95}]
      : []),
  ];

  const times = new Map([['empty script', []], ...CASES.map(({name}) => [name, []])]);
  for (let i = -2; i < RUNS; i++) {
    const measure = (name, argv) => {
      const start = process.hrtime.bigint();
      const {status} = spawnSync(process.execPath, argv, {env, stdio: 'ignore'});
      if (status !== 0) throw new Error(`${name} ended with ${status}`);
      if (i >= 0) times.get(name).push(Number(process.hrtime.bigint() - start) / 1e6);
    };
    measure('empty script', [empty]);
    for (const {name, argv} of CASES) measure(name, [BIN, ...argv]);
  }

  const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const base = times.get('empty script');
  const row = (...cells) =>
    process.stdout.write(`${cells.map((cell, i) => String(cell).padEnd(i === 0 ? 22 : 12)).join('')}
  `);
  row('', 'median ms', 'over empty', 'least over', 'budget');
  row('empty script', median(base).toFixed(1));
  for (const {name, budgetMs} of CASES) {
    const list = times.get(name);
    const over = list.map((time, i) => time - base[i]);
    row(
      name,
      median(list).toFixed(1),
      `+${median(over).toFixed(1)}`,
      `+${(Math.min(...list) - Math.min(...base)).toFixed(1)}`,
      `+${budgetMs}`,
    );
  }
  rmSync(folder, {recursive: true, force: true});
}
