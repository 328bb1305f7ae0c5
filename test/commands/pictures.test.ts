import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, postgresDump, sharedFixture, sqliteCopy} from '../databases.ts';

/**
 * One run per life-cycle picture, written by real Agno: every one gives a golden tree and a state that a person would
 * call right. The golden files are read by people: test/golden/.
 */
const VERSIONS = {
  '3.1.10': 'agno-3.1.10-pictures.sqlite',
  '2.9.0': 'agno-2.9.0-pictures.sqlite',
  // The same program on Agno 2.9.0 with the pictures that its first recording left out.
  '2.9.0-more': 'agno-2.9.0-more-pictures.sqlite',
} as const;
const CASES = Object.entries(VERSIONS).flatMap(([version, file]) =>
  BACKENDS.map(backend => ({version, file, backend})),
);

interface Record {
  runId: string | null;
  traceId: string;
  spanId: string;
  name: string;
  kind: string;
  state: string;
  stateReason: string;
  storedStatus: string;
  spanStatus: string;
  sessionId: string | null;
  userId: string | null;
  agentId: string | null;
  durationMs: number;
  part: boolean;
  missing: boolean;
  drawnUnder: string | null;
}

const listAll = async (db: string, ...more: string[]): Promise<Record[]> =>
  (await json(['list', '--db', db, '--limit', '0', '--parts', ...more])).data.reverse();

/** Ids and times differ between recordings; what is left is the shape. */
function shapeOf(record: Record): string {
  return [record.sessionId ?? '-', record.name, record.kind, record.storedStatus, record.state].join(' ');
}

describe.each(CASES)('the pictures of Agno $version on $backend', ({version, file, backend}) => {
  it('give the states that a person would call right', async () => {
    const db = await sharedFixture(backend, file);
    const rows = (await listAll(db)).map(run => [
      run.sessionId ?? '-',
      run.part ? `${run.name} (${run.kind}, part)` : run.name,
      `stored ${run.storedStatus}`,
      `span ${run.spanStatus}`,
      run.state,
      run.stateReason,
    ]);
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map(row => row[i]!.length)));
    const table = rows
      .map(row =>
        row
          .map((cell, i) => cell.padEnd(widths[i]!))
          .join('  ')
          .trimEnd(),
      )
      .join('\n');
    await expect(`${table}\n`).toMatchFileSnapshot(`../golden/${version}/states.txt`);
  });

  it('give the golden trees', async () => {
    const db = await sharedFixture(backend, file);
    const sessions = new Set((await listAll(db)).map(run => run.sessionId ?? `~${run.traceId}`));
    for (const session of sessions) {
      const {code, out} = await cli(['show', session, '--db', db, '--limit', '0']);
      expect(code).toBe(0);
      const name = session.startsWith('~') ? `without-session-${session.slice(1, 9)}` : session;
      await expect(out).toMatchFileSnapshot(`../golden/${version}/${name}.txt`);
    }
  });

  it('are listed without the requests of a dashboard', async () => {
    const db = await sharedFixture(backend, file);
    const isHttp = version !== '2.9.0';
    const {data, notes} = await json(['list', '--db', db, '--limit', '0']);
    expect(data.filter((run: Record) => run.name.startsWith('GET '))).toEqual([]);
    expect(notes).toEqual(isHttp ? ['1 HTTP request without a run not shown (--traffic)'] : []);
    const all = await json(['list', '--db', db, '--limit', '0', '--traffic']);
    expect(all.data.length).toBe(data.length + (isHttp ? 1 : 0));
  });
});

describe.each(['3.1.10', '2.9.0'] as const)('the recording of Agno %s that was made on Postgres', version => {
  it('gives the same shapes and states as the one on SQLite', async () => {
    const {postgres, sqlite} = await bothRecordings(version);
    const [recorded, other] = [await listAll(postgres), await listAll(sqlite)];
    expect(recorded.map(shapeOf)).toEqual(other.map(shapeOf));
  });

  it('draws the same trees', async () => {
    const {postgres, sqlite} = await bothRecordings(version);
    const shapes = async (db: string) => {
      // Its records are those of `show`, as export.test.ts says.
      const {out} = await cli(['export', '--all', '--jsonl', '--db', db]);
      const trees = new Map((await listAll(db)).map(({traceId}) => [traceId, [] as string[]]));
      for (const text of out.trim().split('\n')) {
        const record = JSON.parse(text);
        if (record.type === 'span') trees.get(record.traceId)!.push(drawnShape(record));
      }
      return [...trees.values()];
    };
    expect(await shapes(postgres)).toEqual(await shapes(sqlite));
  });
});

const drawnShape = ({depth, kind, name, state}: {depth: number; kind: string; name: string; state: string}) =>
  `${'  '.repeat(depth)}${kind} ${name} ${state}`;

/** Both with the two trace tables only: one dump has Agno's other tables, the other has not. */
async function bothRecordings(version: '3.1.10' | '2.9.0') {
  const postgres = await postgresDump(`agno-${version}-pictures.postgres.sql`);
  const client = new pg.Client({connectionString: postgres});
  await client.connect();
  for (const table of ['agno_runs', 'agno_sessions']) await client.query(`drop table if exists ai.${table}`);
  await client.end();
  const sqlite = sqliteCopy(VERSIONS[version]);
  dropAgnoTables(sqlite);
  return {postgres, sqlite};
}

function dropAgnoTables(file: string): void {
  const db = new Database(file);
  db.pragma('foreign_keys = off');
  for (const table of ['agno_runs', 'agno_sessions']) db.exec(`drop table if exists ${table}`);
  db.close();
}

describe.each(Object.entries(VERSIONS))("without Agno's own run and session tables, Agno %s", (_version, file) => {
  it('keeps every state that the spans alone decide', async () => {
    const full = sqliteCopy(file);
    const bare = sqliteCopy(file);
    dropAgnoTables(bare);
    const before = await listAll(full);
    const after = await listAll(bare);
    const changed = after
      .filter((run, i) => run.state !== before[i]!.state)
      .map(run => `${run.sessionId}: ${run.state}`);
    expect(changed).toEqual([]);
    for (const run of after.filter(item => item.state === 'paused' && item.runId !== null)) {
      const states = async (db: string) =>
        (await json(['show', run.runId!, '--db', db])).data.runs.map((item: Record) => item.state);
      expect(await states(bare)).toEqual(await states(full));
    }
  });
});

describe.each(BACKENDS)('runs that came over HTTP on %s', backend => {
  const PICTURES = ['http', 'http-stream', 'http-stream-error', 'http-background', 'http-remote-parent'];

  it('are found by session, user, agent and run id, though their trace row knows none of them', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const found: string[] = [];
    for (const session of PICTURES) {
      const [run, ...others] = await listAll(db, '--session', session);
      expect(others).toEqual([]);
      expect(run).toMatchObject({
        sessionId: session,
        userId: 'user-1',
        agentId: 'weather-agent',
        name: 'Weather Agent',
        missing: false,
      });
      const byOther = [
        await listAll(db, '--user', 'user-1', '--session', session),
        await listAll(db, '--agent', 'weather-agent', '--session', session),
        await listAll(db, '--agent', 'Weather*', '--session', session),
        await listAll(db, '--run', run!.runId!),
        await listAll(db, '--trace', run!.traceId),
      ];
      for (const same of byOther) expect(same.map(item => item.spanId)).toEqual([run!.spanId]);
      found.push(run!.spanId);
    }
    for (const filter of [
      ['--user', 'user-1'],
      ['--agent', 'weather-agent'],
    ])
      expect((await listAll(db, ...filter)).map(item => item.spanId)).toEqual(expect.arrayContaining(found));
  });

  it("are shown with the run's own time and state, by run id and by a prefix of it", async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    for (const session of PICTURES) {
      const [run] = await listAll(db, '--session', session);
      for (const id of [run!.runId!, run!.runId!.slice(0, 8)]) {
        const {data} = await json(['show', id, '--db', db]);
        expect(data.runs).toHaveLength(1);
        expect(data.runs[0]).toMatchObject({runId: run!.runId, durationMs: run!.durationMs, state: run!.state});
        const request = data.spans.find((span: {name: string | null}) => span.name?.startsWith('POST '));
        expect(request.surroundings).toBe(true);
        expect(request.durationMs).not.toBe(run!.durationMs);
      }
    }
  });
});

describe.each(['3.1.10', '2.9.0'] as const)('a process of Agno %s killed in mid-run', version => {
  it.each(BACKENDS)('leaves one lost run for every trace without a root, on %s', async backend => {
    const name = `agno-${version}-killed.sqlite`;
    const file = sqliteCopy(name);
    const db = new Database(file, {readonly: true});
    const rootless = db
      .prepare(
        'select trace_id from agno_traces t where not exists (select 1 from agno_spans s where s.trace_id = t.trace_id and s.parent_span_id is null)',
      )
      .pluck()
      .all() as string[];
    const whole = db.prepare('select count(*) from agno_traces').pluck().get() as number;
    db.close();
    expect(rootless).toHaveLength(version === '3.1.10' ? 17 : 12);
    const source = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const runs = await listAll(source);
    const unfinished = runs.filter(run => run.missing);
    expect(unfinished.map(run => run.traceId).sort()).toEqual([...rootless].sort());
    for (const run of unfinished) {
      expect(run).toMatchObject({state: 'lost', runId: null, part: false});
      const {data} = await json(['show', run.traceId, '--db', source]);
      expect(data.runs).toHaveLength(1);
      expect(data.spans[0]).toMatchObject({missing: true, state: 'lost', spanId: run.spanId, depth: 0});
      const tree = await cli(['show', run.traceId, '--db', source]);
      expect(tree.out).toContain('its run span never arrived');
    }
    expect(new Set(runs.map(run => run.traceId)).size).toBe(whole);
  });
});
