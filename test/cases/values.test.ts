import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';

/*
 * Values as people reported them (fixtures/cases/README.md): ids that are numbers, calls without usage, clocks that were set back,
 * failures that are stored as success. Each on both databases.
 */

const BIG = '9223372036854775809';

describe.each(BACKENDS)('on %s', backend => {
  const at = (name: string) => openFixture(backend, `cases/${name}.sqlite`);

  it('ids stored as numbers are found by every command and filter, with their digits', async () => {
    const db = await at('int-user');
    const runIdsOf = async (...argv: string[]) =>
      (await json(['list', ...argv, '--db', db])).data.map((run: {runId: string}) => run.runId.slice(-1));
    expect(await runIdsOf('--user', '12345')).toEqual(['1']);
    expect(await runIdsOf('--session', '4711')).toEqual(['1']);
    expect(await runIdsOf('-q', 'user:1234567890123456789')).toEqual(['3', '2']);
    expect(await runIdsOf('--session', '9007199254740993')).toEqual(['3']);
    const {data} = await json(['list', '--db', db, '--fields', 'userId,sessionId']);
    expect(data).toEqual([
      {userId: '1234567890123456789', sessionId: '9007199254740993'},
      {userId: '1234567890123456789', sessionId: 's2'},
      {userId: '12345', sessionId: '4711'},
    ]);
    for (const id of ['4711', '9007199254740993', '90071992']) {
      const shown = await json(['show', id, '--db', db]);
      expect(shown.data.runs).toHaveLength(1);
      for (const argv of [
        ['transcript', id],
        ['wait', id, '--timeout', '5m'],
        ['export', id],
      ])
        expect({argv, ...(await cli([...argv, '--db', db]))}).toMatchObject({code: 0});
    }
    const usage = await json(['usage', '--by', 'user', '--user', '12345', '--db', db]);
    expect(usage.data).toMatchObject([{name: '12345', calls: 1}]);
    const session = await json(['sessions', '--session', '9007199254740993', '--db', db]);
    expect(session.data).toMatchObject([{session: '9007199254740993', runs: 1}]);
  });

  it('calls that answered without usage have no price, which is not none', async () => {
    const db = await at('no-usage');
    const {data} = await json(['list', '--db', db]);
    expect(data).toMatchObject([
      {name: 'Half Agent', totalTokens: 120, costUsd: null, costUnknownCalls: 1},
      {name: 'Azure Agent', totalTokens: null, costUsd: null, costUnknownCalls: 2},
    ]);
    expect((await json(['usage', '--db', db])).data).toMatchObject([{calls: 4, unpricedCalls: 3, totalTokens: 120}]);
  });

  it('MCP tools that failed are failures, though they are stored OK', async () => {
    const db = await at('mcp-tool-error');
    expect((await json(['list', '--db', db])).data).toMatchObject([{state: 'degraded', errorCount: 2}]);
    expect((await json(['tools', '--db', db])).data).toMatchObject([{tool: 'search', calls: 2, failed: 2}]);
    const {data} = await json(['errors', '--db', db]);
    expect(data.map((row: {message: string}) => row.message.slice(0, 28)).sort()).toEqual([
      "Error from MCP tool 'search'",
      "MCP tool 'search' failed: Ti",
    ]);
    expect((await json(['list', '-q', 'error:"failed: Ti"', '--db', db])).data).toHaveLength(1);
    expect((await json(['list', '-q', 'error:"nothing of it"', '--db', db])).data).toEqual([]);
  });

  it('a span that ends before it starts took nobody knows how long', async () => {
    const db = await at('negative-duration');
    const {data} = await json(['list', '--db', db]);
    expect(data.map((run: {durationMs: number | null}) => run.durationMs)).toEqual([2000, null]);
    expect(data[1].stateReason).toBe('finished');
    expect((await json(['tools', '--db', db])).data).toMatchObject([{calls: 1, avgMs: null, totalMs: null}]);
    expect((await json(['stats', '--db', db])).data[0]).toMatchObject({runs: 2, p50Ms: 2000, maxMs: 2000});
    const slowest = (await json(['slowest', '--db', db])).data;
    expect(slowest).toContainEqual(
      expect.objectContaining({name: 'Clock_Agent.run', calls: 2, avgMs: 2000, maxMs: 2000}),
    );
    expect(slowest).toContainEqual(expect.objectContaining({name: 'sleepy', calls: 1, avgMs: null}));
    const {findings} = (await json(['doctor', '--db', db])).data;
    expect(findings).toContainEqual(expect.objectContaining({id: 'ends-before-start', count: 2}));
  });

  it('prompt tokens hold the cached ones, whatever their provider leaves out', async () => {
    const db = await at('anthropic-cache');
    const {data} = await json(['list', '--db', db]);
    expect(data).toMatchObject([
      {promptTokens: 1210, grossPromptTokens: 1210, totalTokens: 1215, grossPromptEstimated: false},
      {
        promptTokens: 10,
        grossPromptTokens: 1210,
        cacheWriteTokens: 200,
        totalTokens: 1215,
        grossPromptEstimated: false,
      },
    ]);
    expect((await json(['usage', '--by', 'day', '--db', db])).data).toMatchObject([
      {promptTokens: 1220, grossPromptTokens: 2420, totalTokens: 2430, estimatedCalls: 0},
    ]);
    expect((await json(['list', '-q', 'tokens:>1000', '--db', db])).data).toHaveLength(2);
    // 1,000 of 1,210 were read at $0.30 instead of $3 a million, which saves $0.0027; in one call 200 were written, which cost
    // $3.75 instead of $3.
    for (const argv of [
      ['models'],
      ['usage'],
      ['models', '--every', '1d', '--last', '9000d'],
      ['usage', '--by', 'user'],
    ]) {
      const {data: rows} = await json([...argv, '--sort', 'savedUsd', '--db', db]);
      const saved = argv.includes('user') ? [0.00525] : [0.0027, 0.00255];
      expect(rows.map((row: {savedUsd: number}) => row.savedUsd)).toEqual(saved);
      for (const row of rows) expect(row.cacheHitRate).toBeCloseTo(1000 / 1210, 12);
    }
    expect((await json(['stats', '--db', db])).data[0]).toMatchObject({cacheHitRate: 2000 / 2420, savedUsd: 0.00525});
    for (const [query, runs] of [
      ['cached:>82%', 2],
      ['cached:>83%', 0],
      ['cached:1k', 2],
      ['cached:>1k', 0],
    ] as const) {
      expect((await json(['list', '-q', query, '--db', db])).data, query).toHaveLength(runs);
      expect((await json(['spans', '-q', query, '--db', db])).data, query).toHaveLength(runs);
    }
  });

  it('a cache that a call used without a known price saved an unknown amount, one that none used saved nothing', async () => {
    const {data} = await json([
      'models',
      '--sort',
      'model',
      '--db',
      await openFixture(backend, 'truth/providers.sqlite'),
    ]);
    const rows = data.map((row: Record<string, unknown>) => [row.model, row.cacheHitRate, row.savedUsd]);
    expect(rows).toEqual([
      ['claude-down', null, null],
      ['claude-x', 384 / 17136, null],
      ['gemini-x', 0, 0],
    ]);
  });

  it('a retry asks the same model again after it failed, which another model in its place does not', async () => {
    const db = await openFixture(backend, 'truth/fallback_retry_cache.sqlite');
    const {data} = await json(['list', '-q', 'retries:>0', '--sort', 'started', '--db', db]);
    expect(data.map((run: Record<string, unknown>) => [run.sessionId, run.retryCount])).toEqual([
      ['s-ret3', 1],
      ['s-ret2-stream', 1],
      ['s-ret-stream', 2],
      ['s-ret', 2],
    ]);
    expect((await json(['list', '-q', 'retries:2', '--db', db])).data).toHaveLength(2);
    expect((await json(['spans', '-q', 'kind:agent retries:2', '--db', db])).data).toHaveLength(2);
  });

  it('text is readable, however it was escaped', async () => {
    const db = await at('unicode');
    const shown = (await cli(['show', 'latest', '--db', db])).out;
    expect(shown).toContain('查询天气(城市="北京")');
    expect(shown).toContain('{"天气":"晴","temp":21}');
    expect((await cli(['transcript', 'latest', '--db', db])).out).toContain('"天气": "晴"');
    expect((await json(['list', '--user', 'Zoë', '--db', db])).data).toHaveLength(1);
    expect((await json(['grep', '晴', '--db', db])).data).not.toEqual([]);
  });

  it('of a run without spans it is said what is known', async () => {
    const db = await at('trace-without-spans');
    const id = '77777777-0000-4000-8000-000000000000';
    const shown = await cli(['show', id, '--db', db]);
    expect(shown).toMatchObject({code: 3});
    expect(shown.err).toContain('is known, but none of its spans is stored');
    expect(shown.err).toContain('COMPLETED');
    const waited = await cli(['wait', id, '--timeout', '1s', '--db', db]);
    expect(waited).toMatchObject({code: 6});
    expect(waited.err).toContain('is known, but none of its spans is stored');
  });

  it('doctor says when runs are written and traces are not', async () => {
    const db = await at('runs-without-traces');
    const {findings} = (await json(['doctor', '--db', db])).data;
    const found = findings.find((one: {id: string}) => one.id === 'runs-without-traces');
    expect(found).toMatchObject({severity: 'warning', count: 7});
    expect(found.text).toMatch(/tracing has stopped writing.*provider/);
  });

  it('figures that nobody can have counted stop no command, and ids keep their digits', async () => {
    const db = await at('fuzz-bigint');
    const ids = ['--run', '--session', '--user', '--agent', '--team', '--model'];
    const commands = [
      ...['list', 'stats', 'usage', 'models', 'tools', 'errors', 'sessions', 'users', 'agents', 'teams', 'workflows'],
      ...[
        'steps',
        'where',
        'delegations',
        'retrievals',
        'loops',
        'slowest',
        'doctor',
        `show ${BIG}`,
        `transcript ${BIG}`,
      ],
      ...['list --traffic', 'list --sort tokens', 'list --sort cost', 'usage --by session', `grep ${BIG}`],
    ].map(words => words.split(' '));
    for (const argv of commands)
      expect({argv, ...(await cli([...argv, '--json', '--db', db]))}).toMatchObject({argv, code: 0});
    expect(await cli(['export', BIG, '--db', db])).toMatchObject({code: 0});
    for (const flag of ids)
      expect({flag, found: (await json(['list', flag, BIG, '--db', db])).data.length > 0}).toEqual({flag, found: true});
    const {data} = await json(['list', '-n', '0', '--db', db]);
    expect(data).toHaveLength(27);
    for (const run of data) expect(run.totalTokens ?? 0).toBeLessThan(1e6);
    const {findings} = (await json(['doctor', '--db', db])).data;
    expect(findings).toContainEqual(expect.objectContaining({id: 'figures-left-out', severity: 'warning'}));
  });

  it('doctor names counts of tokens that nobody can believe', async () => {
    const file = sqliteCopy('cases/anthropic-cache.sqlite');
    const db = new Database(file);
    const set = (name: string, key: string, value: number) =>
      db
        .prepare(
          `update agno_spans set attributes = json_set(attributes, '$."llm.token_count.${key}"', ?) where name = ?`,
        )
        .run(value, name);
    const found = async () => {
      const url = backend === 'sqlite' ? file : await loadIntoPostgres(file);
      const {findings} = (await json(['doctor', '--db', url])).data;
      return findings.find((one: {id: string}) => one.id === 'figures-doubtful');
    };
    expect(await found()).toMatchObject({severity: 'ok', count: 0});
    set('LiteLLM.invoke', 'prompt', 30_000_000);
    set('Claude.invoke', 'total', 14);
    db.close();
    const finding = await found();
    expect(finding).toMatchObject({severity: 'warning', count: 2});
    expect(finding.text).toMatch(
      /10 tokens in and 5 out, in all 14|a prompt of 30000000 tokens to a model that takes \d+/,
    );
  });

  it('errors and reasons show no key, and the facts hold none', async () => {
    const db = await openFixture(backend, 'truth/exceptions_out.sqlite');
    for (const argv of [['list', '-n', '0'], ['errors'], ['show', 'c01af754'], ['transcript', 'c01af754']]) {
      const {out} = await cli([...argv, '--json', '--db', db]);
      expect({argv, hasKey: out.includes('sk-abcdef')}).toEqual({argv, hasKey: false});
      expect(out).toContain('Incorrect API key provided: [redacted:openai-key]');
    }
  });
});

describe('prompt tokens whose form the call does not tell', () => {
  /** The database of real Claude calls, changed; what its calls of 3816 and 128 + 64 cached ones come to. */
  const grossAfter = async (backend: (typeof BACKENDS)[number], statement: string) => {
    const file = sqliteCopy('truth/providers.sqlite');
    const db = new Database(file);
    db.exec(statement);
    db.close();
    const url = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const {data} = await json(['list', '-n', '0', '--agent', 'cl', '--db', url]);
    const usage = (await json(['models', '--db', url])).data.find((row: {model: string}) => row.model === 'claude-x');
    return {
      gross: data.map((run: {grossPromptTokens: number}) => run.grossPromptTokens),
      estimated: data.map((run: {grossPromptEstimated: boolean}) => run.grossPromptEstimated),
      sum: [usage.grossPromptTokens, usage.estimatedCalls],
    };
  };
  const TOLD = "name = 'anthropic.messages.create'";
  const FIRST = "start_time < '2026-11-30T04:49:12.1'";

  it.each(BACKENDS)('is told by the client below, by other calls of the day, or estimated (%s)', async backend => {
    const net = {gross: [5255, 4550, 7331], sum: [17136, 0]};
    expect(await grossAfter(backend, 'select 1')).toEqual({...net, estimated: [false, false, false]});
    // One client's span is left: it speaks for all calls of that day.
    const one = `delete from agno_spans where ${TOLD} and not ${FIRST}`;
    expect(await grossAfter(backend, one)).toEqual({...net, estimated: [false, false, false]});
    const none = `delete from agno_spans where ${TOLD}`;
    expect(await grossAfter(backend, none)).toEqual({...net, estimated: [true, true, true], sum: [17136, 3]});
    // Agno as it will be: the client's figure is the stored one.
    const gross = `update agno_spans set attributes = json_set(attributes, '$."gen_ai.usage.input_tokens"', 3816) where ${TOLD} and json_extract(attributes, '$."gen_ai.usage.input_tokens"') = 4008; delete from agno_spans where ${TOLD} and not ${FIRST}`;
    expect(await grossAfter(backend, gross)).toEqual({
      gross: [5063, 4358, 7139],
      estimated: [false, false, false],
      sum: [16560, 0],
    });
  });
});

it('the file of the facts holds no key', async () => {
  const db = sqliteCopy('truth/exceptions_out.sqlite');
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const {data} = await json(['facts', 'status', '--db', db], {env});
  await json(['errors', '--db', db], {env});
  const kept = new Database(data[0].path, {readonly: true});
  const texts = kept
    .prepare("select group_concat(coalesce(error, '') || coalesce(error_shape, '')) from span_facts")
    .pluck();
  expect(texts.get()).not.toContain('sk-abcdef');
  kept.close();
});
