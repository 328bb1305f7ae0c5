import {type AddressInfo, createServer, type Socket} from 'node:net';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {openFixture, settled} from '../databases.ts';
import {errorMessage} from './garbled-server.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

async function openDatabase(): Promise<{db: string; name: string; client: pg.Client}> {
  const db = await openFixture('postgres', FIXTURE);
  const client = new pg.Client({connectionString: db});
  await client.connect();
  return {db, name: db.split('/').at(-1)!, client};
}

/** The URL of a server that says `answer` to the first that it hears, and keeps the connection. */
async function withServer(answer: Buffer, work: (url: string) => Promise<void>): Promise<void> {
  const sockets: Socket[] = [];
  const server = createServer(socket => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(answer));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()));
  try {
    await work(`postgresql://anna:pw@127.0.0.1:${(server.address() as AddressInfo).port}/ai?sslmode=disable`);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const authentication = (code: number) => Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, code]);

describe('a server that asks or says what is not known', () => {
  it.each([
    ['GSSAPI', authentication(7), /asks for GSSAPI/],
    ['SSPI', authentication(9), /asks for SSPI/],
    ['a way to log in of tomorrow', authentication(77), /asks for method 77/],
    ['what is no Postgres, and waits', Buffer.from('220 smtp.example ESMTP\r\n'), /cannot be understood|in time/],
    [
      'an internal error',
      errorMessage('XX000', 'cache lookup failed for relation 4711', 'FATAL'),
      /cache lookup .*XX000/,
    ],
    [
      'a pooler’s own error',
      errorMessage('08P01', 'server_login_failed: no such user', 'FATAL'),
      /was lost|no such user/,
    ],
    [
      'an error without a code',
      errorMessage('', 'no more connections\nallowed \u001b[31m', 'FATAL'),
      /no more connections allowed/,
    ],
  ])('%s: one line, a hint, no defect, in time', async (_, answer, words) => {
    await withServer(answer, async url => {
      const start = performance.now();
      const {code, out, err} = await cli(['list', '--db', url, '--timeout', '500ms']);
      expect(err).toMatch(/^error: .+\nhint: .+\n$/);
      expect(err).toMatch(words);
      expect(err).not.toMatch(/bug in agno-trace/);
      expect([code, out]).toEqual([EXIT.unreachable, '']);
      // Only what hangs takes so long.
      expect(performance.now() - start).toBeLessThan(100_000);
    });
  });
});

describe('settings of a database', () => {
  it('change nothing of what is read or planned', async () => {
    const {db, name, client} = await openDatabase();
    const asked = [
      ['list', '--limit', '0'],
      ['list', '--query', String.raw`name:"it's \\ 5%" OR team:*`],
      ['show', 'team', '--io', 'full'],
      ['slowest'],
      ['migrate', 'status'],
      [
        'sql',
        "select name, duration_ms from agno_spans where name like '%.\\_a%' or duration_ms = null order by span_id limit 3",
      ],
    ];
    const nowMicros = Date.now() * 1000;
    const answers = async () => {
      const all: unknown[] = [];
      for (const argv of asked) all.push((await json([...argv, '--db', db], {nowMicros})).data);
      return JSON.parse(JSON.stringify(all, (key, value) => (/^(estimateMs|planBefore)$/.test(key) ? null : value)));
    };
    const before = await answers();
    const settings = {
      standard_conforming_strings: 'off',
      quote_all_identifiers: 'on',
      transform_null_equals: 'on',
      datestyle: "'German, DMY'",
      timezone: "'Pacific/Chatham'",
      extra_float_digits: '-5',
      bytea_output: "'escape'",
      default_transaction_isolation: "'serializable'",
      default_transaction_deferrable: 'on',
      row_security: 'off',
      gin_fuzzy_search_limit: '1',
    };
    for (const [setting, value] of Object.entries(settings))
      await client.query(`alter database ${name} set ${setting} = ${value}`);
    expect(await answers()).toEqual(before);
    expect(await cli(['migrate', '--yes', '--db', db])).toMatchObject({code: 0});
    expect((await json(['migrate', '--yes', '--db', db])).data).toMatchObject({plan: {steps: []}, result: null});
    await client.end();
  });

  it('with columns of an extension’s type are read, pruned and migrated as others are', async () => {
    const {db, client} = await openDatabase();
    const before = (await json(['list', '--limit', '0', '--db', db])).data;
    await client.query('create extension citext schema public');
    for (const [table, columns] of [
      ['agno_spans', ['name', 'status_code', 'start_time', 'created_at', 'span_kind']],
      ['agno_traces', ['name', 'status', 'run_id', 'session_id', 'user_id', 'start_time', 'created_at']],
    ] as const)
      for (const column of columns) await client.query(`alter table ai.${table} alter ${column} type public.citext`);
    await client.end();
    expect((await json(['list', '--limit', '0', '--db', db])).data).toEqual(before);
    expect(await cli(['show', 'tool-error', '--db', db])).toMatchObject({code: 0});
    expect(await cli(['migrate', '--yes', '--db', db])).toMatchObject({code: 0});
    const atOnce = ['--yes', '--expect-max', '1000', '--force', '--settle', '0s'];
    await settled();
    const {data} = await json(['prune', '--older-than', '1h', ...atOnce, '--db', db]);
    expect(data.result.traces).toBeGreaterThan(10);
  });
});

describe('tables of others', () => {
  it('that are temporary, or that may not be read, stand in nobody’s way', async () => {
    const {db, client} = await openDatabase();
    const role = `r_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
    await client.query(`
      create temp table agno_spans (a int);
      create schema closed;
      create table closed.agno_spans as select * from ai.agno_spans;
      create table closed.agno_traces as select * from ai.agno_traces;
      create role ${role} login password 'plain-pw';
      grant usage on schema ai to ${role};
      grant select on all tables in schema ai to ${role}`);
    const asRole = new URL(db);
    [asRole.username, asRole.password] = [role, 'plain-pw'];
    for (const command of ['list', 'slowest', 'doctor'])
      expect(await cli([command, '--db', asRole.href])).toMatchObject({code: 0});
    await client.query('drop schema closed cascade');
    // The superuser may read whatever is there; the temporary table still does not count.
    expect(await cli(['list', '--db', db])).toMatchObject({code: 0});
    await client.end();
  });
});

describe('row-level security', () => {
  it('is said wherever it may hide rows, and nothing is pruned under it', async () => {
    const {db, client} = await openDatabase();
    const role = `r_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
    await client.query(`
      create role ${role} login password 'plain-pw';
      grant usage on schema ai to ${role};
      grant select, update, delete on all tables in schema ai to ${role};
      alter table ai.agno_spans enable row level security;
      create policy inner_spans on ai.agno_spans using (parent_span_id is not null)`);
    const asRole = new URL(db);
    [asRole.username, asRole.password] = [role, 'plain-pw'];
    for (const argv of [['list'], ['slowest']]) {
      const {notes} = await json([...argv, '--db', asRole.href]);
      expect(notes.join('\n')).toMatch(/row-level security may hide rows of "ai"\."agno_spans"/);
    }
    const count = async () => (await client.query('select count(*)::int as n from ai.agno_spans')).rows[0].n;
    const spans = await count();
    const atOnce = ['--yes', '--expect-max', '1000', '--force', '--settle', '0s'];
    const {code, err} = await cli(['prune', '--older-than', '1h', ...atOnce, '--db', asRole.href]);
    expect(err).toMatch(/^error: row-level security may hide rows .*\nhint: .*BYPASSRLS/m);
    expect([code, await count()]).toEqual([EXIT.unreachable, spans]);
    expect((await json(['list', '--db', db])).notes.join('\n')).not.toMatch(/row-level/);
    await client.end();
  });
});

describe('a trigger of the user’s on Agno’s tables', () => {
  it('that relies on the path is named in the plan and in the error, with the statement that mends it', async () => {
    const {db, client} = await openDatabase();
    await client.query(`
      create table public.audit (span_id varchar);
      create function public.log_delete() returns trigger language plpgsql as
        $f$ begin insert into audit values (old.span_id); return old; end $f$;
      create trigger audited after delete on ai.agno_spans for each row execute function public.log_delete()`);
    const alter = 'alter function public.log_delete() set search_path = public, pg_temp;';
    const atOnce = ['--older-than', '1h', '--yes', '--expect-max', '1000', '--force', '--settle', '0s'];
    const planned = await cli(['prune', '--older-than', '1h', '--dry-run', '--db', db]);
    expect(planned.code).toBe(0);
    expect(`${planned.out}${planned.err}`).toContain(alter);
    const failed = await cli(['prune', ...atOnce, '--db', db]);
    expect(failed.code).toBe(EXIT.failed);
    expect(failed.err).toMatch(/a trigger on the table fails: .*audit.*audited on ai\.agno_spans/);
    expect(failed.err).toContain(alter);
    expect((await client.query('select count(*)::int as n from ai.agno_spans')).rows[0].n).toBe(275);
    await client.query(alter);
    await settled();
    expect(await cli(['prune', ...atOnce, '--db', db])).toMatchObject({code: 0});
    expect((await client.query('select count(*)::int as n from public.audit')).rows[0].n).toBeGreaterThan(200);
    await client.end();
  });
});

describe('an index of ours that was bound to somebody’s own operator', () => {
  it('is found by doctor and migrate, and made again', async () => {
    const {db, client} = await openDatabase();
    await client.query(`
      create function public.mine(a varchar, b varchar) returns bool language sql immutable as
        'select a::text operator(pg_catalog.~~) b::text';
      create operator public.~~ (leftarg = varchar, rightarg = varchar, function = public.mine);
      create index agnotrace_agno_spans_run_id on ai.agno_spans (("left"(attributes ->> 'agno.run.id', 64) collate "C"))
        where name operator(public.~~) '%run'::varchar or name like '%.\\_aexecute%' escape '\\'`);
    const findings = (await json(['doctor', '--db', db])).data.findings as {
      id: string;
      severity: string;
      text: string;
    }[];
    expect(findings.find(({id}) => id === 'foreign-operators')).toMatchObject({severity: 'error', count: 1});
    const {data} = await json(['migrate', '--dry-run', '--db', db]);
    const step = data.plan.steps.find((one: {object: string}) => one.object === 'agnotrace_agno_spans_run_id');
    expect(step).toMatchObject({action: 'repair', why: expect.stringContaining('operator public.~~')});
    expect(await cli(['migrate', '--yes', '--db', db])).toMatchObject({code: 0});
    const after = (await json(['doctor', '--db', db])).data.findings as {id: string}[];
    expect(after.map(({id}) => id)).not.toContain('foreign-operators');
    await client.end();
  });
});

describe('sql', () => {
  it('refuses volatile functions behind what a statement names, and takes the harmless ones', async () => {
    const {db, client} = await openDatabase();
    await client.query(`
      create schema opx;
      create function opx.locks(int, int) returns bool language sql volatile as 'select pg_advisory_lock($1) is null';
      create operator opx.### (leftarg = int, rightarg = int, function = opx.locks);
      create view opx.tells as select pg_notify('x', 'y') is null as x;
      create view opx.above as select * from opx.tells;
      create view opx.file as select pg_read_file('/etc/passwd') as f;
      create function opx.checked(text) returns bool language sql volatile as 'select pg_advisory_lock(1) is null or true';
      create domain opx.guarded as text check (opx.checked(value));
      create view opx.cast_within as select 'a'::text::opx.guarded as x;
      create function opx.step(int, int) returns int language sql volatile as 'select $1';
      create aggregate opx.total(int) (sfunc = opx.step, stype = int);
      create type opx.label as enum ('a');
      create function opx.to_label(int) returns opx.label language sql volatile as $$select 'a'::opx.label$$;
      create cast (int as opx.label) with function opx.to_label(int);
      create function public.random() returns float8 language sql volatile as 'select 4.0::float8';
      create view public.lucky as select pg_catalog.random() < 2 as x, clock_timestamp() is not null as y`);
    const refused = [
      'select 1 operator(opx.###) 2',
      'select x from opx.tells',
      'select x from opx.above',
      'select left(f, 30) from opx.file',
      'select count(*) from pg_hba_file_rules',
      "select 'a'::opx.guarded",
      "select cast('a' as opx.guarded)",
      "select opx.guarded 'a'",
      'select x from opx.cast_within',
      'select opx.total(1)',
      'select 1::opx.label',
      'select public.random()',
    ];
    for (const statement of refused) {
      const {code, err} = await cli(['sql', '--db', db, statement]);
      expect(err, statement).toMatch(/^error: function ".*" is refused: sql only reads\.\nhint: /);
      expect(code).toBe(EXIT.usage);
    }
    const taken = ['select x, y from lucky', 'select count(*) from pg_locks', 'select 1 + 2 <> 3', 'table lucky'];
    for (const statement of taken) expect(await cli(['sql', '--db', db, statement])).toMatchObject({code: 0});
    await client.end();
  });
});
