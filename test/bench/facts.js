// What questions over many runs cost with facts kept, beside Agno's own statement for span statistics; what the facts cost
// to make and to keep.
//   TRACES=29500   runs in the database: with their polls some 1.2 million spans
//   FOLDER=…       keeps the databases there and uses them again; DATABASES=sqlite,postgres; ROUNDS=5
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {BIN, ENV, makeDatabase, median, OWN, openDatabase} from './databases.js';
import {keepFigure} from './figures.js';

const ROUNDS = Number(process.env.ROUNDS ?? 5);
const NEW_SPANS = 1000;
const QUESTIONS = (
  process.env.QUESTIONS ??
  'slowest tools models usage stats errors agents teams workflows steps sessions users retrievals delegations loops where'
).split(' ');

function program(argv, cache) {
  const start = process.hrtime.bigint();
  const {status, stdout, stderr} = spawnSync(process.execPath, [BIN, ...argv], {
    env: {...ENV, AGNO_TRACE_CACHE: cache},
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  const [, current, answer] = /debug: facts current in ([\d.]+) ms, answered in ([\d.]+) ms/.exec(stderr) ?? [];
  return {ms: Number(process.hrtime.bigint() - start) / 1e6, stdout, current: Number(current), answer: Number(answer)};
}

function emptyScript() {
  const start = performance.now();
  spawnSync(process.execPath, ['-e', '0'], {env: ENV});
  return performance.now() - start;
}

export default async function facts() {
  const folder = process.env.FOLDER ?? mkdtempSync(path.join(tmpdir(), 'agno-trace-bench-'));
  mkdirSync(folder, {recursive: true});
  const stops = [];
  try {
    for (const kind of (process.env.DATABASES ?? 'sqlite,postgres').split(','))
      await measure(kind, await makeDatabase(kind, folder, stops), folder);
  } finally {
    for (const stop of stops) await stop();
    if (!process.env.FOLDER) rmSync(folder, {recursive: true, force: true});
  }
}

async function measure(kind, url, folder) {
  const db = await openDatabase(kind, url);
  const cache = path.join(folder, `facts-${kind}`);
  rmSync(cache, {recursive: true, force: true});
  const [{spans, last}] = await db.all('select count(*) as spans, max(start_time) as last from agno_spans');
  const day = String(last).slice(0, 10);
  const narrow = program(['tools', '--since', day, '--until', `${day}T12:00`, '--db', url, '--debug', '--json'], cache);
  print(kind, `one day of them, nothing kept: ${(narrow.ms / 1000).toFixed(1)} s`, JSON.parse(narrow.stdout).notes[0]);
  rmSync(cache, {recursive: true, force: true});
  const made = program(['facts', 'rebuild', '--db', url, '--json'], cache);
  const [status] = JSON.parse(made.stdout).data;
  print(
    kind,
    `${spans} spans made into facts in ${(made.ms / 1000).toFixed(1)} s`,
    `${Math.round((Number(spans) / made.ms) * 1000)} a second`,
    `${Math.round(status.bytes / 1e6)} MB`,
  );
  const own = [];
  for (let i = 0; i < ROUNDS && !(own.length > 1 && median(own) > 3000); i++) {
    const start = process.hrtime.bigint();
    await db.all(OWN.slowest(kind));
    own.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  print('', 'whole', 'facts current', 'answered', `Agno's own ${ms(median(own))} against it`);
  for (const name of QUESTIONS) {
    const pairs = Array.from({length: ROUNDS + 1}, () => {
      const emptyMs = emptyScript();
      return [program([name, '--db', url, '--debug'], cache), emptyMs];
    }).slice(1);
    const rounds = pairs.map(([round]) => round);
    keepFigure(
      `${kind}, ${spans} spans: ${name}`,
      pairs.map(([round, emptyMs]) => [round.ms, emptyMs]),
    );
    const of = key => median(rounds.map(round => round[key]));
    const share = ['slowest', 'tools', 'models'].includes(name) ? `${(median(own) / of('answer')).toFixed(0)}x` : '';
    print(name, ms(of('ms')), ms(of('current')), ms(of('answer')), share);
  }
  const rest = [];
  const caught = [];
  for (let i = 0; i < ROUNDS; i++) {
    rest.push(program(['tools', '--db', url, '--debug'], cache).current);
    await db.run(newSpans(kind, NEW_SPANS, i));
    caught.push(program(['tools', '--db', url, '--debug'], cache).current);
  }
  print('', `facts current, nothing new: ${ms(median(rest))}`, `${NEW_SPANS} new spans: ${ms(median(caught))}`);
  await db.run("delete from agno_spans where span_id like 'new%'; delete from agno_traces where trace_id like 'new%'");
  await db.close();
}

/** Copies of the newest whole traces of runs, as if they had just been written. */
function newSpans(kind, count, round) {
  const now = `'${new Date().toISOString().replace('Z', '000+00:00')}'`;
  const mark = `'new${round}-' || `;
  // Runs of their own: a run id of two traces is a pause and its continuation.
  const renamed = `replace(cast(attributes as text), '"agno.run.id": "', '"agno.run.id": "new${round}-')`;
  const attributes = kind === 'sqlite' ? renamed : `cast(${renamed} as jsonb)`;
  return `
create temp table fresh as select trace_id from (
  select s.trace_id, count(*) as n, sum(count(*)) over (order by max(s.start_time) desc, s.trace_id) as up_to
    from agno_spans s where s.trace_id in (select trace_id from agno_traces where run_id is not null and trace_id not like 'new%' order by start_time desc limit ${count})
   group by s.trace_id) t where up_to <= ${count};
insert into agno_traces select ${mark}trace_id, name, status, start_time, end_time, duration_ms, ${mark}run_id, session_id, user_id, agent_id, team_id, workflow_id, ${now}
  from agno_traces where trace_id in (select trace_id from fresh);
insert into agno_spans select ${mark}span_id, ${mark}trace_id, case when parent_span_id is not null then ${mark}parent_span_id end, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, ${attributes}, ${now}
  from agno_spans where trace_id in (select trace_id from fresh);
drop table fresh;`;
}

const ms = value => `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`;

function print(...cells) {
  process.stdout.write(`${cells.map((cell, i) => String(cell).padEnd(i === 0 ? 14 : 18)).join(' ')}\n`);
}
