import {spawn} from 'node:child_process';
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it, vi} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli} from '../cli.ts';
import {openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {BIN} from '../program.ts';

/** Statements that would change something, anywhere. Each must be refused, in one line, with exit 2. */
const EVERYWHERE = [
  "insert into agno_traces (trace_id) values ('x')",
  "update agno_spans set name = 'x'",
  'delete from agno_spans',
  'with gone as (delete from agno_spans returning 1) select * from gone',
  "with made as (insert into agno_traces (trace_id) values ('x') returning 1) select * from made",
  "with changed as (update agno_spans set name = 'x' returning 1) select * from changed",
  'with x as (select 1) delete from agno_spans',
  "with x as (select 1) insert into agno_traces (trace_id) select 'x'",
  "with x as (select 1) update agno_spans set name = 'x'",
  'create table x (a int)',
  'create temp table x (a int)',
  'create view x as select 1',
  'create index x on agno_spans (name)',
  'create table x as select * from agno_spans',
  'drop table agno_spans',
  'alter table agno_spans add column x int',
  'alter table agno_spans rename to x',
  'reindex',
  'analyze',
  'vacuum',
  'begin',
  'begin immediate',
  'commit',
  'rollback',
  'end',
  'savepoint x',
  'release x',
  'select 1; delete from agno_spans',
  'select 1; commit; delete from agno_spans',
  '; delete from agno_spans',
  'select 1 /* ; */ ; delete from agno_spans -- ',
  '/* select */ delete from agno_spans',
  '-- select\ndelete from agno_spans',
  "select ';' ; drop table agno_spans",
  'explain delete from agno_spans',
  'explain analyze delete from agno_spans',
  '(delete from agno_spans)',
  'replace into agno_traces (trace_id) values (1)',
  '',
  '  -- nothing\n',
];

const POSTGRES = [
  'truncate ai.agno_spans',
  'merge into ai.agno_spans s using (select 1) x on true when matched then delete',
  'select * into x from ai.agno_spans',
  'with x as (select 1) select * into y from x',
  'select * from ai.agno_spans for update',
  'select * from ai.agno_spans for no key update',
  'select * from ai.agno_spans for share',
  'select * from ai.agno_spans for key share skip locked',
  'explain (analyze) delete from ai.agno_spans',
  'explain (analyze, format json) update ai.agno_spans set name = 1',
  'explain analyze create table x as select 1',
  'explain analyze execute x',
  'explain analyze with gone as (delete from ai.agno_spans returning 1) select * from gone',
  'explain analyze select pg_terminate_backend(pg_backend_pid())',
  'explain analyze select * from ai.agno_spans for update',
  "copy ai.agno_spans to '/tmp/agno-trace-copy'",
  'copy ai.agno_spans to stdout',
  'copy (select 1) to program $$touch /tmp/agno-trace-program$$',
  "copy ai.agno_spans from '/etc/passwd'",
  'do $$ begin delete from ai.agno_spans; end $$',
  'call something()',
  'prepare x as delete from ai.agno_spans',
  'execute x',
  'deallocate all',
  'declare x cursor for select 1',
  'fetch all from agno_trace_sql',
  'close all',
  'set transaction read write',
  'set session characteristics as transaction read write',
  "set search_path = 'x'",
  'set local statement_timeout = 0',
  'reset all',
  'discard all',
  'listen x',
  'notify x',
  'unlisten *',
  'lock table ai.agno_spans in access exclusive mode',
  'start transaction read write',
  "prepare transaction 'x'",
  "commit prepared 'x'",
  'abort',
  'grant select on ai.agno_spans to public',
  'revoke select on ai.agno_spans from public',
  'comment on table ai.agno_spans is $$x$$',
  'create role x',
  'alter system set work_mem = 1',
  'checkpoint',
  'cluster',
  "load 'x'",
  'refresh materialized view x',
  'security label on table ai.agno_spans is null',
  'import foreign schema x from server y into z',
  'select pg_terminate_backend(pg_backend_pid())',
  'select pg_cancel_backend(pg_backend_pid())',
  'select PG_TERMINATE_BACKEND (1)',
  'select pg_catalog.pg_terminate_backend(1)',
  'select "pg_terminate_backend"(1)',
  'select "pg_catalog"."pg_terminate_backend"/* */( 1)',
  'select U&"pg\\005fterminate_backend"(1)',
  'select U&"pg!005fterminate_backend" uescape \'!\' (1)',
  'select * from pg_terminate_backend(1)',
  'select 1 where pg_terminate_backend(1)',
  'select 1 order by pg_terminate_backend(1)',
  'values (pg_terminate_backend(1))',
  'with x as (select pg_terminate_backend(1)) select * from x',
  "select ('agno_test_sequence'::regclass).nextval",
  "select (a.b).nextval from (select 'agno_test_sequence'::regclass as b) a",
  'select (array[1])[1].pg_terminate_backend',
  'select (1) /* */ . "pg_terminate_backend"',
  'select (1).PG_terminate_Backend',
  'select (s).agno_test_of_a_row from ai.agno_spans s',
  'select s.agno_test_of_a_row from ai.agno_spans s',
  "select E'\\'' || pg_terminate_backend(1) || E'\\''",
  "select E'a'\n'\\'' || pg_terminate_backend(1)::text || '''",
  'select $x$ $y$ $x$, pg_terminate_backend(1)',
  "select '$a$', pg_terminate_backend(1), '$a$'",
  "select '/*', pg_terminate_backend(1), '*/'",
  "select '--', pg_terminate_backend(1)",
  'select /* /* */ */ pg_terminate_backend(1)',
  'select 1 --\r, pg_terminate_backend(1)',
  "select set_config('transaction_read_only', 'off', false)",
  "select set_config('statement_timeout', '0', false)",
  "select nextval('agno_test_sequence')",
  "select setval('agno_test_sequence', 1000)",
  'select setseed(0.5)',
  "select lo_import('/etc/passwd')",
  "select lo_export(1, '/tmp/agno-trace-lo')",
  'select lo_create(4711)',
  'select lo_unlink(4711)',
  "select lo_from_bytea(4711, 'x')",
  "select lo_put(4711, 0, 'x')",
  "select pg_read_file('/etc/passwd')",
  "select pg_read_binary_file('/etc/passwd')",
  "select * from pg_ls_dir('/')",
  "select pg_stat_file('/etc/passwd')",
  "select * from dblink('dbname=postgres', 'delete from ai.agno_spans') as t(a int)",
  "select dblink_exec('dbname=postgres', 'delete from ai.agno_spans')",
  'select pg_advisory_lock(1)',
  'select pg_try_advisory_lock(1)',
  'select pg_advisory_xact_lock(1)',
  'select pg_advisory_unlock_all()',
  "select pg_notify('x', 'y')",
  'select pg_reload_conf()',
  'select pg_rotate_logfile()',
  'select pg_switch_wal()',
  "select pg_create_restore_point('x')",
  "select pg_create_physical_replication_slot('x')",
  "select pg_logical_emit_message(false, 'x', 'y')",
  'select pg_export_snapshot()',
  'select pg_stat_reset()',
  'select pg_promote()',
  "select query_to_xml('select pg_terminate_backend(1)', true, true, '')",
  "select * from ts_stat('select pg_terminate_backend(1)')",
  "select ts_rewrite('a'::tsquery, 'select pg_terminate_backend(1)')",
  'select txid_current()',
  'select pg_current_xact_id()',
  'select agno_test_writes()',
  'select "Agno_Test ""Writes"()',
  `select agno_test_a_name_of_more_than_sixty_three_bytes_which_the_server_cuts_off_somewhere()`,
  'select 1\0; delete from ai.agno_spans',
  'select $1',
  "select 'open",
  'select "open',
  'select $$open',
  'select /* open',
  'table ai.agno_spans; delete from ai.agno_spans',
  'show all; delete from ai.agno_spans',
  'select 1) ; delete from ai.agno_spans; (select 1',
];

const SQLITE = [
  "attach 'FOLDER/other.db' as other",
  'detach main',
  'pragma journal_mode = wal',
  'pragma journal_mode',
  'pragma query_only = off',
  'pragma writable_schema = on',
  'pragma user_version = 7',
  'pragma wal_checkpoint(truncate)',
  'pragma locking_mode = exclusive',
  'explain pragma user_version = 7',
  "select * from pragma_journal_mode('wal')",
  'select * from pragma_wal_checkpoint',
  'select * from pragma_optimize',
  'select * from "pragma_optimize"',
  'select * from [pragma_optimize]',
  'select * from `pragma_optimize`',
  "select * from 'pragma_optimize'",
  'select * from PRAGMA_OPTIMIZE',
  'select * from main.pragma_optimize',
  'select * from pragma_locking_mode',
  "vacuum into 'FOLDER/other.db'",
  "select load_extension('FOLDER/x.so')",
  'select "load_extension"(\'FOLDER/x.so\')',
  "select LOAD_EXTENSION ('FOLDER/x.so')",
  "select writefile('FOLDER/other.db', 'x')",
  "select readfile('/etc/passwd')",
  "select edit('x')",
  "select fts3_tokenizer('x', x'00')",
  'create virtual table x using fts5(a)',
  'create trigger x after insert on agno_spans begin select 1; end',
  'explain query plan delete from agno_spans',
  'explain insert into agno_traces values (1)',
  'select 1\0; delete from agno_spans',
  'select ?',
  'select @x',
  'select $x',
  "select 'open",
  'select "open',
  'select [open',
];

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

function expectRefused({code, out, err}: {code: number; out: string; err: string}): void {
  expect(err).toMatch(/^error: .+\n(hint: .+\n)?$/);
  expect(err).not.toMatch(/bug in agno-trace/);
  expect(out).toBe('');
  expect(code).toBe(EXIT.usage);
}

describe('sql on Postgres cannot write, even as a superuser', async () => {
  const db = await openFixture('postgres', FIXTURE);
  const client = new pg.Client({connectionString: db});
  await client.connect();
  await client.query(`
    create sequence agno_test_sequence;
    create function agno_test_writes() returns int language sql as 'delete from ai.agno_spans returning 1';
    create function "Agno_Test ""Writes"() returns int language sql as 'delete from ai.agno_spans returning 1';
    create function agno_test_a_name_of_more_than_sixty_three_bytes_which_the_server() returns int language sql
      as 'delete from ai.agno_spans returning 1';
    create function agno_test_of_a_row(ai.agno_spans) returns int language sql as 'delete from ai.agno_spans returning 1';
    create function agno_test_reads() returns bigint stable language sql as 'select count(*) from ai.agno_spans'`);
  const state = async () => {
    const {rows} = await client.query(`
      select (select count(*) from ai.agno_spans)::int as spans, (select count(*) from ai.agno_traces)::int as traces,
             (select string_agg(relname, ' ' order by relname) from pg_class where relnamespace not in
                (select oid from pg_namespace where nspname like 'pg\\_%')) as relations,
             (select last_value from agno_test_sequence)::int as sequence,
             (select count(*) from pg_largeobject_metadata)::int as objects,
             (select count(*) from pg_locks where locktype = 'advisory' and database =
                (select oid from pg_database where datname = current_database()))::int as locks,
             (select count(*) from pg_replication_slots)::int as slots`);
    return rows[0];
  };
  const before = await state();

  it.each([...EVERYWHERE, ...POSTGRES])('%j', async statement => {
    expectRefused(await cli(['sql', '--db', db, '--', statement]));
    expect(await state()).toEqual(before);
  });

  it('and leaves nothing in the file system', () => {
    for (const file of ['/tmp/agno-trace-copy', '/tmp/agno-trace-program', '/tmp/agno-trace-lo'])
      expect(existsSync(file)).toBe(false);
  });

  it('while functions that only read are called', async () => {
    for (const call of [
      'agno_test_reads()',
      "pg_total_relation_size('ai.agno_spans') > 0",
      'now() is not null',
      'random() < 1',
    ]) {
      const {code, err} = await cli(['sql', '--db', db, `select ${call}`]);
      expect([code, err]).toEqual([0, '1 row\n']);
    }
  });

  it('and a long statement ends with the timeout', async () => {
    const {code, err} = await cli(['sql', '--db', db, '--timeout', '200ms', 'select pg_sleep(60)']);
    expect(err).toMatch(/^error: .* was stopped by its statement timeout/);
    expect(code).toBe(EXIT.unreachable);
  });

  it('and closes the connection for the tests', () => client.end());
});

describe('sql on SQLite cannot write', () => {
  const db = sqliteCopy(FIXTURE);
  const file = new Database(db);
  file.pragma('journal_mode = delete');
  file.close();
  const folder = temporaryFolder();
  writeFileSync(path.join(folder, 'x.so'), '');
  const before = readFileSync(db);

  it.each([...EVERYWHERE, ...SQLITE])('%j', async statement => {
    expectRefused(await cli(['sql', '--db', db, '--', statement.replaceAll('FOLDER', folder)]));
    expect(readFileSync(db).equals(before)).toBe(true);
    expect(existsSync(path.join(folder, 'other.db'))).toBe(false);
  });

  it('while the schema can be looked at', async () => {
    const {code, out} = await cli(['sql', '--db', db, "select name from pragma_table_info('agno_spans')", '--jsonl']);
    expect(code).toBe(0);
    expect(out).toContain('{"name":"span_id"}');
  });

  it('and a statement without an end is stopped, so that its lock keeps no writer out', async () => {
    const endless =
      'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n, agno_spans';
    const {code, err} = await cli(['sql', '--db', db, endless]);
    expect(err).toMatch(/^error: the statement took longer than 2 s and was stopped\.\nhint: .*rollback-journal/);
    expect(code).toBe(EXIT.unreachable);
    const writer = new Database(db, {timeout: 0});
    writer.exec("update agno_spans set name = name where span_id = 'nobody'");
    writer.close();
    const short = await cli(['sql', '--db', db, endless, '--timeout', '300ms']);
    expect(short.err).toMatch(/^error: the statement took longer than 0\.3 s/);
  });

  it('and ends with the program that asked, even one that was killed', async () => {
    const endless =
      'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n, agno_spans';
    const asking = spawn(process.execPath, [BIN, 'sql', '--db', db, endless, '--timeout', '60s']);
    const isLocked = () => {
      const writer = new Database(db, {timeout: 0});
      try {
        writer.exec("update agno_spans set name = name where span_id = 'nobody'");
        return false;
      } catch (error) {
        expect((error as {code: string}).code).toBe('SQLITE_BUSY');
        return true;
      } finally {
        writer.close();
      }
    };
    await vi.waitFor(() => expect(isLocked()).toBe(true), {timeout: 120_000});
    asking.kill('SIGKILL');
    await vi.waitFor(() => expect(isLocked()).toBe(false), {timeout: 120_000});
  });
});
