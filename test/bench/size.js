// What a command costs in a large database and in a small one, and Agno's own statement for the same thing beside it.
//   TRACES=29500   runs in the large database: with their polls and the stretch of 10,000 some 1.2 million spans
//   FOLDER=…       keeps the databases there and uses them again; SQLite only with DATABASES=sqlite
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import pg from 'pg';
import {BIN, ENV, median, OWN, openDatabase, startPostgres} from './databases.js';
import {keepFigure} from './figures.js';

const TRACES = Number(process.env.TRACES ?? 29_500);
const ROUNDS = Number(process.env.ROUNDS ?? 5);
const POLLS = 10_000;

function program(argv) {
  const start = process.hrtime.bigint();
  const {status, stdout, stderr} = spawnSync(process.execPath, [BIN, ...argv], {
    env: ENV,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  return {ms: Number(process.hrtime.bigint() - start) / 1e6, stdout, stderr};
}

/** Time in statements, from what `--debug` says of each. */
const sqlMs = stderr => [...stderr.matchAll(/rows in ([\d.]+) ms/g)].reduce((sum, [, ms]) => sum + Number(ms), 0);

/** Takes plain requests away until 12,000 spans are left, so that both databases have the same mix. */
const SHRINK = `
delete from agno_spans where trace_id in (
  select t.trace_id from agno_traces t where t.run_id is null and not exists (
    select 1 from agno_spans s where s.trace_id = t.trace_id and s.name like '%un') order by t.start_time limit ${POLLS});
delete from agno_traces where not exists (select 1 from agno_spans s where s.trace_id = agno_traces.trace_id);`;

/** Requests of a dashboard as the newest traces, a second apart, made from those that are there. */
const NEWEST = '2099-01-01T00:00:00';
const newestPolls = kind => {
  const time =
    kind === 'sqlite'
      ? `strftime('%Y-%m-%dT%H:%M:%S', '${NEWEST}', '+' || p.n || ' seconds') || '.000000+00:00'`
      : `to_char('${NEWEST}'::timestamp + p.n * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00'`;
  return `
create temp table polls as
select t.trace_id, row_number() over (order by t.start_time) as n
  from agno_traces t where t.run_id is null and not exists (
    select 1 from agno_spans s where s.trace_id = t.trace_id and s.name like '%un') order by t.start_time limit ${POLLS};
insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)
select 'poll' || t.trace_id, t.name, t.status, ${time}, ${time}, t.duration_ms, ${time}
  from polls p join agno_traces t on t.trace_id = p.trace_id;
insert into agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at)
select 'poll' || s.span_id, 'poll' || s.trace_id, null, s.name, s.span_kind, s.status_code,
       s.status_message, ${time}, ${time}, s.duration_ms, s.attributes, ${time}
  from polls p join agno_spans s on s.trace_id = p.trace_id;
drop table polls;`;
};

async function ids(kind, url) {
  const runs = JSON.parse(program(['list', '--db', url, '--limit', '300', '--json']).stdout).data;
  const db = await openDatabase(kind, url);
  const rows = await db.all('select trace_id, run_id from agno_traces where run_id is not null');
  await db.close();
  const filled = new Set(rows.map(row => row.trace_id));
  const known = runs.find(run => run.runId && filled.has(run.traceId));
  const http = runs.findLast(run => run.runId && !filled.has(run.traceId));
  return {known, http};
}

export default async function size() {
  const folder = process.env.FOLDER ?? mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  mkdirSync(folder, {recursive: true});
  const stops = [];
  try {
    for (const kind of (process.env.DATABASES ?? 'sqlite,postgres').split(','))
      await measure(kind, await makeDatabases(kind, folder, stops));
  } finally {
    for (const stop of stops) await stop();
    if (!process.env.FOLDER) rmSync(folder, {recursive: true, force: true});
  }
}

async function makeDatabases(kind, folder, stops) {
  const urls = {};
  if (kind === 'postgres') {
    const server = await startPostgres(stops);
    for (const size of ['small', 'large']) urls[size] = server.replace(/\/[^/]*$/, `/${size}`);
    const admin = new pg.Client({connectionString: server});
    await admin.connect();
    for (const size of ['small', 'large']) await admin.query(`create database ${size}`);
    await admin.end();
  } else for (const size of ['small', 'large']) urls[size] = path.join(folder, `${size}.db`);
  for (const [size, traces] of [
    ['small', 300],
    ['large', TRACES],
  ]) {
    const url = urls[size];
    if (kind === 'sqlite' && existsSync(url)) continue;
    program(['demo', '--traces', String(traces), ...(kind === 'sqlite' ? ['--path', url] : ['--db', url])]);
    const db = await openDatabase(kind, url);
    if (size === 'small') await db.run(SHRINK);
    await db.run(kind === 'sqlite' ? 'vacuum; analyze' : 'vacuum analyze');
    await db.close();
  }
  return urls;
}

async function measure(kind, urls) {
  const found = {small: await ids(kind, urls.small), large: await ids(kind, urls.large)};
  const large = await openDatabase(kind, urls.large);
  const count = async url => {
    const db = await openDatabase(kind, url);
    const [{n}] = await db.all('select count(*) as n from agno_spans');
    await db.close();
    return Number(n);
  };
  print(kind, `${await count(urls.small)} spans`, `${await count(urls.large)} spans`, 'ratio', 'SQL', "Agno's own");
  const cases = [
    ['list', () => ['list'], OWN.list],
    ['show latest', () => ['show', 'latest'], null],
    ['show <run>', size => ['show', found[size].known.runId], OWN.show(found.large.known.traceId)],
    ['show <run over HTTP>', size => ['show', found[size].http.runId], OWN.show(found.large.http.traceId)],
    ['list --session, over HTTP', size => ['list', '--session', found[size].http.sessionId], null],
    ['slowest', () => ['slowest'], OWN.slowest(kind)],
  ];
  for (const [name, argvOf, own] of cases) await measureCase(name, argvOf, own, urls, large, kind);
  await large.run(newestPolls(kind));
  await large.run(kind === 'sqlite' ? 'analyze' : 'vacuum analyze');
  await measureCase('list below 10,000 polls', () => ['list'], OWN.list, urls, large, kind);
  await large.run(
    `delete from agno_spans where start_time >= '${NEWEST}'; delete from agno_traces where start_time >= '${NEWEST}'`,
  );
  await large.close();
}

async function measureCase(name, argvOf, own, urls, large, kind) {
  const times = {small: [], large: [], sql: [], own: []};
  for (let i = -1; i < ROUNDS; i++) {
    for (const size of ['small', 'large']) {
      const {ms, stderr} = program([...argvOf(size), '--db', urls[size], '--debug']);
      if (i < 0) continue;
      times[size].push(ms);
      if (size === 'large') times.sql.push(sqlMs(stderr));
    }
    if (own === null || (times.own.length > 0 && median(times.own) > 3000)) continue;
    const start = process.hrtime.bigint();
    await large.all(own);
    times.own.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  keepFigure(
    `${kind}, ${TRACES} runs over 300: ${name}`,
    times.large.map((ms, i) => [ms, times.small[i]]),
  );
  const small = median(times.small);
  const big = median(times.large);
  const ms = value => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;
  print(
    name,
    ms(small),
    ms(big),
    `${(big / small).toFixed(2)}x`,
    ms(median(times.sql)),
    own ? ms(median(times.own)) : '',
  );
}

function print(...cells) {
  process.stdout.write(`${cells.map((cell, i) => String(cell).padEnd(i === 0 ? 28 : 16)).join('')}\n`);
}
