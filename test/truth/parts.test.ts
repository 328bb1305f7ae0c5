import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';

/** What belongs to a run beside its own trace, on rows of real Agno: continuations, loose parts, work in other threads. */

// biome-ignore lint/suspicious/noExplicitAny: what the contract says
type Row = any;

describe.each(BACKENDS)('on %s', backend => {
  const open = (file: string) => sharedFixture(backend, file);
  const list = async (db: string, ...more: string[]): Promise<Row[]> =>
    (await json(['list', '--db', db, '--limit', '0', ...more])).data;
  const ofSession = async (db: string, session: string, ...more: string[]): Promise<Row> =>
    (await list(db, ...more)).find(({sessionId, part}) => sessionId === session && !part);
  const show = async (db: string, id: string) => (await json(['show', id, '--db', db])).data;

  it('the calls of the memory manager of a sync run, and their tools, are shown with that run and no other', async () => {
    const db = await open('truth/memory_summary_etc.sqlite');
    const seen = new Set<string>();
    for (const session of ['s-mem', 's-mem-stream']) {
      const listed = await ofSession(db, session);
      const {runs, spans} = await show(db, listed.runId);
      expect(runs.map(({kind, part}: Row) => [kind, part])).toEqual([
        ['agent', false],
        ['llm', true],
        ['memory', true],
        ['llm', true],
      ]);
      expect(runs[0]).toEqual(listed);
      const beside = spans.slice(-3);
      expect(beside.map(({purpose, toolName}: Row) => purpose ?? toolName)).toEqual(['memory', 'add_memory', 'memory']);
      for (const {spanId} of beside) seen.add(spanId);
    }
    expect(seen.size).toBe(6);
    const {out} = await cli(['show', (await ofSession(db, 's-mem')).runId, '--db', db]);
    expect(out.match(/matched by its time and input/g)).toHaveLength(3);
    const {out: talk} = await cli(['transcript', (await ofSession(db, 's-mem')).runId, '--db', db]);
    expect(talk).toMatch(/── beside the run, .* ──\n▸ add_memory\(memory="likes tea"/);
    for (const session of ['s-mem-async', 's-agentic', 's-sum'])
      expect((await show(db, (await ofSession(db, session)).runId)).runs, session).toHaveLength(1);
  });

  it('a run has the same figures in list, show and the questions, and tied parts are in none of them', async () => {
    const db = await open('agno-3.1.10-pictures.sqlite');
    const listed = await ofSession(db, 'workflow-human-in-the-loop');
    expect(listed).toMatchObject({durationMs: 328.905, totalTokens: 334, spanCount: 4, parts: 1});
    const {runs} = await show(db, listed.runId);
    expect(runs.map(({name, part}: Row) => [name, part])).toEqual([
      ['Announcement', false],
      ['approve', true],
      ['send', true],
    ]);
    const {durationMs, totalTokens, costUsd, spanCount} = listed;
    expect(runs[0]).toMatchObject({durationMs, totalTokens, costUsd, spanCount});
    const {data: workflows} = await json(['workflows', '--db', db]);
    const row = workflows.find(({workflow}: Row) => workflow === 'Announcement');
    expect(row).toMatchObject({avgMs: durationMs, totalTokens, costUsd});
    const all = await list(db);
    const {data: stats} = await json(['stats', '--db', db]);
    const sum = (rows: Row[]) => rows.reduce((total, one) => total + (one.totalTokens ?? 0), 0);
    // All tokens are in one row, those of loose parts once.
    expect(stats[0].totalTokens).toBe(sum(all));
  });

  it('a step that failed after the pause is told of its workflow, in list and in questions', async () => {
    const db = await open('truth/hitl_workflow_kinds.sqlite');
    const {data: stats} = await json(['stats', '--db', db]);
    const states = new Map<string, number>();
    for (const {state} of (await list(db)).filter(({part}) => !part)) states.set(state, (states.get(state) ?? 0) + 1);
    const told = stats.filter(({section, runs}: Row) => section === 'state' && runs > 0);
    expect(Object.fromEntries(told.map(({name, runs}: Row) => [name, runs]))).toEqual(Object.fromEntries(states));
    expect(states.get('degraded')).toBe(1);
  });

  it('a run whose pause is hidden is one with what continued it', async () => {
    const db = await open('truth/redact_outputs.sqlite');
    const run = await ofSession(db, 'k-hc');
    expect(run).toMatchObject({state: 'ok', parts: 2, totalTokens: 1515 + 910});
    expect(run.stateReason).toMatch(/continued 2026-.*continued after a pause and finished/);
    expect((await ofSession(db, 'k-h')).parts).toBe(1);
  });

  it('pages of runs that only their continuations match miss none', async () => {
    const db = await open('truth/hitl_kinds.sqlite');
    // Said to the model after the pause, and never before.
    const asked = ['-q', '"after danger"'];
    const whole = (await list(db, ...asked)).map(({runId}) => runId);
    expect(whole.length).toBeGreaterThan(3);
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const more: string[] = cursor === '' ? [] : ['--cursor', cursor];
      const page: Row = await json(['list', '--db', db, '--limit', '2', ...asked, ...more]);
      found.push(...page.data.map(({runId}: Row) => runId));
      cursor = page.page.next;
    }
    expect(found).toEqual(whole);
  });

  it('steps of a workflow say in which container they ran, as far as that can be told', async () => {
    const db = await open('truth/wf_all_containers.sqlite');
    const run = (await list(db)).find(({name}) => name === 'All Containers');
    const {spans} = await show(db, run.runId);
    const root = spans.find(({kind}: Row) => kind === 'workflow');
    expect(root.conditionsNotTaken).toEqual([]);
    const places = spans
      .filter(({drawnUnder, kind}: Row) => drawnUnder === root.spanId && kind === 'step')
      .map(({name, containers, iteration}: Row) => [
        name.split('.')[0],
        containers.map((one: Row) => `${one.type} ${one.name}`).join(', '),
        iteration,
      ]);
    const conditions = 'Condition is long, Condition is rude, Condition never';
    expect(places).toEqual([
      ['plain_fn', '', null],
      ...[1, 2, 3].flatMap(round => [
        ['edit', 'Loop polish', round],
        ['measure', 'Loop polish', round],
      ]),
      ['shorten', `${conditions}, Router which way`, null],
      ...['smile', 'right'].map(name => [name, `${conditions}, Router which way, Steps bundle`, null]),
      ['b1', 'Router which way, Steps bundle', null],
      ['b2', 'Steps bundle', null],
      ['desk', '', null],
      ['sub_workflow', '', null],
      ['publish', '', null],
    ]);
    const {out} = await cli(['show', run.runId, '--db', db]);
    expect(out).toContain('loop polish, iteration 3');
    expect(out).toContain('in steps bundle');
    expect(out).toContain(
      'in one of: condition is long, condition is rude, condition never, router which way, steps bundle',
    );
  });
});

it('a team that waited while its member went on tells once what it waited for', async () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const written = new Database(db);
  const last = `select trace_id from agno_traces where session_id = 'team-human-in-the-loop' order by start_time desc limit 1`;
  written.exec(`delete from agno_spans where trace_id = (${last}); delete from agno_traces where trace_id = (${last})`);
  written.close();
  const asked = ['list', '--db', db, '--session', 'team-human-in-the-loop'];
  const reason = 'paused, Careful waits for wipe_cache({"scope": "all"}); continued since, Agno says COMPLETED';
  expect((await json(asked)).data).toMatchObject([{kind: 'team', state: 'ok', stateReason: reason, parts: 2}]);
  expect((await cli(asked, {columns: 160})).out).toContain('continued after a pause');
});

it('a pause with too much behind it is paused, and list and show say that what came after was not looked at', async () => {
  const db = sqliteCopy('truth/hitl_kinds.sqlite');
  const written = new Database(db);
  written.exec(`
    drop table agno_runs;
    insert into agno_traces
      select 'noise', 'noise', status, '2026-11-30T05:00:00+00:00', '2026-11-30T05:00:01+00:00', 1, null, null, null, null, null, null, created_at
        from agno_traces limit 1;
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 2100)
    insert into agno_spans
      select 'noise' || i, 'noise', null, 'GET /health', 'SERVER', 'OK', null, '2026-11-30T05:00:00.000001+00:00',
             '2026-11-30T05:00:00.000002+00:00', 0, '{}', '2026-11-30T05:00:00.000002+00:00' from n`);
  written.close();
  const paused = (await json(['list', '--db', db, '--state', 'paused'])).data;
  expect(paused.map(({sessionId}: Row) => sessionId)).toEqual(['s-left']);
  const reason = 'waits for danger({"x": "wipe"}); the search for a continuation stopped early';
  expect(paused[0].stateReason).toBe(reason);
  const {runs} = (await json(['show', paused[0].runId, '--db', db])).data;
  expect(runs[0]).toMatchObject({state: 'paused', stateReason: reason});
});
