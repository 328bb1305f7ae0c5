import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {beforeAll, expect, test} from 'vitest';
import {COMMANDS} from '../src/commands/index.ts';
import {EXIT} from '../src/errors.ts';
import {cli} from './cli.ts';
import {Contract} from './contract.ts';
import {openFixture, sqliteCopy, temporaryFolder} from './databases.ts';
// The demo is made of the runs that a build packs.
import {ROOT} from './program.ts';

/** Keys that have a value only where a test cannot bring it about, or where another one does. */
const NEVER_HERE: Readonly<Record<string, string>> = {
  'connection.copyReason': 'a file of another user: test/store/setups.test.ts',
  'connection.statementTimeoutMs': 'a role with a time limit of its own: test/store/setups.test.ts',
  'heartbeat event.lagMs': 'somebody writes: test/e2e/tail.test.ts',
  'span event.lateMs': 'somebody writes, and holds it back: test/follow/lag.test.ts',
  'run event.stateBefore': 'somebody writes: test/commands/tail.test.ts',
  'run event.into': 'somebody writes: test/follow/live-runs.test.ts',
  'run.truncated': 'items that are cut: test/flags/fitting.test.ts',
  'entry.truncated': 'the same',
  'hit.truncated': 'the same',
  'row.truncated': 'the same',
  'prompt.truncated': 'the same',
  'shown.peers': 'twenty runs of one agent in kept facts: test/show/peers.test.ts',
  'peers.runs': 'the same',
  'peers.since': 'the same',
  'peers.source': 'the same',
  'peers.durationMs': 'the same',
  'peers.totalTokens': 'the same',
  'peers.costUsd': 'the same',
  'peers.differing': 'the same',
  'standing.value': 'the same',
  'standing.median': 'the same',
  'standing.rank': 'the same',
  'difference.figure': 'the same',
  'difference.kind': 'the same',
  'difference.name': 'the same',
  'difference.value': 'the same',
  'difference.median': 'the same',
  'difference.runs': 'the same',
  'row.before': 'runs of two windows: test/questions/compare.test.ts',
  'row.factor': 'the same',
  'row.low': 'the same',
  'row.high': 'the same',
  'row.strength': 'the same',
  'row.also': 'two attributes of the same runs: test/questions/why.test.ts',
  'row.lift': 'runs without it that are bad too: the same',
  'migration result.stoppedBy': 'stopped meanwhile: test/migrations/faults.test.ts',
  'restore result.stoppedBy': 'stopped meanwhile: test/retention/kill.test.ts',
  'vacuum result.stoppedBy': 'stopped meanwhile: test/retention/vacuum.test.ts',
};

/** What questions want to be told. */
const ASKED: Readonly<Record<string, string>> = {
  check: 'check --max-error-rate 1% --max-cost 1',
  compare: 'compare --all --limit 0',
  spans: 'spans --limit 0',
  why: 'why --state error --limit 0',
};

/** Commands that answer people only, and one whose answers are those of others. */
const FOR_PEOPLE = ['completion', 'demo', 'help', 'mcp', 'ui'];
/** A check that finds something has answered, and so has what stopped where it was told to. */
const ANSWERED: readonly number[] = [EXIT.done, EXIT.different, EXIT.stopped];
const MACHINE = /^(json|jsonl|csv)$/;

let folder: string;
let demo: string;
let env: Record<string, string>;
const contract = new Contract(path.join(ROOT, 'docs/json.md'));
const asked = new Set<string>();

beforeAll(async () => {
  folder = temporaryFolder();
  demo = path.join(folder, 'agno.db');
  env = {
    HOME: folder,
    AGNO_TRACE_CACHE: path.join(folder, 'cache'),
    AGNO_TRACE_CONFIG: path.join(folder, 'config.toml'),
  };
  expect((await cli(['demo', '--path', demo], {cwd: folder})).code).toBe(EXIT.done);
});

async function run(line: string, db: string, format: string) {
  const argv = wordsOf(line);
  const named = db === '' ? [] : ['--db', db];
  return cli([...argv, ...named, ...(MACHINE.test(format) ? ['--format', format] : [])], {cwd: folder, env});
}

/** As a shell parts them; what is in quotes is one. */
const wordsOf = (line: string) => [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);

/** Runs a command in the formats it has, and compares what it prints; gives back the data. */
// biome-ignore lint/suspicious/noExplicitAny: the contract says what it is
async function answer(name: string, line: string, db = demo, formats = 'json jsonl csv'): Promise<any> {
  const {data, line: ofLine} = contract.answerOf(name);
  asked.add(name.split(' ')[0]!);
  const where = `${name} (${line})`;
  let items: readonly Record<string, unknown>[] = [];
  // biome-ignore lint/suspicious/noExplicitAny: as above
  let whole: any = null;
  for (const format of formats.split(' ')) {
    const {code, out, err} = await run(line, db, format);
    if (!ANSWERED.includes(code)) throw new Error(`${where}: exit ${code}: ${err}`);
    if (format === 'json') {
      const envelope = JSON.parse(out);
      contract.compare(envelope, 'answer', where);
      expect(envelope.schema).toBe(`agno-trace/${name.split(' ')[0]}/1`);
      if (ofLine !== 'a row') contract.compare(envelope.data, data, name);
      whole = envelope.data;
      items = Array.isArray(whole) ? whole : [];
      const keys = contract.questions.get(name);
      if (keys && items[0]) {
        const time = line.includes('--every') ? ['time'] : [];
        expect(Object.keys(items[0]), where).toEqual([...time, ...keys]);
      }
    } else if (format === 'jsonl') {
      for (const text of linesOf(out))
        if (ofLine !== 'a row') contract.compare(JSON.parse(text), ofLine, `${name} --jsonl`);
    } else expect(linesOf(out)[0]?.split(','), `${where} as csv`).toEqual(items[0] && Object.keys(items[0]));
  }
  return whole;
}

const linesOf = (out: string) => out.split(/\r?\n/).filter(text => text !== '');
const QUICK = 'json';

/** Follows until all these events have come, and compares all that came. */
async function follow(db: string, wanted: readonly string[]): Promise<void> {
  const argv = `tail --jsonl --heartbeat 20ms --since 2020-01-01 --db ${db}`.split(' ');
  let hasAll = false;
  const onOut = (out: string) => {
    if (hasAll || !wanted.every(event => out.includes(`{"event":"${event}"`))) return;
    hasAll = true;
    process.kill(process.pid, 'SIGINT');
  };
  for (const text of linesOf((await cli(argv, {cwd: folder, env, onOut})).out)) {
    const event = JSON.parse(text);
    contract.compare(event, `${event.event} event`, 'tail');
  }
}

/** What hardly any database has: pictures in a prompt, a number beyond a double, attributes that were cut off. */
function oddities(): string {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const db = new Database(file);
  const calls = db
    .prepare(
      "select s.span_id, s.attributes from agno_spans s join agno_traces t using (trace_id) where t.session_id = 'agent-ok'",
    )
    .all() as {span_id: string; attributes: string}[];
  const change = db.prepare('update agno_spans set attributes = ? where span_id = ?');
  for (const {span_id: id, attributes} of calls) {
    const all = JSON.parse(attributes);
    const input = /"messages"/.test(all['input.value'] ?? '') ? JSON.parse(all['input.value']) : null;
    if (input) {
      const images = [{id: 'x', content: 'AAAA', mime_type: 'image/png'}, {url: 'https://example.org/cat.jpg'}];
      Object.assign(
        input.messages.find(({role}: {role: string}) => role === 'user'),
        {images},
      );
      all['input.value'] = JSON.stringify(input);
    }
    const text = JSON.stringify(all);
    change.run(
      all['openinference.span.kind'] === 'TOOL' ? text.slice(0, -5) : text.replace('{', '{"far": 1e400, '),
      id,
    );
  }
  db.close();
  return file;
}

test('every command answers as docs/json.md says, keys and types', async () => {
  const pictures = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const old = sqliteCopy('agno-2.3.11-async-shape-b.sqlite');
  const odd = oddities();
  const postgres = await openFixture('postgres', 'agno-3.1.10-pictures.sqlite');
  const succeeds = async (line: string) => {
    const {code, out, err} = await run(line, '', '');
    expect(code, `${line}: ${err}`).toBe(EXIT.done);
    return linesOf(out);
  };

  // Runs and their spans, with what makes the rare keys appear.
  const rare = [
    'agno-3.1.10-killed.sqlite',
    'cases/tool-span-missing.sqlite',
    'cases/negative-duration.sqlite',
    'truth/wf_all_containers.sqlite',
  ].map(sqliteCopy);
  await answer('list', 'list --limit 0 --traffic');
  for (const db of [odd, ...rare]) {
    await answer('list', 'list --limit 0 --traffic', db, QUICK);
    await answer('show', 'show latest', db, QUICK);
    for (const text of await succeeds(`export --all --jsonl --redact all --report report.json --db ${db}`)) {
      const record = JSON.parse(text);
      contract.compare(record, `exported ${record.type}`, 'export');
    }
  }
  asked.add('export');
  await succeeds(`export --all --redact secrets --report losses.json -o all.otlp --db ${odd}`);
  await succeeds(`export --all --no-content --report without.json -o none.otlp --db ${odd}`);
  for (const report of ['report.json', 'losses.json', 'without.json'])
    contract.compare(JSON.parse(readFileSync(path.join(folder, report), 'utf8')), 'export report', report);
  await answer('show', 'show agent-ok --io full', odd, 'json jsonl');
  for (const id of ['fecc9d55', 'tool-error']) await answer('show', `show ${id}`, odd, QUICK);
  for (const id of ['agent-ok', 'fecc9d55', 'ac56f3e5'])
    await answer('transcript', `transcript ${id} --history`, odd, 'json jsonl');
  for (const id of ['agent-ok', 'tool-loop', 'fecc9d55']) await answer('context', `context ${id}`, odd, 'json jsonl');
  await answer('transcript', 'transcript 9bb9ff2d', sqliteCopy('truth/hitl_kinds.sqlite'), QUICK);
  await answer('diff', 'diff latest --median', demo, 'json jsonl');
  await answer('diff', 'diff agent-ok tool-error', pictures, QUICK);
  await answer('grep', 'grep numbers -C 1', pictures);
  await answer('grep --count', 'grep weather --count', pictures);
  await answer('grep -l', 'grep weather -l', pictures);
  // Larger than its room.
  await answer('show', 'show agent-ok --io full --max-bytes 3000', pictures, QUICK);
  await answer('wait', 'wait latest', demo, 'json jsonl');
  // The second waits for a file that is not there.
  await follow(pictures, ['run', 'span', 'heartbeat']);
  await follow(path.join(folder, 'none.db'), ['notice']);
  asked.add('tail');

  for (const name of contract.questions.keys()) {
    await answer(name, ASKED[name] ?? `${name} --limit 0`);
    if (!['slowest', 'loops', 'where', ...Object.keys(ASKED)].includes(name))
      await answer(name, `${name} --every 1d`, demo, QUICK);
  }
  await succeeds(`stats --since 2026-11-01 --until 2026-11-30 --db ${pictures}`);
  await answer('facts', 'facts', pictures, QUICK);
  await answer('facts rebuild', 'facts rebuild', pictures, QUICK);
  await answer('sql', "sql 'select span_id from agno_spans limit 1'", pictures);

  await answer('doctor', 'doctor', old, 'json jsonl');
  await answer('doctor', 'doctor', postgres, QUICK);
  for (const db of [old, postgres]) await answer('migrate status', 'migrate status', db, QUICK);
  await answer('migrate', 'migrate --dry-run', old, QUICK);
  await answer('migrate', 'migrate --yes', postgres, QUICK);
  const prune = 'prune --older-than 1s --force --settle 1ms';
  await answer('prune', `${prune} --dry-run`, demo, QUICK);
  await answer('prune', `${prune} --yes --session session-21 --archive old.ndjson`, demo, QUICK);
  await answer('prune', `${prune} --yes --session session-22 --max-rows 1`, demo, QUICK);
  await answer('vacuum', 'vacuum --dry-run', demo, QUICK);
  await answer('vacuum', 'vacuum --yes --offline', demo, QUICK);
  const bytes = readFileSync(path.join(folder, 'old.ndjson'));
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  writeFileSync(path.join(folder, 'damaged.ndjson'), bytes);
  for (const file of ['old', 'damaged']) await answer('archive verify', `archive verify ${file}.ndjson`, '', QUICK);
  await answer('archive show', 'archive show old.ndjson', '', QUICK);
  await answer('archive list', 'archive list damaged.ndjson old.ndjson', '');
  await answer('archive restore', 'archive restore old.ndjson --yes', demo, QUICK);

  await succeeds(`profile add a --db ${demo}`);
  const runs = '--runs-db postgresql://u@h/d --runs-password-env B';
  await succeeds(
    `profile add b --db service=prod --password-env A ${runs} --schema s --traces-table t --spans-table u`,
  );
  await answer('profile list', 'profile list', '', 'json jsonl');
  await answer('profile show', 'profile show b', '', QUICK);
  await succeeds('profile remove b');
  await answer('list', 'list --all-profiles', '', QUICK);

  // The second has a note on how it was read.
  writeFileSync(env.AGNO_TRACE_CONFIG!, `[profiles.odd]\ndb = "${demo}"\nnew_key = 1\n`);
  for (const line of ['list --nope', 'show nothing --profile odd'])
    contract.compare(JSON.parse((await run(`${line} --json`, '', '')).err).error, 'error', line);

  expect([...contract.wrong].sort()).toEqual([]);
  expect(contract.neverSeen().filter(key => !Object.hasOwn(NEVER_HERE, key))).toEqual([]);
  expect(Object.keys(COMMANDS).filter(name => !FOR_PEOPLE.includes(name) && !asked.has(name))).toEqual([]);
});
