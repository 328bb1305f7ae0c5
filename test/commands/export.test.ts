import {existsSync, mkdirSync, readdirSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, openFixture, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {requestSpans} from '../otlp/receiver.ts';
import {plainText} from '../page/opened.ts';
import {agnoWriter} from '../writer-process.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';
const lines = (out: string) =>
  out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line));
// biome-ignore lint/suspicious/noExplicitAny: a line of either type
const ofType = (all: any[], type: string) => all.filter(line => line.type === type);

describe.each(BACKENDS)('export on %s', async backend => {
  const db = await sharedFixture(backend, FIXTURE);
  const ask = (...argv: string[]) => cli(['export', ...argv, '--db', db]);

  it('jsonl holds what list and show say, and the attributes as they are stored', async () => {
    const {out} = await ask('--all', '--jsonl');
    const all = lines(out);
    const {data: runs} = await json(['list', '--limit', '0', '--parts', '--db', db]);
    const byId = (a: {traceId: string; spanId: string}, b: typeof a) =>
      a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1;
    const exported = ofType(all, 'run').map(({type: _, ...run}) => run);
    expect(exported.sort(byId)).toEqual(runs.sort(byId));
    for (const run of runs.filter(({runId}: {runId: string | null}) => runId !== null).slice(0, 8)) {
      const {data} = await json(['show', run.traceId, '--io', 'full', '--db', db]);
      for (const {input: _, output: __, ...span} of data.spans) {
        if (span.missing) continue;
        const found = all.find(({type, spanId}) => type === 'span' && spanId === span.spanId);
        const {type: _, otelKind, createdTime, ...record} = found;
        expect(record).toEqual(span);
        expect(otelKind).toMatch(/^(INTERNAL|SERVER)$/);
        expect(createdTime).toMatch(/^2026-.*Z$/);
      }
    }
  });

  it('what ids name is what show draws, a pause with its continuation', async () => {
    const {data} = await json(['show', 'human-in-the-loop', '--db', db]);
    const spans = data.spans.filter(({missing}: {missing: boolean}) => !missing);
    for (const id of ['human-in-the-loop', data.runs[0].runId, data.runs[0].runId.slice(0, 8)]) {
      const found = ofType(lines((await ask(id, '--jsonl')).out), 'span');
      expect(found.map(({spanId}) => spanId)).toEqual(spans.map(({spanId}: {spanId: string}) => spanId));
    }
    const {out, err} = await ask('human-in-the-loop', 'tool-error', 'tool-error', '--jsonl');
    const ids = ofType(lines(out), 'span').map(({spanId}) => spanId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(err).toMatch(/^exported \d+ runs, \d+ spans$/m);
  });

  it('a filter selects the runs that it selects in list, -n the newest', async () => {
    for (const filter of [
      ['--state', 'error,degraded'],
      ['--session', 'http'],
      ['-q', 'tool:get_weather -error'],
      ['--since', '2026-11-22', '--kind', 'team'],
      ['-n', '3'],
      ['-n', '2', '--agent', 'weather-agent'],
    ]) {
      const {data} = await json([
        'list',
        ...(filter[0] === '-n' ? filter : ['--limit', '0', ...filter]),
        '--parts',
        '--db',
        db,
      ]);
      const found = ofType(lines((await ask('--jsonl', ...filter)).out), 'run');
      const ids = (runs: {spanId: string}[]) => runs.map(({spanId}) => spanId).sort();
      expect(ids(found)).toEqual(ids(data));
    }
  });

  it('hands on the request around several runs once', async () => {
    const {out} = await ask('--all', '--traffic');
    const ids = out
      .trim()
      .split('\n')
      .flatMap(requestSpans)
      .map(({traceId, spanId}) => traceId + spanId);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(275);
    const newest = (await ask('-n', '40')).out.trim().split('\n').flatMap(requestSpans);
    expect(new Set(newest.map(({spanId}) => spanId)).size).toBe(newest.length);
  });

  it('md is a page to be read', async () => {
    const {out} = await ask('tool-error', '--format', 'md');
    await expect(out).toMatchFileSnapshot('../golden/export/tool-error.md');
    const redacted = await ask('team', '--format', 'md', '--no-content');
    await expect(redacted.out).toMatchFileSnapshot('../golden/export/team-without-content.md');
  });

  it('takes out what was planted, everywhere, and says where', async () => {
    const {out} = await ask('--all', '--jsonl', '--redact', 'all');
    expect(out).not.toMatch(/4111 ?1111/);
    const otlp = await ask('--all', '--redact', 'all');
    expect(otlp.out).not.toMatch(/4111 ?1111|"user-1"/);
    expect(otlp.err).toContain('replaced: card-number 2× (input.value 2)');
    expect(otlp.err).toContain('all is best effort');
    const plain = await ask('--all');
    expect(plain.out).toMatch(/4111 1111/);
  });
});

function parsedOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A card, a key and an address in every place a run has. */
function planted(): string {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const db = new Database(file);
  const secrets = 'card 4111 1111 1111 1111 key sk-proj-abcdEFGH1234ijklMNOP5678 mail carol@example.com';
  db.pragma('foreign_keys = off');
  const rows = db.prepare('select span_id, attributes from agno_spans').all() as {
    span_id: string;
    attributes: string;
  }[];
  const update = db.prepare(
    'update agno_spans set name = name || ?, status_message = ?, attributes = ? where span_id = ?',
  );
  for (const {span_id, attributes} of rows) {
    const parsed = JSON.parse(attributes);
    for (const key in parsed) {
      if (typeof parsed[key] !== 'string' || key === 'openinference.span.kind') continue;
      const inner = parsedOf(parsed[key]);
      parsed[key] =
        inner === undefined ? `${parsed[key]} ${secrets}` : JSON.stringify([inner, {again: JSON.stringify({secrets})}]);
    }
    parsed.list = [secrets, 4111111111111111];
    update.run(` ${secrets}`, `failed: ${secrets}`, JSON.stringify({...parsed, [secrets]: true}), span_id);
  }
  db.prepare("update agno_traces set name = ?, user_id = 'carol@example.com', status = ?").run(secrets, secrets);
  db.close();
  return file;
}

describe('what was planted', () => {
  const db = planted();
  const GONE = /4111 ?1111|abcdEFGH|carol/;

  it.each([['otlp'], ['jsonl'], ['md'], ['html'], ['cases']])(
    'is gone from %s, and the report names each',
    async format => {
      const report = path.join(temporaryFolder(), 'report.json');
      const argv = ['export', '--all', '--traffic', '--db', db, '--format', format];
      expect(plainText((await cli(argv)).out)).toMatch(GONE);
      const {code, out, err} = await cli([...argv, '--redact', 'all', '--report', report]);
      expect(code).toBe(0);
      const text = plainText(out);
      const found = GONE.exec(text);
      expect(found && text.slice(Math.max(0, found.index - 200), found.index + 60)).toBeNull();
      expect(err).not.toMatch(GONE);
      const {schema, findings, spans} = JSON.parse(readFileSync(report, 'utf8'));
      expect([schema, spans]).toEqual(['agno-trace/export-report/1', 275]);
      expect(JSON.stringify(findings)).not.toMatch(GONE);
      expect(statSync(report).mode & 0o777).toBe(0o600);
      for (const detector of ['card-number', 'openai-key', 'email']) {
        for (const place of ['name', 'status_message', 'input.value', 'attribute names', 'list'])
          expect(findings).toContainEqual({detector, place, count: expect.any(Number)});
        expect(err).toMatch(new RegExp(`^replaced: ${detector} \\d+× \\(`, 'm'));
      }
    },
  );

  it('--redact secrets takes the key alone, pii the rest', async () => {
    const argv = ['export', '--all', '--traffic', '--db', db];
    const secrets = (await cli([...argv, '--redact', 'secrets'])).out;
    expect(secrets).not.toContain('abcdEFGH');
    expect(secrets).toMatch(/carol@example\.com/);
    const pii = (await cli([...argv, '--redact', 'pii'])).out;
    expect(pii).not.toMatch(/carol|4111 ?1111/);
    expect(pii).toContain('abcdEFGH');
  });

  it('--no-content leaves nothing of what was said', async () => {
    const {out, err} = await cli(['export', '--all', '--db', sqliteCopy(FIXTURE), '--no-content', '--jsonl']);
    expect(out).not.toMatch(/weather in|Zürich|input\.value|tool\.parameters|"metadata"|overloaded/);
    const all = lines(out);
    expect(ofType(all, 'span').some(({attributes}) => attributes['llm.token_count.prompt'] > 0)).toBe(true);
    expect(ofType(all, 'run').every(({stateReason}) => stateReason === null)).toBe(true);
    expect(err).toMatch(/^left out: \d+ attributes, and all error texts$/m);
  });

  it('two names that become one keep what stood under each', async () => {
    const file = sqliteCopy(FIXTURE);
    const attributes = '{"mail of a@example.com": 1, "mail of b@example.com": 2}';
    const twice = new Database(file);
    twice.prepare("update agno_spans set attributes = ? where name = 'get_weather'").run(attributes);
    twice.close();
    const {out} = await cli(['export', '--all', '--jsonl', '--redact', 'pii', '--db', file]);
    expect(out).toContain('"attributes":{"mail of [redacted:email]":1,"mail of [redacted:email]~2":2}');
  });

  it('--check writes nothing and exits 7 where something is found, 0 where nothing is', async () => {
    const {code, out, err} = await cli(['export', '--all', '--check', '--db', db]);
    expect([code, out]).toEqual([7, '']);
    expect(err).toMatch(/^found: email \d+× \(/m);
    const clean = await cli(['export', '--all', '--check', '--redact', 'secrets', '--db', sqliteCopy(FIXTURE)]);
    expect([clean.code, clean.out]).toEqual([0, '']);
    expect(clean.err).toContain('nothing found; secrets is best effort');
  });

  it('pseudonyms are the same in two exports under one key, and different without', async () => {
    const env = {KEY: 'a key that is long enough'};
    const argv = ['export', '--all', '--jsonl', '--redact', 'pii', '--db', sqliteCopy(FIXTURE)];
    const users = async (...more: string[]) =>
      new Set(ofType(lines((await cli([...argv, ...more], {env})).out), 'run').map(({userId}) => userId));
    const [one, two, other] = [await users('--redact-key', 'KEY'), await users('--redact-key', 'KEY'), await users()];
    expect(one).toEqual(two);
    expect([...one].some(user => user !== null && other.has(user))).toBe(false);
    for (const user of one) expect(user ?? 'user_0000000000000000').toMatch(/^user_[0-9a-f]{16}$/);
  });
});

it.each(BACKENDS)('costs a writer no batch, on %s', async backend => {
  // Agno 2 leaves a rollback journal: there a writer waits while somebody reads.
  const db = await openFixture(backend, 'agno-2.9.0-shop.sqlite');
  const writer = await agnoWriter(db, {everyMs: 20});
  for (const format of ['otlp', 'jsonl', 'md'])
    expect((await cli(['export', '--all', '--format', format, '--db', db])).code).toBe(0);
  const {batches, lost} = await writer.stop();
  expect(lost).toBe(0);
  expect(batches).toBeGreaterThan(10);
});

describe('into a file', () => {
  it('goes as it comes, and is there whole or not at all', async () => {
    const db = sqliteCopy('agno-3.1.10-shop.sqlite');
    const folder = temporaryFolder();
    for (const [name, start] of [
      ['a.otlp', '{"resourceSpans"'],
      ['a.json', '{"resourceSpans"'],
      ['a.jsonl', '{"type":"run"'],
      ['a.md', '# '],
    ] as const) {
      const file = path.join(folder, name);
      const {code, out} = await cli(['export', '--all', '--db', db, '-o', file]);
      expect([code, out]).toEqual([0, '']);
      expect(readFileSync(file, 'utf8').startsWith(start)).toBe(true);
      const piped = (await cli(['export', '--all', '--db', db, '--format', name === 'a.json' ? 'otlp' : name.slice(2)]))
        .out;
      expect(readFileSync(file, 'utf8')).toBe(piped);
    }
    const before = readFileSync(path.join(folder, 'a.md'), 'utf8');
    // The second id is not there: what the first one wrote is not left behind.
    const failed = await cli(['export', 'latest', 'nothing-of-the-kind', '--db', db, '-o', path.join(folder, 'a.md')]);
    expect(failed.code).toBe(3);
    expect(readFileSync(path.join(folder, 'a.md'), 'utf8')).toBe(before);
    const none = path.join(folder, 'none.jsonl');
    await cli(['export', 'latest', 'nothing-of-the-kind', '--db', db, '-o', none]);
    expect(existsSync(none)).toBe(false);
    expect(readdirSync(folder).sort()).toEqual(['a.json', 'a.jsonl', 'a.md', 'a.otlp']);
  });

  it('a report that cannot be written is told, and what was exported stays', async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'taken'));
    const file = path.join(folder, 'a.jsonl');
    const argv = ['export', 'latest', '--db', sqliteCopy(FIXTURE), '--redact', 'all', '-o', file];
    const {code, err} = await cli([...argv, '--report', path.join(folder, 'taken')]);
    expect(code).toBe(1);
    expect(err).toContain('could not be written');
    const {out} = await cli([...argv, '--report', '-']);
    expect(JSON.parse(out).schema).toBe('agno-trace/export-report/1');
  });
});

it('every number of an attribute leaves jsonl as it is stored', async () => {
  const db = sqliteCopy(FIXTURE);
  const file = new Database(db);
  const exact = '{"a":9007199254740993,"b":1.0,"c":-0.0,"d":1e400,"e":[12345678901234567890]}';
  const id = file.prepare("select span_id from agno_spans where name = 'get_weather' limit 1").pluck().get();
  file.prepare('update agno_spans set attributes = ? where span_id = ?').run(exact, id);
  file.close();
  const {out} = await cli(['export', '--all', '--jsonl', '--db', db]);
  expect(out).toContain(`"attributes":${exact}}\n`);
});

it.each([
  [[], /choose the runs to export.*\nhint: Pass ids or latest, a filter/],
  [['latest', '--all'], /ids and filters exclude each other/],
  [['latest', '--session', 'x'], /ids and filters exclude each other/],
  [['--all', '--format', 'csv'], /--format "csv" is not known.*\nhint: It is one of otlp, jsonl, md, html, cases/],
  [['--all', '-o', 'x.csv'], /asks for csv, which export cannot write/],
  [['--all', '--redact', 'everything'], /--redact "everything" is not known.*\nhint: It is one of secrets, pii, all/],
  [['--all', '--redact-key', 'KEY'], /nothing is redacted/],
  [['--all', '--redact', 'pii', '--redact-key', 'NONE'], /the variable "…" is not set/],
  [['--all', '--redact', 'pii', '--redact-key', 'NO_SUCH'], /the variable "NO_SUCH" is not set/],
  [['--all', '--redact', 'pii', '--redact-key', 'SHORT'], /shorter than 16 characters/],
  [['--all', '--report', 'r.json'], /--report lists what was replaced, but nothing is/],
  [['--all', '--redact', 'all', '--report', '-'], /would both go to stdout.*\nhint: Add -o FILE, --to or --check/],
  [['--all', '--check', '-o', 'x'], /--check writes nothing/],
  [['--all', '--to', 'localhost:4318'], /--to "localhost:4318" is not an http or https URL/],
  [['--all', '--to', 'https://user:hunter2@'], /--to is not an http or https URL/],
  [['--all', '--to', 'env'], /--to env: neither OTEL_EXPORTER_OTLP_TRACES_ENDPOINT nor/],
  [['--all', '--to', 'http://x', '--format', 'md'], /--to sends otlp, not md/],
  [['--all', '--to', 'http://x', '-o', 'y'], /--to and -o exclude each other/],
  [['--all', '--to', 'http://x', '--protocol', 'grpc'], /--protocol "grpc" is not known/],
  [['--all', '--header', 'a=b'], /--header is only for sending, and --to is missing/],
  [['--all', '--dry-run'], /--dry-run is only for sending/],
  [['--all', '--resource', 'x'], /--resource "x" is not an attribute/],
])('%j is refused', async (argv, said) => {
  const env = {SHORT: 'abc'};
  const {code, err, out} = await cli(['export', ...argv, '--db', sqliteCopy(FIXTURE)], {env});
  expect([code, out]).toEqual([2, '']);
  expect(err).toMatch(said);
  expect(err).not.toContain('hunter2');
});

it('an id that is not there is exit 3, and nothing matching is no error', async () => {
  const db = sqliteCopy(FIXTURE);
  expect((await cli(['export', 'nothing-of-the-kind', '--db', db])).code).toBe(3);
  const none = await cli(['export', '--user', 'nobody', '--db', db]);
  expect(none).toMatchObject({code: 0, out: '', err: 'no run matches\nexported 0 runs, 0 spans\n'});
});

it('--print-sql prints the statements of the first runs', async () => {
  const {code, out} = await cli(['export', '--all', '--print-sql', '--db', sqliteCopy(FIXTURE)]);
  expect(code).toBe(0);
  expect(out).toMatch(/select s\.\*\n {2}from "agno_spans" s\n where s\.span_id in/);
  expect(out).toContain('-- then, in agno-trace: ');
});
