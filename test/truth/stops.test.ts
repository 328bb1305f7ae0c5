import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, openFixture} from '../databases.ts';

/** The cases of fixtures/cases/README.md that are about how runs ended, and about one id for several runs. */

interface Row {
  runId: string | null;
  name: string;
  sessionId: string | null;
  userId: string | null;
  state: string;
  stateReason: string;
  errorCount: number;
  parts: number;
}

const rowsOf = async (db: string, ...more: string[]): Promise<Row[]> =>
  (await json(['list', '--db', db, '--limit', '0', ...more])).data.reverse();
const statesOf = (rows: readonly Row[]) => Object.fromEntries(rows.map(row => [row.sessionId, row.state]));

describe.each(BACKENDS)('on %s', backend => {
  it('streamed runs that were cancelled after some text are cancelled, and the text is no error', async () => {
    const db = await openFixture(backend, 'cases/real-agno4.sqlite');
    const rows = await rowsOf(db);
    expect(statesOf(rows)).toEqual({a1: 'cancelled', a2: 'cancelled', a3: 'cancelled', a4: 'cancelled'});
    expect(rows.filter(({stateReason}) => stateReason.includes('slow answer'))).toEqual([]);
    const errors = await cli(['errors', '--db', db, '--json']);
    expect(errors.out).not.toContain('slow answer');
    for (const {runId} of rows) {
      const {code} = await cli(['wait', runId!, '--db', db, '--timeout', '5m']);
      expect(code).toBe(EXIT.different);
    }
  });

  it('Ctrl-C cancels a run, in a model call, a tool, a stream and a team; a workflow goes on', async () => {
    const db = await openFixture(backend, 'cases/real-agno.sqlite');
    const states = statesOf(await rowsOf(db));
    expect(states).toMatchObject({
      cc1: 'cancelled',
      cc2: 'cancelled',
      cc3: 'cancelled',
      cc4: 'cancelled',
      cc5: 'degraded',
    });
    const inTool = (await rowsOf(db)).find(({sessionId}) => sessionId === 'cc2')!;
    const {data} = await json(['transcript', inTool.runId!, '--db', db]);
    expect(data.entries.find(({type}: {type: string}) => type === 'tool')).toMatchObject({
      toolName: 'long_tool',
      ran: null,
      result: null,
      state: 'cancelled',
    });
    const {out} = await cli(['transcript', inTool.runId!, '--db', db]);
    expect(out).toContain('▸ long_tool(n=1)  interrupted, no result');
  });

  it('StopAgentRun is no failure, and a timeout is cancelled without a further error', async () => {
    const db = await openFixture(backend, 'cases/real-agno2.sqlite');
    const rows = await rowsOf(db);
    const of = (session: string) => rows.find(({sessionId}) => sessionId === session)!;
    expect(of('stoprun')).toMatchObject({state: 'ok', stateReason: 'stopped by tool stop_run: stop here'});
    expect(of('to')).toMatchObject({state: 'cancelled', errorCount: 0});
  });

  it('an exception that Agno does not catch is an error of a run that was neither streamed nor awaited', async () => {
    const db = await openFixture(backend, 'truth/exceptions_out.sqlite');
    const rows = await rowsOf(db);
    for (const session of ['ex-exit', 'ex-base'])
      expect(rows.find(({sessionId}) => sessionId === session)).toMatchObject({
        state: 'error',
        stateReason: expect.stringMatching(/^ended while \w+ was running by an exception that Agno does not catch/),
      });
  });

  it('two members that wait are both named', async () => {
    const db = await openFixture(backend, 'truth/two_members_pause.sqlite');
    const [waiting, ...others] = (await rowsOf(db, '--state', 'paused')).map(({stateReason}) => stateReason);
    expect(waiting).toBe('Refunder waits for refund({"x": "1"}); Shipper waits for ship({"x": "2"})');
    expect(others).toEqual([]);
  });

  it('one id for several runs is several runs', async () => {
    const db = await openFixture(backend, 'cases/run-id-reused.sqlite');
    const rows = await rowsOf(db);
    expect(rows.map(({sessionId, state, parts}) => [sessionId, state, parts])).toEqual([
      ['s1', 'ok', 1],
      ['s2', 'ok', 1],
      ['s3', 'error', 1],
    ]);
    expect(new Set(rows.map(({userId}) => userId)).size).toBe(3);
    expect(rows.filter(({stateReason}) => /continued|Agno says/.test(stateReason))).toEqual([]);
    const id = rows[0]!.runId!;
    const shown = await cli(['show', id, '--db', db]);
    expect(shown).toMatchObject({code: EXIT.notFound, out: ''});
    expect(shown.err).toContain('is the id of 3 runs');
    for (const session of ['s1', 's2', 's3']) expect(shown.err).toContain(`session ${session}`);
    const waited = await cli(['wait', id, '--db', db, '--timeout', '5m', '--json']);
    expect(waited.code).toBe(EXIT.different);
    const {data, notes} = JSON.parse(waited.out);
    expect(data.map(({sessionId}: Row) => sessionId)).toEqual(['s3']);
    expect(notes.join()).toContain('is the id of 3 runs; this is the newest one');
    const twice = await openFixture(backend, 'cases/real-agno.sqlite');
    const reused = (await rowsOf(twice)).filter(({runId}) => runId === 'fixed-run-id-0001');
    expect(reused.map(({sessionId, state}) => [sessionId, state])).toEqual([
      ['sr1', 'ok'],
      ['sr2', 'ok'],
    ]);
  });

  it('a background workflow of an old instrumentor is one run, with its agents inside', async () => {
    const db = await openFixture(backend, 'cases/background-workflow-old.sqlite');
    const rows = await rowsOf(db);
    expect(rows.map(({name, state}) => [name, state])).toEqual([['Report Workflow', 'ok']]);
    expect(rows[0]).toMatchObject({totalTokens: 240, durationMs: 110_100});
  });

  it('a run that paused and went on is one row with its last state; --parts has each part', async () => {
    const db = await openFixture(backend, 'truth/hitl_kinds.sqlite');
    const twice = (await rowsOf(db)).filter(({sessionId}) => sessionId === 's-twice');
    expect(twice.map(({state, parts}) => [state, parts])).toEqual([['ok', 3]]);
    const parts = (await rowsOf(db, '--parts')).filter(({sessionId}) => sessionId === 's-twice');
    expect(parts.map(row => row.parts)).toEqual([1, 1, 1]);
    expect((await rowsOf(db, '--state', 'paused')).map(({sessionId}) => sessionId)).toEqual(['s-left']);
  });

  it('the transcript says what a person rejected, and what was answered from outside', async () => {
    const db = await openFixture(backend, 'truth/hitl_kinds.sqlite');
    const rows = await rowsOf(db);
    const decided = async (session: string) => {
      const {runId} = rows.find(({sessionId}) => sessionId === session)!;
      const {data} = await json(['transcript', runId!, '--db', db]);
      const calls = data.entries.filter(({type}: {type: string}) => type === 'tool');
      return calls.map((call: Record<string, unknown>) => [call.result, call.ran, call.decided, call.state]);
    };
    expect(await decided('s-reject')).toEqual([['too risky', false, 'rejected', null]]);
    expect(await decided('s-external')).toEqual([['file1 file2', true, 'answered', null]]);
    expect(await decided('s-mixed')).toEqual([
      ['plain a', true, null, 'ok'],
      ['did b', true, null, 'ok'],
      ['no', false, 'rejected', null],
    ]);
  });
});
