import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {BIN, ROOT} from '../program.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of the answer
type Row = Record<string, any>;

async function check(argv: readonly string[], options = {}) {
  const {code, out, err} = await cli(['check', ...argv, '--json'], options);
  return {code, err, rows: out === '' ? [] : (JSON.parse(out).data as Row[])};
}
const resultOf = (rows: readonly Row[]) => Object.fromEntries(rows.map(row => [row.rule, row.result]));

describe.each(BACKENDS)('check on %s', backend => {
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};

  it('finds what list says, rule by rule, whatever the facts are kept in', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-shop.sqlite');
    const listed: Row[] = (await json(['list', '--limit', '0', '--db', db])).data;
    const spans: Row[] = (await cli(['export', '--all', '--jsonl', '--db', db])).out
      .trim()
      .split('\n')
      .map(text => JSON.parse(text))
      .filter(({type}) => type === 'span');
    const runs = listed.filter(run => !run.part && !run.traffic);
    const calls = spans.filter(
      ({kind, surroundings, plumbing}) =>
        !surroundings && !plumbing && ['llm', 'tool', 'retrieval', 'memory'].includes(kind),
    ).length;
    const sum = (of: readonly Row[], key: string) => of.reduce((total, run) => total + (run[key] ?? 0), 0);
    const asked = [
      '--max-error-rate',
      '5%',
      '--max-cost',
      '9',
      '--max-tokens',
      '1k',
      '--max-calls',
      '9',
      '--max-run-tokens',
      '9k',
    ];
    const {code, rows} = await check([...asked, '--db', db]);
    expect(code).toBe(EXIT.different);
    const found = Object.fromEntries(rows.map(row => [row.rule, row]));
    expect(found['error rate']).toMatchObject({
      value: runs.filter(({state}) => state === 'error').length / runs.length,
      runs: runs.length,
      limit: 0.05,
      result: 'fail',
      unit: 'ratio',
    });
    const costs = listed.flatMap(run => run.costs as Row[]);
    expect(found.cost.value).toBeCloseTo(sum(costs, 'costUsd'), 9);
    expect(found.cost).toMatchObject({unknown: sum(listed, 'costUnknownCalls'), result: 'maybe'});
    expect(found.tokens).toMatchObject({value: sum(listed, 'totalTokens'), result: 'fail'});
    expect(found.calls.value).toBe(calls);
    expect(found['tokens of a run']).toMatchObject({
      value: Math.max(...runs.map(run => run.totalTokens ?? 0)),
      result: 'ok',
      sampleRunId: runs.find(run => run.totalTokens === Math.max(...runs.map(({totalTokens}) => totalTokens ?? 0)))!
        .runId,
    });
    // Those that failed first.
    expect(rows.map(({result}) => result)).toEqual(rows.map(({result}) => result).sort());
    expect((await check([...asked, '--db', db], {env})).rows).toEqual(rows);
    expect((await check([...asked, '--db', db], {env})).rows).toEqual(rows);
  });

  it('says what is not known, and never takes it for nothing', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const limits = ['--max-cost', '1', '--max-tokens', '1M', '--session', 'http', '--db', db];
    const {code, rows} = await check(limits);
    expect(code).toBe(EXIT.different);
    expect(rows).toMatchObject([
      {rule: 'cost', result: 'maybe', value: null, unknown: 2},
      {rule: 'tokens', result: 'ok'},
    ]);
    expect((await check([...limits, '--on-unknown', 'ok'])).code).toBe(EXIT.done);
    // What is known is too much already.
    expect(resultOf((await check(['--max-cost', '0.01', '--on-unknown', 'ok', '--db', db])).rows)).toEqual({
      cost: 'fail',
    });
  });

  it('holds each limit for each, and lets nothing escape', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const all = await check(['--max-tokens', '1', '--db', db]);
    for (const per of ['agent', 'team', 'workflow', 'user', 'session']) {
      const {rows} = await check(['--max-tokens', '1', '--per', per, '--db', db]);
      expect([per, rows.reduce((sum, row) => sum + row.value, 0)]).toEqual([per, all.rows[0]!.value]);
      expect(new Set(rows.map(({name}) => name)).size).toBe(rows.length);
    }
    // A cut of the rows is no cut of the verdict.
    const cut = await check(['--max-p95', '8s', '--per', 'agent', '--sort=-value', '--limit', '1', '--db', db]);
    expect(cut.rows).toMatchObject([{result: 'ok'}]);
    expect(cut.code).toBe(EXIT.different);
  });
});

describe('check', () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');

  it('of no runs is what --on-empty says, and tells where they are', async () => {
    const nothing = ['--last', '1h', '--max-error-rate', '5%', '--no-loops', '--db', db];
    const {code, rows} = await check(nothing, {nowMicros: Date.parse('2026-12-01') * 1000});
    expect([code, resultOf(rows)]).toEqual([EXIT.done, {'error rate': 'no data', loops: 'no data'}]);
    const said = await cli(['check', ...nothing, '--on-empty', 'fail'], {nowMicros: Date.parse('2026-12-01') * 1000});
    expect(said.code).toBe(EXIT.different);
    expect(said.err).toContain('the newest run began at 2026-11-22');
    // The cells of a table have their units.
    expect(said.out).toMatch(/^RESULT +RULE +OF +VALUE +LIMIT +RUNS +UNKNOWN +SAMPLE +TRACE\n/);
  });

  it.each([
    [[], 'check needs a limit'],
    [['--max-error-rate', '5'], '--max-error-rate "5" is no share'],
    [['--max-error-rate', '200%'], '"200%" is no share'],
    [['--max-p95', '30'], '"30" has no unit'],
    [['--max-cost', 'ten'], '--max-cost "ten" is no amount'],
    [['--max-tokens', '5x'], '--max-tokens "5x" is no number'],
    [['--no-loops', '--per', 'agents'], 'Did you mean agent?'],
    [['--no-loops', '--on-empty', 'maybe'], 'ok, fail'],
  ])('%j is refused before anything is read', async (argv, message) => {
    const {code, err} = await cli(['check', ...argv, '--db', '/nowhere/there.db']);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(message);
  });

  it('writes JUnit in which nothing of the tables is markup', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const {default: Database} = await import('better-sqlite3');
    const written = new Database(file);
    const user = 'a"<b>&\u0001\u001b[31m';
    written
      .prepare(
        `update agno_spans set attributes = json_set(attributes, '$."user.id"', ?) where attributes ->> '$."user.id"' is not null`,
      )
      .run(user);
    written.close();
    const {out, code} = await cli(['check', '--max-tokens', '1', '--per', 'user', '--format', 'junit', '--db', file]);
    expect(code).toBe(EXIT.different);
    expect(out).toContain('name="tokens of a&quot;&lt;b&gt;&amp;');
    expect([...out].filter(char => char < ' ' && char !== '\n')).toEqual([]);
    expect(out.match(/<failure /g)!.length).toBe(Number(/failures="(\d+)"/.exec(out)![1]));
  });
});

describe('the lines of docs/deciding.md for other programs', () => {
  /** A folder with the demo, and the built program under its name. */
  function folderWithDemo(): {folder: string; env: Record<string, string>} {
    const folder = temporaryFolder({isOnDisk: true});
    const bin = path.join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(path.join(bin, 'agno-trace'), `#!/bin/sh\nexec "${process.execPath}" "${BIN}" "$@"\n`);
    chmodSync(path.join(bin, 'agno-trace'), 0o755);
    writeFileSync(path.join(bin, 'pytest'), '#!/bin/sh\nexec agno-trace demo --path agno.db\n');
    chmodSync(path.join(bin, 'pytest'), 0o755);
    return {
      folder,
      env: {PATH: `${bin}:${process.env.PATH}`, HOME: folder, AGNO_TRACE_CACHE: path.join(folder, 'cache')},
    };
  }
  const lines = readFileSync(path.join(ROOT, 'docs/deciding.md'), 'utf8').split('\n');
  const {folder, env} = folderWithDemo();
  const shell = (line: string) => spawnSync('/bin/sh', ['-e', '-c', line], {cwd: folder, env, encoding: 'utf8'});

  it('a workflow fails at the step, with a report', () => {
    const steps = lines.flatMap(line => /^ +run: (.*)$/.exec(line)?.[1] ?? []);
    expect(steps).toHaveLength(2);
    const [tests, checked] = steps.map(shell);
    expect(tests!.status).toBe(EXIT.done);
    expect([checked!.status, checked!.stdout]).toEqual([EXIT.different, '']);
    expect(existsSync(path.join(folder, 'check.xml'))).toBe(true);
    expect(readFileSync(path.join(folder, 'check.xml'), 'utf8')).toMatch(/^<\?xml.*<failure .*<\/testsuites>\n$/s);
  });

  it('cron says what failed', () => {
    const line = lines
      .find(text => text.trim().startsWith('*/15'))!
      .trim()
      .split(/ +/)
      .slice(5)
      .join(' ');
    // The demo was recorded days ago.
    const {status, stdout} = shell(line.replaceAll('--last 1h', '--last 3650d'));
    expect(status).toBe(EXIT.done);
    expect(stdout).toMatch(/^fail +error rate/m);
    expect(stdout).toMatch(/^error .*Weather Agent/m);
  });
});
