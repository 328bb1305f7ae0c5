import Database from 'better-sqlite3';
import {beforeAll, describe, expect, it} from 'vitest';
import {errorShape} from '../../src/facts/error-shape.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, fixture, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {IS_LONG} from '../long.ts';

const FIXTURES = ['3.1.10-pictures', '3.1.10-shop', '2.9.0-pictures', '2.9.0-shop'];
const KINDS = ['agent', 'team', 'workflow'] as const;
const GROUPS = ['user', 'session'] as const;

// biome-ignore lint/suspicious/noExplicitAny: rows of whatever the question has
type Row = Record<string, any>;

const sum = (rows: readonly Row[], of: (row: Row) => number | null) =>
  rows.reduce((total, row) => total + (of(row) ?? 0), 0);

/** Interpolated as Postgres' percentile_cont, from the values themselves. */
function percentile(values: readonly number[], fraction: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const place = fraction * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return low + (high - low) * (place - Math.floor(place));
}

/**
 * Runs of `list`, the parts of one that paused as one: how it ended stands in the last of them. What goes on with a run that
 * began inside another one belongs to the run of its session that it began in.
 * @param inner ids of runs inside others
 */
function wholeRuns(listed: readonly Row[], inner: ReadonlySet<string>): Row[] {
  const runs: Row[] = [];
  const byId = new Map<string, Row>();
  for (const run of [...listed].reverse()) {
    if (run.part || run.traffic) continue;
    if (inner.has(run.runId)) {
      const around = runs.findLast(({sessionId}) => sessionId === run.sessionId);
      if (around) around.durationMs += run.durationMs;
      continue;
    }
    const begun = run.runId === null ? undefined : byId.get(run.runId);
    if (begun) {
      begun.state = run.state;
      begun.durationMs += run.durationMs;
      continue;
    }
    const copy = {...run};
    runs.push(copy);
    if (run.runId !== null) byId.set(run.runId, copy);
  }
  return runs;
}

describe.each(FIXTURES)('questions over many runs agree with what list and the tables say, on %s', name => {
  const file = sqliteCopy(`agno-${name}.sqlite`);
  const rows = (sql: string) => {
    const db = new Database(file, {readonly: true});
    const found = db.prepare(sql).all() as Row[];
    db.close();
    return found;
  };
  // Kept from question to question; over-runs.test.ts holds them to those that are made on the spot.
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const ask = async (...argv: string[]): Promise<Row[]> =>
    (await json([...argv, '--limit', '0', '--db', file], {env})).data;

  const inner = async (listed: readonly Row[]) => {
    const tops = new Set(listed.map(run => run.spanId));
    const spans = rows(`select span_id, attributes ->> '$."agno.run.id"' as id from agno_spans where id is not null`);
    return new Set(spans.filter(span => !tops.has(span.span_id)).map(span => span.id));
  };

  it('tools', async () => {
    const stored = rows(`
      select attributes ->> '$."tool.name"' as tool, start_time, end_time, status_code, attributes ->> '$."output.value"' as output
        from agno_spans where attributes ->> '$."openinference.span.kind"' = 'TOOL'`);
    const answer = await ask('tools');
    expect(answer.map(row => row.tool).sort()).toEqual([...new Set(stored.map(row => row.tool))].sort());
    for (const row of answer) {
      const calls = stored.filter(({tool}) => tool === row.tool);
      const micros = (text: string) =>
        Date.parse(`${text.slice(0, 19)}Z`) * 1000 + Number(text.slice(20, 26).padEnd(6, '0'));
      const times = calls.map(call => (micros(call.end_time) - micros(call.start_time)) / 1000);
      expect(row.calls).toBe(calls.length);
      expect(row.failed).toBe(calls.filter(call => call.status_code === 'ERROR').length);
      expect(row.totalMs).toBeCloseTo(
        times.reduce((a, b) => a + b, 0),
        3,
      );
      expect(row.avgMs).toBeCloseTo(row.totalMs / calls.length, 6);
      expect(row.p50Ms).toBeCloseTo(percentile(times, 0.5)!, 3);
      expect(row.p95Ms).toBeCloseTo(percentile(times, 0.95)!, 3);
      expect(row.maxMs).toBeCloseTo(Math.max(...times), 3);
      const sizes = calls.flatMap(({output}) => (output === null ? [] : [[...String(output)].length]));
      if (sizes.length > 0) expect(row.avgOutputChars).toBeCloseTo(sizes.reduce((a, b) => a + b, 0) / sizes.length, 6);
    }
  });

  it('models', async () => {
    const stored = rows(`
      select attributes ->> '$."llm.model_name"' as model, count(*) as calls,
             sum(attributes ->> '$."llm.token_count.prompt"') as prompt, sum(attributes ->> '$."llm.token_count.completion"') as completion,
             sum(coalesce(attributes ->> '$."llm.token_count.total"', attributes ->> '$."llm.token_count.prompt"' + attributes ->> '$."llm.token_count.completion"')) as total, sum(status_code = 'ERROR') as errors
        from agno_spans where attributes ->> '$."openinference.span.kind"' = 'LLM' group by 1 order by 1`);
    const answer = await ask('models', '--sort', 'model');
    expect(
      answer.map(row => [row.model, row.calls, row.promptTokens, row.completionTokens, row.totalTokens, row.errors]),
    ).toEqual(stored.map(row => [row.model, row.calls, row.prompt, row.completion, row.total, row.errors]));
  });

  it('retries of models and tools are those of the runs', async () => {
    const listed: Row[] = (await json(['list', '--parts', '--limit', '0', '--db', file])).data;
    const retries = sum([...(await ask('models')), ...(await ask('tools'))], row => row.retries);
    expect(sum(listed, run => run.retryCount)).toBe(retries);
    expect(retries).toBeGreaterThan(0);
  });

  it('usage, by whatever, adds up to the runs', async () => {
    const listed: Row[] = (await json(['list', '--parts', '--limit', '0', '--db', file])).data;
    const tokens = sum(listed, run => run.totalTokens);
    const cost = sum(listed, run => sum(run.costs, ({costUsd}) => costUsd));
    for (const by of ['model', 'provider', 'agent', 'team', 'workflow', 'step', 'user', 'session', 'day']) {
      const answer = await ask('usage', '--by', by);
      expect([by, sum(answer, row => row.totalTokens)]).toEqual([by, tokens]);
      expect(sum(answer, row => row.costUsd)).toBeCloseTo(cost, 9);
      if (cost > 0) expect(sum(answer, row => row.costShare)).toBeCloseTo(1, 9);
    }
    for (const by of GROUPS) {
      const answer = await ask('usage', '--by', by);
      for (const row of answer)
        expect([row.name, row.totalTokens ?? 0]).toEqual([
          row.name,
          sum(
            listed.filter(run => run[`${by}Id`] === row.name),
            run => run.totalTokens,
          ),
        ]);
    }
  });

  it('stats', async () => {
    const listed: Row[] = (await json(['list', '--parts', '--limit', '0', '--traffic', '--db', file])).data;
    const runs = wholeRuns(listed, await inner(listed));
    const answer = await ask('stats');
    const section = (of: string) => answer.filter(row => row.section === of);
    const check = (row: Row, some: readonly Row[]) => {
      const times = some.flatMap(run => (run.missing || run.durationMs === null ? [] : [run.durationMs]));
      expect([row.name, row.runs, row.failed]).toEqual([
        row.name,
        some.length,
        some.filter(run => run.state === 'error').length,
      ]);
      expect(row.degraded).toBe(some.filter(run => run.state === 'degraded').length);
      expect(row.errorShare).toBeCloseTo(row.failed / some.length, 9);
      if (times.length > 0) expect(row.p95Ms).toBeCloseTo(percentile(times, 0.95)!, 3);
    };
    const [all] = section('all');
    check(all!, runs);
    expect(all!.spans).toBe(rows('select count(*) as n from agno_spans')[0]!.n);
    expect(all!.totalTokens).toBe(sum(listed, run => run.totalTokens));
    expect(
      section('state')
        .map(row => row.name)
        .sort(),
    ).toEqual([...new Set(runs.map(run => run.state))].sort());
    for (const row of section('state'))
      check(
        row,
        runs.filter(run => run.state === row.name),
      );
    for (const kind of KINDS) {
      const own = runs.filter(run => run.kind === kind);
      expect(sum(section(kind), row => row.runs)).toBe(own.length);
      for (const row of section(kind))
        check(
          row,
          own.filter(run => run.name === row.name),
        );
    }
    const apart = Object.fromEntries(section('apart').map(row => [row.name, row.runs]));
    expect(apart.traffic ?? 0).toBe(listed.filter(run => run.traffic).length);
    expect(apart.parts ?? 0).toBe(listed.filter(run => run.part).length);
  });

  it('errors: each failure once, the share of the runs, and how these ended', async () => {
    const listed: Row[] = (await json(['list', '--parts', '--limit', '0', '--db', file])).data;
    const runs = wholeRuns(listed, await inner(listed));
    const answer = await ask('errors');
    const failedTools = rows(`
      select name, status_message as message, trace_id from agno_spans
       where attributes ->> '$."openinference.span.kind"' = 'TOOL' and status_code = 'ERROR'`);
    const tools = answer.filter(row => row.kind === 'tool');
    expect(sum(tools, row => row.count)).toBe(failedTools.length);
    for (const row of answer) expect(row.runShare).toBeCloseTo(row.runs / runs.length, 9);
    // Whatever ended in error has a cause, and a sample leads to a run that is there.
    const failedRuns = runs.filter(run => run.state === 'error');
    expect(sum(answer, row => row.fatalRuns)).toBeGreaterThanOrEqual(failedRuns.length);
    const ids = new Set(listed.map(run => run.traceId));
    expect(answer.filter(row => !ids.has(row.sampleTraceId))).toEqual([]);
  });

  it('split by time the parts add up, the oldest first, and a limit keeps the newest', async () => {
    for (const [question, figure] of [
      ['tools', 'calls'],
      ['models', 'totalTokens'],
      ['usage', 'totalTokens'],
      ['errors', 'count'],
    ] as const) {
      const whole = await ask(question);
      const split = await ask(question, '--every', '1m');
      expect(sum(split, row => row[figure])).toBe(sum(whole, row => row[figure]));
      expect(split.map(row => row.time)).toEqual(split.map(row => row.time).sort());
      expect(split.every(row => /:00\.000000Z$/.test(row.time))).toBe(true);
      const {data, notes} = await json([question, '--every', '1m', '--limit', '2', '--db', file], {env});
      expect(data.map((row: Row) => row.time)).toEqual(split.slice(-data.length).map(row => row.time));
      if (split.length > 2) expect(notes.join(' ')).toContain(`2 of ${split.length} rows`);
    }
  });
});

describe.each(BACKENDS)('slowest from kept facts on %s', backend => {
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const databases = new Map<string, string>();
  beforeAll(async () => {
    for (const name of ['3.1.10-pictures', '2.9.0-pictures']) {
      const db = await sharedFixture(backend, `agno-${name}.sqlite`);
      databases.set(name, db);
      await json(['tools', '--db', db], {env});
    }
  });

  it.each(['name', 'kind', 'tool', 'model', 'agent', 'team', 'workflow', 'step'])(
    'by %s is what the tables say',
    async by => {
      for (const [i, name] of ['3.1.10-pictures', '2.9.0-pictures'].entries()) {
        const db = databases.get(name)!;
        const lines = [
          ['--limit', '0'],
          ['--sort', 'p95Ms'],
          ['--sort', 'totalMs', '--limit', '3'],
          ['--since', '2026-11-22T14:13:20', '--sort=-calls', '--limit', '4'],
        ];
        // Each of them on both databases and of both writers, in the long suite all of it.
        for (const argv of lines.filter((_, j) => IS_LONG || (i + j + BACKENDS.indexOf(backend)) % 2 === 0)) {
          const line = ['slowest', '--by', by, '--db', db, ...argv];
          const kept = await json(line, {env});
          expect(kept.notes).toContain('from kept facts');
          const direct = await json(line);
          expect(direct.notes).not.toContain('from kept facts');
          expect(kept.data).toEqual(direct.data);
        }
      }
    },
  );
});

it('slowest reads the tables where a filter asks for runs, or the facts hold another window', async () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  await json(['tools', '--db', db, '--until', '2026-11-22'], {env});
  expect((await json(['slowest', '--db', db], {env})).notes).not.toContain('from kept facts');
  await json(['tools', '--db', db], {env});
  expect((await json(['slowest', '--db', db], {env})).notes).toContain('from kept facts');
  expect((await json(['slowest', '--db', db, '--session', 'tool-error'], {env})).notes).not.toContain(
    'from kept facts',
  );
});

it('a cause is new when it was first seen since, and nobody can tell where the answer reaches no further back', async () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const nowMicros = Date.parse('2026-11-22T14:15:00Z') * 1000;
  const isNew = async (...argv: string[]) =>
    new Map(
      (await json(['errors', '--limit', '0', '--db', db, ...argv], {nowMicros})).data.map((row: Row) => [
        `${row.kind} ${row.name} ${row.message}`,
        row.isNew,
      ]),
    );
  const all = await isNew('--new-since', '70s');
  expect(all.get('llm offline The engine is currently overloaded, please try again later')).toBe(true);
  expect(all.get('tool flaky_inventory inventory service refused the connection for A-113')).toBe(false);
  expect(new Set((await isNew()).values())).toEqual(new Set([null]));
  expect(new Set((await isNew('--since', '2026-11-22T14:13:55', '--new-since', '70s')).values())).toEqual(
    new Set([null]),
  );
});

describe('the shape of an error', () => {
  it.each([
    ['Timeout after 30s calling https://api.example.com/v1/orders/4711?x=1', 'Timeout after <n>s calling <url>'],
    ["KeyError: 'sku_99'", 'KeyError: <value>'],
    ["can't open file 'x.txt': it's gone", "can't open file <value>: it's gone"],
    [
      'user 3f2504e0-4f89-11d3-9a0c-0305e82c3301 unknown at 2026-11-22T14:12:49.123456+00:00',
      'user <id> unknown at <time>',
    ],
    ['object at 0x7f3abc', 'object at <id>'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED <n>'],
    ['used 4.5MB of 10 MB, 95%', 'used <n>MB of <n> MB, <n>%'],
    ['call_7f3a9c failed', '<id> failed'],
    ['-12.5 out of range', '<n> out of range'],
    ['blocked before the first model call', 'blocked before the first model call'],
  ])('of %s', (text, shape) => expect(errorShape(text)).toBe(shape));

  it('keeps what is the cause: codes, and the sentence that a provider packs into its answer', () => {
    const packed = (code: number, text: string) =>
      errorShape(`Error code: ${code} - {"error": {"message": "${text}"}}`);
    expect(packed(429, 'Rate limit reached for org-1')).toBe(packed(429, 'Rate limit reached for org-2'));
    expect(packed(429, 'Rate limit reached for org-1')).not.toBe(packed(500, 'Rate limit reached for org-1'));
    expect(packed(400, 'Context is too long')).not.toBe(packed(400, 'Tool call is malformed'));
  });

  // What tries every way to part these would never end.
  it('ends on a long hostile text', () => {
    for (const text of [
      '1'.repeat(200),
      `${'a-'.repeat(99)}1`,
      `${"'".repeat(199)}`,
      `${'{"'.repeat(99)}`,
      '0x'.repeat(99),
    ]) {
      expect(errorShape(text)).toBeTypeOf('string');
    }
  });
});

describe('--print-sql of a question', () => {
  it('prints each shape once, and the statement over the facts runs as it stands', async () => {
    const file = sqliteCopy('agno-3.1.10-shop.sqlite');
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const printed = await cli(['tools', '--print-sql', '-q', 'agent:billing*', '--db', file], {env});
    expect(printed.code).toBe(0);
    const [sent, then] = printed.out.split('-- then, in agno-trace: ') as [string, string];
    expect(sent).toMatch(/^-- and \d+ more that differ only in their values$/m);
    expect(sent.match(/^select /gm)!.length).toBeLessThan(40);
    const path = /kept as facts in (\S+),/.exec(then)![1]!;
    const db = new Database(path, {readonly: true});
    const statements = then
      .split('\n')
      .slice(1)
      .map(line => line.replace(/^-- {3}/, ''))
      .join('\n')
      .split(/;\n|;$/)
      .filter(text => text.trim() !== '');
    for (const statement of statements.slice(0, -1)) db.exec(statement);
    const found = db.prepare(statements.at(-1)!).all() as Row[];
    db.close();
    const {data} = await json(['tools', '-q', 'agent:billing*', '--db', file], {env});
    expect(found.map(row => [row.tool, row.calls, row.p95Ms])).toEqual(
      data.map((row: Row) => [row.tool, row.calls, row.p95Ms]),
    );
    expect(data.length).toBeGreaterThan(2);
  });
});

describe('errors of what continued a run', () => {
  it('are counted with their run where its beginning is not among what is asked of', async () => {
    const db = sqliteCopy('truth/hitl_kinds.sqlite');
    const written = new Database(db);
    const fail = (session: string, from: string, names: string, message: string) =>
      written
        .prepare(
          `update agno_spans set status_code = 'ERROR', status_message = ?
            where trace_id in (select trace_id from agno_traces where session_id = ?) and start_time >= ? and name in (${names})`,
        )
        .run(message, session, from);
    fail('s-confirm', '2026-11-30T04:48:31.39', "'OpenAIChat.invoke', 'Hitl_h1.continue_run'", 'the wire broke');
    // Its second part went on, its third failed.
    fail('s-twice', '2026-11-30T04:48:32.86', "'OpenAIChat.invoke', 'Hitl_h5.continue_run'", 'the wire broke');
    fail('s-twice', '2026-11-30T04:48:32.72', "'danger'", 'no such table');
    written.close();
    const asked = async (...argv: string[]) =>
      (await json(['errors', '--db', db, '--sort', 'shape', ...argv])).data.map((row: Row) => [
        row.shape,
        row.count,
        row.runs,
        row.fatalRuns,
        row.runShare,
      ]);
    const ofTwice = [
      ['no such table', 2, 1, 1, 1],
      ['the wire broke', 1, 1, 1, 1],
    ];
    expect(await asked('--session', 's-twice')).toEqual(ofTwice);
    const inTheMiddle = '2026-11-30T04:48:32.650000Z';
    expect(await asked('--session', 's-twice', '--since', inTheMiddle)).toEqual(ofTwice);
    const ofConfirm = [['the wire broke', 1, 1, 1, 1]];
    expect(await asked('--session', 's-confirm')).toEqual(ofConfirm);
    expect(await asked('--session', 's-confirm', '--state', 'error')).toEqual(ofConfirm);
  });
});

describe('questions on a terminal', () => {
  const file = fixture('agno-3.1.10-shop.sqlite');
  const questions = [
    ['tools'],
    ['models'],
    ['errors'],
    ['usage', '--by', 'agent'],
    ['retrievals'],
    ['stats'],
    ['stats', '--every', '1m'],
    ['tools', '--every', '1m'],
    ['usage', '--every', '1d'],
  ];

  it.each([60, 80, 200].flatMap(columns => questions.map(argv => ({columns, argv}))))(
    '$argv fit $columns columns',
    async ({columns, argv}) => {
      const {code, out} = await cli([...argv, '--no-color', '--ascii', '--db', file], {columns});
      expect(code).toBe(0);
      // What is to be typed is left to the terminal to break, so that it can be copied whole.
      const drawn = out.split('\n').filter(line => !line.startsWith('next: '));
      expect(drawn.filter(line => [...line].length > columns)).toEqual([]);
    },
  );

  it('draw with ASCII alone when asked to, and with blocks otherwise', async () => {
    const drawn = await cli(['stats', '--every', '1m', '--no-color', '--db', file], {columns: 100});
    expect(drawn.out).toMatch(/[▁▂▃▄▅▆▇█]/);
    const plain = await cli(['stats', '--every', '1m', '--no-color', '--ascii', '--db', file], {columns: 100});
    expect(plain.out).not.toMatch(/[▁▂▃▄▅▆▇█│]/);
    expect((await cli(['tools', '--no-color', '--db', file], {columns: 200})).out).toMatch(/CALLS OVER TIME/);
    expect((await cli(['tools', '--db', file])).out).not.toMatch(/OVER TIME|[▁▂▃▄▅▆▇█]/);
  });

  it('refuse what they cannot mean', async () => {
    const wrong = async (...argv: string[]) => {
      const {code, err} = await cli([...argv, '--db', file]);
      expect(code).toBe(2);
      return err;
    };
    expect(await wrong('tools', '--every', '5')).toContain('"5"');
    expect(await wrong('tools', '--every', '1s')).toContain('"1s"');
    expect(await wrong('usage', '--by', 'modell')).toContain('Did you mean model?');
    expect(await wrong('errors', '--new-since', 'often')).toContain('--new-since "often"');
    expect(await wrong('tools', '--sort', 'time')).toContain('"time"');
    expect(await wrong('models', '--fields', 'costs', '--json')).toContain('costUsd');
  });

  it('weeks begin on Mondays', async () => {
    const {data} = await json(['tools', '--every', '1w', '--db', file]);
    expect(new Set(data.map((row: Row) => row.time))).toEqual(new Set(['2026-11-16T00:00:00.000000Z']));
  });
});
