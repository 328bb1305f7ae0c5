import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

async function casesOf(...argv: string[]) {
  const {code, out, err} = await cli(['export', '--format', 'cases', ...argv]);
  expect(code).toBe(0);
  return {
    err,
    cases: out
      .trim()
      .split('\n')
      .map(line => JSON.parse(line)),
  };
}

describe.each(BACKENDS)('export --format cases on %s', async backend => {
  const db = await sharedFixture(backend, FIXTURE);

  it('holds a run with tools that failed', async () => {
    const {cases} = await casesOf('tool-error', '--db', db);
    const failed = {
      name: 'flaky_inventory',
      arguments: {sku: 'A-113'},
      result: null,
      error: 'inventory service refused the connection for A-113',
      state: 'error',
      ran: true,
      who: 'Billing Agent',
    };
    expect(cases).toEqual([
      {
        id: '078e10f3ead8220bd15cea1da0ea364e:6f1caa1bccc6620e',
        runId: '7ee45c18-4ebb-4ad8-ba99-175b11cc1d02',
        traceId: '078e10f3ead8220bd15cea1da0ea364e',
        spanId: '6f1caa1bccc6620e',
        input: 'Stock for A-113 looks broken, check it',
        context: [],
        output: expect.stringMatching(/^The customer ordered two units on the third .* later than promised\.$/),
        expectedOutput: null,
        toolCalls: [
          {...failed, callId: 'call_3_0', spanId: '1b300a14027e5f42', durationMs: 67.1},
          {...failed, callId: 'call_4_0', spanId: '2ebd5e7481ab1ac1', durationMs: 61.37},
        ],
        metadata: {
          name: 'Billing Agent',
          kind: 'agent',
          agentId: 'billing-agent',
          teamId: null,
          workflowId: null,
          userId: 'user-1',
          sessionId: 'tool-error',
          model: 'gpt-5.5',
          provider: 'OpenAI',
          models: ['gpt-5.5'],
          state: 'degraded',
          stateReason: 'flaky_inventory failed 2×; the run continued',
          startTime: '2026-11-22T14:12:51.592521Z',
          endTime: '2026-11-22T14:12:54.088628Z',
          durationMs: 2496.107,
          promptTokens: 1002,
          completionTokens: 102,
          cachedTokens: 448,
          totalTokens: 1104,
          costUsd: 0.006054,
          costSource: 'library',
          errorCount: 2,
          retryCount: 1,
          parts: 1,
        },
      },
    ]);
  });

  it('holds a team with the calls of its members, a pause with its continuation, documents and history', async () => {
    const {cases, err} = await casesOf('--all', '--db', db);
    // biome-ignore lint/suspicious/noExplicitAny: a case as it was written
    const of = (session: string): any => cases.find(({metadata}) => metadata.sessionId === session);
    const team = of('team');
    expect([team.input, team.metadata.name, team.metadata.totalTokens]).toEqual([
      'delegate the refund and the comparison',
      'Support Team',
      7507,
    ]);
    expect(team.toolCalls.map(({who, name, arguments: given}: {[key: string]: unknown}) => [who, name, given])).toEqual(
      [
        ['Support Team', 'delegate_task_to_member', {member_id: 'billing-agent', task: 'refund order 4417'}],
        ['Billing Agent', 'lookup_order', {order_id: '4417'}],
        ['Billing Agent', 'courier_status', {tracking: 'CH-90211'}],
        ['Billing Agent', 'issue_refund', {order_id: '4417', amount: 89.5}],
        ['Support Team', 'delegate_task_to_member', {member_id: 'research-agent', task: 'compare the two papers'}],
        ['Research Agent', 'web_search', {query: 'recall benchmark 2026'}],
        ['Research Agent', 'web_search', {query: 'deduplicated recall baseline'}],
        ['Research Agent', 'read_page', {url: 'https://example.org/paper/2'}],
      ],
    );
    expect(team.toolCalls[3]).toMatchObject({result: 'refunded 89.5 for 4417', error: null});
    expect(of('retrieval-context').context).toMatchObject([{type: 'document', role: null, who: 'Rag'}]);
    expect(of('retrieval-context').context[0].text).toMatch(/^\[\n.*"refunds\.pdf".*\]$/s);
    const [found] = of('retrieval-tool').toolCalls;
    expect(of('retrieval-tool').context).toEqual([
      {type: 'document', role: null, text: found.result, who: 'Policy-Bot'},
    ]);
    const second = cases.find(({input}) => input === 'And about the courier');
    expect(second.context.map(({type, role}: {[key: string]: unknown}) => [type, role])).toEqual([
      ['history', 'user'],
      ['history', 'assistant'],
    ]);
    expect(second.context[0].text).toBe('Tell me about the incident');
    expect(new Set(cases.map(({id}) => id)).size).toBe(cases.length);
    expect(err).toContain('3 parts without a run are no cases: left out');

    const {cases: paused} = await casesOf('human-in-the-loop', '--db', db);
    expect(paused).toMatchObject([
      {
        input: 'danger: wipe the cache',
        toolCalls: [{name: 'wipe_cache', arguments: {scope: 'all'}, result: 'wiped all'}],
        metadata: {state: 'ok', parts: 2, totalTokens: 376},
      },
    ]);
    expect(paused[0].output).toMatch(/^Revenue in the northern region/);
  });

  it('leaves out what export leaves out', async () => {
    const {cases} = await casesOf('guardrail', '--redact', 'all', '--db', db);
    expect(cases[0].input).toBe('My card is [redacted:card-number]');
    expect(cases[0].metadata.userId).toMatch(/^user_[0-9a-f]{16}$/);
    const bare = await casesOf('--all', '--no-content', '--db', db);
    for (const {input, output, context, toolCalls, metadata} of bare.cases) {
      expect([input, output, context, metadata.stateReason]).toEqual([null, null, [], null]);
      for (const call of toolCalls) expect([call.arguments, call.result, call.error]).toEqual([null, null, null]);
    }
    const [error] = bare.cases.filter(({metadata}) => metadata.sessionId === 'tool-error');
    expect(error.toolCalls.map(({name, state}: {[key: string]: unknown}) => [name, state])).toEqual([
      ['flaky_inventory', 'error'],
      ['flaky_inventory', 'error'],
    ]);
  });
});

it('a run without a span of its own has the question of its user, and no output', async () => {
  const db = sqliteCopy(FIXTURE);
  const file = new Database(db);
  file.pragma('foreign_keys = off');
  file.prepare("delete from agno_spans where span_id = '6f1caa1bccc6620e'").run();
  // Integers beyond 2^53 would change.
  file
    .prepare('update agno_spans set attributes = json_set(attributes, \'$."tool.parameters"\', ?) where span_id = ?')
    .run('{"sku": 12345678901234567890}', '2ebd5e7481ab1ac1');
  file.close();
  const {cases} = await casesOf('078e10f3ead8220bd15cea1da0ea364e', '--db', db);
  expect(cases).toMatchObject([
    {
      input: 'Stock for A-113 looks broken, check it',
      output: null,
      toolCalls: [{arguments: {sku: 'A-113'}}, {arguments: '{"sku": 12345678901234567890}'}],
    },
  ]);
});

it('runs that a caller gave one id, one after the other in a trace, are each a case', async () => {
  const {cases} = await casesOf('368d1e68e6e46a2ca93d0e7cebaa1112', '--db', sqliteCopy('cases/real-agno.sqlite'));
  const same = cases.filter(({runId}) => runId === 'fixed-run-id-0001');
  expect(same.map(({metadata}) => metadata.sessionId)).toEqual(['sr1', 'sr2']);
});
