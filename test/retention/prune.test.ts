import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {PACE} from '../../src/retention/pace.ts';
import {cli, json} from '../cli.ts';
import {newPostgresDatabase, settled, sqliteCopy} from '../databases.ts';
import {AT_ONCE, everything, execute, idsOf, lastSigns, openAt, PLACES, soundness} from './tables.ts';

/** In the middle of the pictures' two minutes. */
const MIDDLE = '2026-11-22T14:13:30.500000+00:00';
const YES = ['--yes', '--expect-max', '1000', ...AT_ONCE];

const prune = (url: string, ...argv: string[]) => cli(['prune', '--db', url, ...argv]);
const pruned = async (url: string, ...argv: string[]) => (await json(['prune', '--db', url, ...argv])).data;

describe.each(PLACES)('prune on %s', place => {
  it('deletes whole traces whose newest span is older, and nothing else', async () => {
    const url = await openAt(place);
    const signs = await lastSigns(url);
    const old = [...signs].filter(([, last]) => last < MIDDLE).map(([id]) => id);
    expect(old.length).toBeGreaterThan(5);
    expect(old.length).toBeLessThan(signs.size);
    const before = await everything(url);
    const {plan, result} = await pruned(url, '--before', MIDDLE, ...YES);
    // A paused run and its continuation stay together.
    const continued = plan.skipped.continued ?? 0;
    expect(plan.traces).toBe(old.length - continued);
    expect(result).toMatchObject({traces: plan.traces, spans: plan.spans, changed: 0, stoppedBy: null, archive: null});
    const left = await idsOf(url);
    expect(left.length).toBe(signs.size - plan.traces);
    for (const [id, last] of signs) if (last >= MIDDLE) expect(left).toContain(id);
    const after = await everything(url);
    expect(after.length).toBe(before.length - plan.traces - plan.spans);
    expect(before).toEqual(expect.arrayContaining(after));
    expect(await soundness(url)).toEqual([]);
    expect((await pruned(url, '--before', MIDDLE, ...YES)).plan.traces).toBe(0);
  });

  it('without a terminal and without --yes prints the plan, deletes nothing and exits 2; --dry-run exits 0', async () => {
    const url = await openAt(place);
    const before = await everything(url);
    const refused = await prune(url, '--older-than', '1h', ...AT_ONCE);
    expect(refused).toMatchObject({code: 2, err: expect.stringContaining('--yes is required without a terminal')});
    expect(refused.out).toContain('48 traces with 275 spans');
    expect(refused.out).toMatch(/delete from/);
    const {code, out} = await prune(url, '--older-than', '1h', '--dry-run');
    expect(code).toBe(0);
    expect(out).toContain('48 traces with 275 spans');
    expect(await everything(url)).toEqual(before);
  });

  it('asks for more than a yes where more than half goes', async () => {
    const url = await openAt(place);
    const before = await everything(url);
    const all = ['--older-than', '1h', ...AT_ONCE];
    expect(await prune(url, ...all, '--yes')).toMatchObject({code: 2, err: expect.stringContaining('more than half')});
    expect(await prune(url, ...all, '--yes', '--expect-max', '47')).toMatchObject({code: 2});
    expect((await cli(['prune', '--db', url, ...all], {typed: ['yes']})).code).toBe(2);
    expect(await everything(url)).toEqual(before);
    const name = url.split('/').at(-1)!;
    expect((await cli(['prune', '--db', url, ...all], {typed: [name]})).code).toBe(0);
    expect(await idsOf(url)).toEqual([]);
    const fewer = await openAt(place);
    const some = ['--before', '2026-11-22T14:13:00', ...AT_ONCE];
    expect((await cli(['prune', '--db', fewer, ...some], {typed: ['no']})).code).toBe(2);
    expect((await cli(['prune', '--db', fewer, ...some], {typed: ['yes']})).code).toBe(0);
    expect((await idsOf(fewer)).length).toBeLessThan(48);
  });

  it('with a filter takes the traces in which every run matches, as list judges them', async () => {
    const url = await openAt(place);
    const runs = (await json(['list', '--db', url, '--limit', '0', '--traffic'])).data as {
      traceId: string;
      state: string;
    }[];
    const ofTrace = new Map<string, string[]>();
    for (const {traceId, state} of runs) ofTrace.set(traceId, [...(ofTrace.get(traceId) ?? []), state]);
    const failed = [...ofTrace].filter(([, states]) => states.every(state => state === 'error')).map(([id]) => id);
    expect(failed.length).toBeGreaterThan(2);
    const before = await idsOf(url);
    const {plan} = await pruned(url, '--state', 'error', ...YES);
    expect(plan.traces).toBe(failed.length);
    expect(plan.byState).toEqual({error: expect.any(Number)});
    expect(await idsOf(url)).toEqual(before.filter(id => !failed.includes(id)));
  });

  it('keeps failed runs, the last ones of each agent, and prunes plain requests by themselves', async () => {
    const url = await openAt(place);
    const runs = (await json(['list', '--db', url, '--limit', '0', '--traffic'])).data as {
      traceId: string;
      state: string;
      agentId: string | null;
      part: boolean;
      traffic: boolean;
    }[];
    const failed = [...new Set(runs.filter(({state}) => state === 'error').map(({traceId}) => traceId))];
    const newest = new Map<string, string>();
    for (const {agentId, traceId, part} of runs)
      if (agentId && !part && !newest.has(agentId)) newest.set(agentId, traceId);
    const requests = runs.filter(({traffic}) => traffic).map(({traceId}) => traceId);
    expect(requests.length).toBeGreaterThan(0);
    const traffic = await pruned(url, '--traffic', '--older-than', '1h', ...YES);
    expect(traffic.plan.traces).toBe(requests.length);
    expect(await idsOf(url)).not.toContain(requests[0]);
    const {plan} = await pruned(
      url,
      '--older-than',
      '1h',
      '--keep-errors',
      '--keep-last',
      '1',
      '--per',
      'agent',
      ...YES,
    );
    expect(plan.skipped.error).toBe(failed.length);
    const left = await idsOf(url);
    for (const id of [...failed, ...newest.values()]) expect(left).toContain(id);
    // A run that stays stays whole: it reads as it did.
    const after = (await json(['list', '--db', url, '--limit', '0', '--traffic'])).data as {traceId: string}[];
    expect(after).toEqual(runs.filter(({traceId}) => left.includes(traceId)));
    expect(left.length).toBeLessThan(48 - requests.length);
  });

  it('keeps the earlier parts of a run that stays', async () => {
    const url = await openAt(place);
    const story = (await json(['list', '--db', url, '--limit', '0', '--parts'])).data as {
      runId: string;
      traceId: string;
      startTime: string;
    }[];
    const byRun = new Map<string, {traceId: string; startTime: string}[]>();
    for (const run of story) if (run.runId) byRun.set(run.runId, [...(byRun.get(run.runId) ?? []), run]);
    const parts = [...byRun.values()].find(list => list.length > 1)!;
    const [later, earlier] = parts as [{traceId: string; startTime: string}, {traceId: string}];
    // Everything up to where its last part began.
    const {plan} = await pruned(url, '--before', later.startTime, ...YES);
    expect(plan.skipped.continued).toBeGreaterThan(0);
    const left = await idsOf(url);
    expect(left).toContain(earlier.traceId);
    expect(left).toContain(later.traceId);
  });

  it('leaves alone what is written in another form, and counts it', async () => {
    const url = await openAt(place);
    const [first, second, third] = (await idsOf(url)) as [string, string, string];
    await execute(url, `update agno_traces set created_at = '2026-11-22 14:12:51' where trace_id = '${first}'`);
    await execute(url, `update agno_spans set end_time = '1763820771' where trace_id = '${second}'`);
    await execute(url, `update agno_traces set created_at = 'None' where trace_id = '${third}'`);
    const {plan} = await pruned(url, '--older-than', '1h', ...YES);
    expect(plan.skipped).toMatchObject({unreadable: 3});
    const left = await idsOf(url);
    for (const id of [first, second, third]) expect(left).toContain(id);
  });

  it('takes a trace for as old as its newest span, whatever its row says', async () => {
    const url = await openAt(place);
    const [traceId] = (await idsOf(url)) as [string];
    await execute(url, `update agno_spans set created_at = '2026-11-22T20:00:00+00:00' where trace_id = '${traceId}'`);
    const {plan} = await pruned(url, '--before', '2026-11-22T15:00', ...YES);
    expect(plan.skipped.active).toBe(1);
    expect(await idsOf(url)).toContain(traceId);
  });

  it('never takes a run that is still going on', async () => {
    const url = await openAt(place);
    const time = new Date(Date.now() - 20 * 60_000).toISOString().replace('Z', '000+00:00');
    const traceId = 'f'.repeat(32);
    await execute(
      url,
      `insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)
       values ('${traceId}', 'OpenAIChat.invoke', 'OK', '${time}', '${time}', 0, '${time}');
       insert into agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
       values ('${'f'.repeat(16)}', '${traceId}', '${'e'.repeat(16)}', 'OpenAIChat.invoke', 'INTERNAL', 'OK', '${time}', '${time}', 0,
               '{"openinference.span.kind": "LLM"}', '${time}')`,
    );
    const {plan} = await pruned(url, '--older-than', '10min', ...YES);
    expect(plan.skipped).toMatchObject({running: 1});
    expect(await idsOf(url)).toEqual([traceId]);
  });

  it('stops at --max-rows and goes on when it is run again', async () => {
    const url = await openAt(place);
    const first = await cli(['prune', '--db', url, '--older-than', '1h', ...YES, '--max-rows', '100', '--json']);
    expect(first.code).toBe(6);
    const {plan, result} = JSON.parse(first.out).data;
    expect(result.stoppedBy).toBe('max-rows');
    expect(result.traces + result.spans).toBeLessThanOrEqual(100);
    expect((await idsOf(url)).length).toBe(plan.traces - result.traces);
    expect(await soundness(url)).toEqual([]);
    expect((await prune(url, '--older-than', '1h', ...YES, '--quiet')).out).toMatch(
      /^deleted \d+ traces and \d+ spans [^\n]*\n$/,
    );
    expect(await idsOf(url)).toEqual([]);
  });

  it('deletes a trace of more spans than one transaction may have in parts', async () => {
    const url = await openAt(place);
    const [traceId] = (await idsOf(url)) as [string];
    const many = PACE[place === 'postgres' ? 'postgres' : 'sqlite'].mostSpans + 1000;
    await execute(
      url,
      `insert into agno_spans
       with recursive n(i) as (select 1 union all select i + 1 from n where i < ${many})
       select 'many' || n.i, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, '{}', created_at
         from n, (select * from agno_spans where trace_id = '${traceId}' limit 1) s`,
    );
    if (place === 'postgres') await settled();
    const {plan, result} = await pruned(url, '--older-than', '1h', ...YES);
    expect(plan.spans).toBe(many + 275);
    expect(result).toMatchObject({traces: 48, spans: many + 275});
    expect(await idsOf(url)).toEqual([]);
    expect(await soundness(url)).toEqual([]);
  });

  it('collects spans whose trace row is gone when it is asked to', async () => {
    const url = await openAt(place);
    if (place === 'postgres') await execute(url, 'alter table agno_spans drop constraint agno_spans_trace_id_fkey');
    const [traceId] = (await idsOf(url)) as [string];
    await execute(url, `delete from agno_traces where trace_id = '${traceId}'`);
    const orphans = (await soundness(url)).length;
    expect(orphans).toBeGreaterThan(0);
    const {plan} = await pruned(url, '--older-than', '1h', '--agent', 'nobody', '--orphans', ...YES);
    expect(plan).toMatchObject({traces: 1, spans: orphans, orphans: 1});
    expect(await soundness(url)).toEqual([]);
    expect((await idsOf(url)).length).toBe(47);
  });

  it('refuses while another writing command is at work, and a clock that is a day off', async () => {
    const url = await openAt(place);
    const before = await everything(url);
    const {openAlone} = await import('../../src/retention/alone.ts');
    const {parseSource} = await import('../../src/store/source.ts');
    const tables = place === 'postgres' ? {traces: '"ai"."agno_traces"'} : {traces: '"agno_traces"'};
    const other = await openAlone(parseSource(url, '--db', {}, '/'), {tables, label: url}, 0);
    expect(await prune(url, '--older-than', '1h', ...YES)).toMatchObject({
      code: 4,
      err: expect.stringContaining('another agno-trace'),
    });
    await other.close();
    await execute(
      url,
      `update agno_traces set created_at = '2999-01-01T00:00:00+00:00' where trace_id = (select min(trace_id) from agno_traces)`,
    );
    expect(await prune(url, '--older-than', '1h', ...YES)).toMatchObject({
      code: 2,
      err: expect.stringContaining('ahead'),
    });
    expect((await everything(url)).length).toBe(before.length);
  });
});

describe('prune on Postgres', () => {
  it('passes over a trace that another transaction has locked, and one that was written just now', async () => {
    const url = await openAt('postgres');
    const [locked, fresh] = (await idsOf(url)) as [string, string];
    const other = new pg.Client({connectionString: url});
    await other.connect();
    // An open transaction holds the line of settled rows back, so what was written since is not settled.
    await other.query('begin');
    await other.query(`update ai.agno_traces set name = name where trace_id = '${locked}'`);
    await execute(url, `update agno_traces set name = name where trace_id = '${fresh}'`);
    const {plan, result} = await pruned(url, '--older-than', '1h', ...YES);
    expect(result).toMatchObject({traces: plan.traces - 2, changed: 2});
    await other.query('commit');
    await other.end();
    expect((await idsOf(url)).sort()).toEqual([locked, fresh].sort());
  });

  it('says which right is missing', async () => {
    const url = await openAt('postgres');
    await execute(
      url,
      `do $$ begin create role prune_reader login password 'reads-only'; exception when duplicate_object then null; end $$`,
    );
    await execute(
      url,
      'grant usage on schema ai to prune_reader; grant select on all tables in schema ai to prune_reader',
    );
    const asReader = url.replace(/\/\/[^@]*@/, '//prune_reader:reads-only@');
    const {code, err} = await prune(asReader, '--older-than', '1h', ...YES);
    expect(code).toBe(4);
    expect(err).toContain('GRANT SELECT, UPDATE, DELETE');
    expect(err).not.toContain('reads-only');
    expect((await idsOf(url)).length).toBe(48);
  });

  it('refuses tables without an index on trace_id, and rows that other tables refer to', async () => {
    const url = await openAt('postgres');
    await execute(url, 'create table ai.notes (trace_id varchar references ai.agno_traces)');
    expect(await prune(url, '--older-than', '1h', ...YES)).toMatchObject({
      code: 5,
      err: expect.stringContaining('notes'),
    });
    await execute(url, 'drop table ai.notes; drop index ai.idx_agno_spans_trace_id');
    expect(await prune(url, '--older-than', '1h', ...YES)).toMatchObject({
      code: 5,
      err: expect.stringContaining('no index'),
    });
    expect((await idsOf(url)).length).toBe(48);
  });

  it('says that there are no tables where there are none', async () => {
    const {url} = await newPostgresDatabase();
    expect((await prune(url, '--older-than', '1h', ...YES)).code).toBe(5);
  });
});

describe('prune on SQLite', () => {
  it('leaves a trace alone that was written to between looking and deleting', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const [traceId] = (await idsOf(file)) as [string];
    // While it asks, a late span comes.
    const late = async () => {
      await execute(
        file,
        `insert into agno_spans select 'late', trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at
           from agno_spans where trace_id = '${traceId}' limit 1`,
      );
      return 'agno-3.1.10-pictures.sqlite';
    };
    const {run} = await import('../../src/cli/run.ts');
    let out = '';
    const code = await run(['prune', '--db', file, '--older-than', '1h', ...AT_ONCE, '--json'], {
      stdout: {
        write: text => {
          out += text;
        },
        isTTY: false,
        columns: undefined,
      },
      stderr: {write: () => undefined, isTTY: false, columns: undefined},
      stdin: async () => '',
      ask: late,
      env: {},
      cwd: '/',
      notes: [],
      secrets: [],
      nowMicros: () => Date.now() * 1000,
    });
    expect(code).toBe(0);
    expect(JSON.parse(out).data.result).toMatchObject({traces: 47, changed: 1});
    expect(await idsOf(file)).toEqual([traceId]);
  });

  it('leaves the journal mode as it is', async () => {
    for (const place of ['sqlite rollback', 'sqlite wal'] as const) {
      const file = await openAt(place);
      await pruned(file, '--older-than', '1h', ...YES);
      const db = new Database(file);
      expect(db.pragma('journal_mode', {simple: true})).toBe(place === 'sqlite wal' ? 'wal' : 'delete');
      db.close();
    }
  });
});
