import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, openFixture, sharedFixture} from '../databases.ts';

interface Run {
  runId: string;
  sessionId: string | null;
  userId: string | null;
  name: string;
  state: string;
  kind: string;
  models: string[];
  durationMs: number;
  totalTokens: number | null;
  storedStatus: string;
  spanId: string;
}

describe.each(BACKENDS)('the filters of list on %s', backend => {
  const find = async (db: string, ...argv: string[]): Promise<Run[]> =>
    (await json(['list', '--db', db, '--limit', '0', ...argv])).data;
  const sessions = (runs: Run[]) => [...new Set(runs.map(run => run.sessionId))].sort();

  it('select by state, alone and in lists', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    expect(sessions(await find(db, '--state', 'cancelled'))).toEqual([
      'abandoned-async-stream',
      'abandoned-stream',
      'cancelled',
      'cancelled-by-request',
    ]);
    expect(sessions(await find(db, '--state', 'degraded'))).toEqual([
      'model-retry',
      'team-member-error',
      'tool-error',
      'workflow-failed-step',
    ]);
    const errors = [
      'guardrail',
      'guardrail-stream',
      'http-stream-error',
      'model-error',
      'model-error-stream',
      'workflow-failed',
    ];
    for (const flag of [['--state', 'error'], ['--error'], ['--failed']])
      expect(sessions(await find(db, ...flag))).toEqual(errors);
    const both = await find(db, '--state', 'cancelled,degraded');
    expect(both).toHaveLength(8);
    expect(await find(db, '--state', 'cancelled', '--state', 'degraded')).toEqual(both);
  });

  it('select runs that hold a span: of a model, a tool, a kind, a name, with an error text', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    expect(sessions(await find(db, '--tool', 'flaky_inventory'))).toEqual(['tool-error']);
    expect(sessions(await find(db, '--tool', 'WIPE_*'))).toEqual(['human-in-the-loop', 'team-human-in-the-loop']);
    expect(sessions(await find(db, '--model', 'offline'))).toEqual(['team-member-error']);
    expect((await find(db, '--model', 'claude-*')).every(run => run.models.includes('claude-sonnet-5'))).toBe(true);
    expect(sessions(await find(db, '--kind', 'retrieval'))).toEqual(['retrieval-tool']);
    expect(sessions(await find(db, '--kind', 'workflow'))).toEqual([
      'workflow',
      'workflow-failed',
      'workflow-failed-step',
      'workflow-human-in-the-loop',
    ]);
    expect(sessions(await find(db, '--kind', 'team'))).toEqual([
      'leaked-1',
      'team',
      'team-human-in-the-loop',
      'team-member-error',
    ]);
    expect(sessions(await find(db, '--name', 'export_sales'))).toEqual(['offload']);
    expect(sessions(await find(db, '--error', 'OVERLOADED'))).toEqual([
      'http-stream-error',
      'model-error',
      'model-error-stream',
      'model-retry',
      'team-member-error',
    ]);
    expect(sessions(await find(db, '--error', 'publisher api'))).toEqual(['workflow-failed', 'workflow-failed-step']);
    expect(sessions(await find(db, '--error', '100%_\\'))).toEqual([]);
  });

  it('select by who: id exactly, or the name of a component as a pattern', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    expect(sessions(await find(db, '--user', 'user-2'))).toEqual(['leaked-2']);
    expect(sessions(await find(db, '--session', 'leaked-2', '--session', 'hooks'))).toEqual(['hooks', 'leaked-2']);
    expect(sessions(await find(db, '--agent', 'policy-agent'))).toEqual(['retrieval-tool']);
    expect(sessions(await find(db, '--agent', 'policy?bot'))).toEqual(['retrieval-tool']);
    expect(sessions(await find(db, '--team', 'Careful Team'))).toEqual(['team-human-in-the-loop']);
    expect(sessions(await find(db, '--workflow', 'announcement'))).toEqual(['workflow-human-in-the-loop']);
    // A workflow that failed knows its name, not its id.
    expect(sessions(await find(db, '--workflow', 'content pipeline'))).toEqual([
      'workflow',
      'workflow-failed',
      'workflow-failed-step',
    ]);
    // A member is part of its team's run; the team's run is not the member's.
    expect(sessions(await find(db, '--agent', 'billing-agent'))).toEqual(['agent-async', 'agent-stream', 'tool-error']);
    expect(await find(db, '--session', 'no-such-session')).toEqual([]);
  });

  it('select by stored status, duration and tokens', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    expect(sessions(await find(db, '--status', 'error'))).toEqual(['guardrail', 'model-error', 'workflow-failed']);
    expect((await find(db, '--min-duration', '5s')).every(run => run.durationMs >= 5000)).toBe(true);
    expect(sessions(await find(db, '--max-duration', '10ms'))).toEqual(['guardrail', 'guardrail-stream']);
    const many = await find(db, '--min-tokens', '5000');
    expect(many.length).toBeGreaterThan(0);
    expect(many.every(run => run.totalTokens! >= 5000)).toBe(true);
  });

  it('join with each other', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    expect(sessions(await find(db, '--agent', 'weather-agent', '--state', 'error', '--error', 'overloaded'))).toEqual([
      'http-stream-error',
      'model-error',
      'model-error-stream',
    ]);
    expect(await find(db, '--user', 'user-2', '--state', 'error')).toEqual([]);
  });

  it('find runs that are going on by what they wrote last, however long ago they began', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-killed.sqlite');
    const patience = ['--stalled-after', '5000w', '--lost-after', '6000w'];
    // What was written years ago is nobody's running work, so the look at recent rows finds none.
    expect(await find(db, '--state', 'running')).toEqual([]);
    expect(await find(db, '--state', 'running', ...patience)).toHaveLength(17);
    expect((await find(db, '--state', 'running,ok', ...patience)).filter(run => run.state === 'running')).toHaveLength(
      17,
    );
  });

  it('select the same runs where attributes are JSON encoded twice and the trace row knows nothing', async () => {
    const db = await openFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const filters = [
      ['--session', 'tool-error'],
      ['--user', 'user-2'],
      ['--agent', 'policy-agent'],
      ['--model', 'offline'],
      ['--error', 'overloaded'],
      ['--kind', 'retrieval'],
      ['--state', 'degraded'],
    ];
    const before = await Promise.all(filters.map(filter => find(db, ...filter)));
    const nothing = 'run_id = null, session_id = null, user_id = null, agent_id = null, team_id = null';
    if (backend === 'sqlite') {
      const file = new Database(db);
      file.exec(`update agno_spans set attributes = json_quote(attributes); update agno_traces set ${nothing}`);
      file.close();
    } else {
      const client = new pg.Client({connectionString: db});
      await client.connect();
      await client.query(`update ai.agno_spans set attributes = to_jsonb(attributes::text)`);
      await client.query(`update ai.agno_traces set ${nothing}`);
      await client.end();
    }
    const spanIds = (runs: Run[]) => runs.map(run => run.spanId);
    for (const [i, filter] of filters.entries()) {
      expect(before[i]!.length).toBeGreaterThan(0);
      expect(spanIds(await find(db, ...filter))).toEqual(spanIds(before[i]!));
    }
    const [run] = before[0]!;
    for (const id of [run!.runId, run!.sessionId!]) {
      const shown = await json(['show', id, '--db', db]);
      expect(shown.data.runs.map((found: Run) => found.spanId)).toEqual([run!.spanId]);
    }
  });

  it('answer with an empty list and exit 0 when nothing matches', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const {code, out, err} = await cli(['list', '--db', db, '--session', 'nobody']);
    expect([code, out]).toEqual([0, '']);
    expect(err).toContain('no run matches');
  });
});
