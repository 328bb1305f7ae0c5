import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';

describe.each(BACKENDS)('show finds its way in on %s:', backend => {
  const PICTURES = 'agno-3.1.10-pictures.sqlite';
  const names = async (db: string, id: string): Promise<(string | null)[]> =>
    (await json(['show', id, '--db', db])).data.runs.map((run: {name: string}) => run.name);

  it('a run id, a trace id, a span id, a session id, and unique prefixes of them', async () => {
    const db = await sharedFixture(backend, PICTURES);
    expect(await names(db, '7ee45c18-4ebb-4ad8-ba99-175b11cc1d02')).toEqual(['Billing Agent']);
    expect(await names(db, '7ee4')).toEqual(['Billing Agent']);
    expect(await names(db, '078e10f3ead8220bd15cea1da0ea364e')).toEqual(['Billing Agent']);
    expect(await names(db, '078e10')).toEqual(['Billing Agent']);
    expect(await names(db, 'tool-error')).toEqual(['Billing Agent']);
    expect(await names(db, 'tool-err')).toEqual(['Billing Agent']);
    // A member's run and a single span are shown by themselves, with the run they belong to.
    expect(await names(db, '6ed47e12-41ee-435c-a8a1-423b78d07092')).toEqual(['Billing Agent']);
    expect(await names(db, '1b300a14')).toEqual(['flaky_inventory']);
    const {out} = await cli(['show', '6ed47e12', '--db', db]);
    expect(out).toContain('part of Support Team 915bcc3c');
  });

  it('a session that only spans know, though its name is the beginning of one that trace rows know', async () => {
    const file = sqliteCopy(PICTURES);
    const writer = new Database(file);
    writer.exec(`drop table agno_runs;
      update agno_traces set session_id = 'http-later' where session_id = 'agent-ok';
      update agno_spans set attributes = replace(attributes, '"agent-ok"', '"http-later"')`);
    writer.close();
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const {data} = await json(['show', 'http', '--db', db]);
    expect(data.runs.map((run: {sessionId: string}) => run.sessionId)).toEqual(['http']);
    expect((await json(['show', 'http-later', '--db', db])).data.runs).toHaveLength(1);
  });

  it('the newest run', async () => {
    const db = await sharedFixture(backend, PICTURES);
    const [newest] = (await json(['list', '--db', db, '--limit', '1'])).data;
    expect((await json(['show', 'latest', '--db', db])).data.runs[0].spanId).toBe(newest.spanId);
  });

  it('an unfinished run, by what the list calls it and by the id its run span will have', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-killed.sqlite');
    const unfinished = (await json(['list', '--db', db, '--limit', '0', '--state', 'lost'])).data;
    for (const run of unfinished.slice(0, 4)) {
      for (const id of [`~${run.traceId.slice(0, 7)}`, run.traceId, run.spanId]) {
        expect((await json(['show', id, '--db', db])).data.runs[0].spanId).toBe(run.spanId);
      }
    }
  });

  it('a whole trace: every run in it', async () => {
    const db = await sharedFixture(backend, PICTURES);
    const [leaked] = (await json(['list', '--db', db, '--session', 'leaked-2'])).data;
    expect(await names(db, leaked.traceId)).toEqual(['Support Team', 'Weather Agent']);
    const {out} = await cli(['show', leaked.traceId, '--db', db]);
    expect(out).toContain('its context leaked');
  });

  it('a pause and its continuation, in order, from the id of the run', async () => {
    const db = await sharedFixture(backend, PICTURES);
    const team = (await json(['list', '--db', db, '--session', 'team-human-in-the-loop'])).data.find(
      (run: {teamId: string | null}) => run.teamId !== null,
    );
    const {data} = await json(['show', team.runId, '--db', db]);
    // The team, its member's continuation, its own continuation.
    expect(data.runs.map((run: {name: string; state: string}) => [run.name, run.state])).toEqual([
      ['Careful Team', 'ok'],
      ['Careful', 'ok'],
      ['Careful Team', 'ok'],
    ]);
    const workflow = (await json(['list', '--db', db, '--workflow', 'announcement'])).data[0];
    expect(await names(db, workflow.runId)).toEqual(['Announcement', 'approve', 'send']);
  });

  it('the parts that Agno 2 left behind, tied by call, arguments and result', async () => {
    const db = await sharedFixture(backend, 'agno-2.9.0-more-pictures.sqlite');
    const [run] = (await json(['list', '--db', db, '--session', 'human-in-the-loop'])).data;
    expect(await names(db, run.runId)).toEqual(['Careful', 'wipe_cache', 'gpt-5.5-mini']);
    const [team] = (await json(['list', '--db', db, '--session', 'team-human-in-the-loop'])).data;
    expect(await names(db, team.runId)).toEqual(['Careful Team', 'wipe_cache', 'gpt-5.5-mini', 'gpt-5.5']);
    const {out} = await cli(['show', team.runId, '--db', db]);
    expect(out).toContain('matched by the call');
  });

  it('nothing: exit 3 with the value and the next thing to type', async () => {
    const db = await sharedFixture(backend, PICTURES);
    const {code, out, err} = await cli(['show', 'c11x', '--db', db]);
    expect([code, out]).toEqual([3, '']);
    expect(err).toContain('no run, trace, span or session starts with "c11x"');
    expect(err).toContain('agno-trace list --state running');
  });

  it('too much: exit 3 with what it could be', async () => {
    const db = await sharedFixture(backend, PICTURES);
    const {code, err} = await cli(['show', 'http-stream', '--db', db]);
    // The whole id of one session is that session, though another begins with it.
    expect(code).toBe(0);
    expect(err).not.toContain('ambiguous');
    const ambiguous = await cli(['show', 'http-str', '--db', db]);
    expect(ambiguous.code).toBe(3);
    expect(ambiguous.err).toContain(
      '"http-str" is ambiguous: 2 ids start with it: session http-stream, session http-stream-error',
    );
  });

  it('one span with everything it holds', async () => {
    const db = await sharedFixture(backend, PICTURES);
    const tool = await cli(['show', 'retrieval-tool', '--span', '408730', '--db', db]);
    expect(tool.out).toContain('Documents (2)');
    expect(tool.out).toContain('refunds.pdf');
    expect(tool.out).toContain('"query": "refund window"');
    const call = await cli(['show', 'attribute-limit-1024', '--db', db, '--span', '3ef15a']);
    expect(call.out).toContain('14 earlier messages not recorded: the span reached its attribute limit');
    const failed = await cli(['show', 'model-error', '--span', '6b88e6', '--db', db]);
    expect(failed.out).toContain('Exception');
    expect(failed.out).toContain('ModelProviderError: The engine is currently overloaded');
  });
});

it('a look through many spans says what would be quicker', async () => {
  const db = `${temporaryFolder()}/large.db`;
  expect((await cli(['demo', '--traces', '700', '--path', db])).code).toBe(0);
  const file = new Database(db);
  file.exec('update agno_traces set run_id = null, session_id = null');
  file.close();
  const [run] = (await json(['list', '--limit', '1', '--db', db])).data;
  const list = await json(['list', '--session', run.sessionId, '--db', db]);
  expect(list.notes.join(' ')).toContain('--last 7d');
  expect((await json(['list', '--session', run.sessionId, '--last', '7d', '--db', db])).notes.join(' ')).not.toContain(
    '--last',
  );
  const shown = await json(['show', run.runId, '--db', db]);
  const [, quick] = /agno-trace show (\w+)/.exec(shown.notes.join(' ')) ?? [];
  const again = await json(['show', quick!, '--db', db]);
  expect(again.data.runs.map(({runId}: {runId: string}) => runId)).toContain(run.runId);
  expect(again.notes.join(' ')).not.toContain('scanning');
});
