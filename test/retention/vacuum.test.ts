import {statSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {cli, json} from '../cli.ts';
import {openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {agnoWriter} from '../writer-process.ts';

const FIXTURE = 'agno-3.1.10-shop.sqlite';

/** A file of which most pages are free: what prune leaves behind. */
function prunedFile(setup: readonly string[]): string {
  const file = path.join(temporaryFolder(), 'pruned.db');
  const db = new Database(file);
  for (const statement of setup) db.exec(statement);
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  db.exec(`attach '${sqliteCopy(FIXTURE)}' as other; pragma foreign_keys = off;
    insert into agno_traces select * from other.agno_traces; insert into agno_spans select * from other.agno_spans`);
  const columns =
    'parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at';
  db.exec(`insert into agno_spans (span_id, trace_id, ${columns}) select span_id || '-' || i, trace_id, ${columns}
    from other.agno_spans, (with recursive n(i) as (values (1) union all select i + 1 from n where i < 8) select i from n);
    delete from agno_spans where span_id like '%-%'`);
  db.close();
  return file;
}

function look(file: string) {
  const db = new Database(file, {readonly: true});
  const answer = {
    free: db.pragma('freelist_count', {simple: true}) as number,
    pages: db.pragma('page_count', {simple: true}) as number,
    check: db.pragma('integrity_check', {simple: true}),
    journal: db.pragma('journal_mode', {simple: true}),
    spans: db.prepare('select count(*) from agno_spans').pluck().get(),
  };
  db.close();
  return answer;
}

describe.each(['delete', 'wal'])('vacuum of a SQLite file in %s mode', journal => {
  it('gives free pages back in small steps where the file allows it, beside a program that writes', async () => {
    const file = prunedFile(['pragma auto_vacuum = 2', `pragma journal_mode = ${journal}`]);
    const before = look(file);
    expect(before.free).toBeGreaterThan(500);
    const writer = await agnoWriter(file, {everyMs: 20});
    const {data} = await json(['vacuum', '--yes', '--db', file]);
    expect(await writer.stop()).toMatchObject({lost: 0});
    expect(data.plan).toMatchObject({method: 'incremental', blocked: null, freeBytes: expect.any(Number)});
    expect(data.result.steps).toBeGreaterThan(1);
    expect(data.result.bytesAfter).toBeLessThan(data.result.bytesBefore / 2);
    const after = look(file);
    expect(after).toMatchObject({check: 'ok', journal});
    expect(after.pages).toBeLessThan(before.pages / 2);
  });

  it('needs --offline for a whole file, says why, and refuses one that is in use', async () => {
    const file = prunedFile([`pragma journal_mode = ${journal}`]);
    const before = look(file);
    const refused = await cli(['vacuum', '--yes', '--db', file]);
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(
        /^error: nothing was changed: it would block Agno's writes.*\nhint: Stop the program.*--offline/,
      ),
    ]);
    expect(refused.out).toMatch(/takes .*\n.*room +needs .* of the .* free/);
    expect(look(file)).toEqual(before);
    const writer = await agnoWriter(file);
    const inUse = await cli(['vacuum', '--yes', '--offline', '--db', file]);
    expect([inUse.code, inUse.err]).toEqual([4, expect.stringMatching(/is open in ".*" \(process \d+\)/)]);
    expect(await writer.stop()).toMatchObject({lost: 0});
    const written = look(file);
    // The writer took some of it; a vacuum would have left none.
    expect(written.free).toBeGreaterThan(0);
    const {data} = await json(['vacuum', '--yes', '--offline', '--db', file]);
    expect(data.plan).toMatchObject({method: 'full', sql: ['VACUUM']});
    expect(look(file)).toMatchObject({free: 0, check: 'ok', journal, spans: written.spans});
    expect(statSync(file).size).toBe(data.result.bytesAfter);
    const nothing = await json(['vacuum', '--yes', '--db', file]);
    expect(nothing.data).toMatchObject({plan: {method: 'none'}, result: null});
  });
});

describe('vacuum', () => {
  it('of a SQLite file changes nothing without --yes', async () => {
    const file = prunedFile(['pragma auto_vacuum = 2']);
    const before = look(file);
    expect(await cli(['vacuum', '--db', file])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/--yes is required/),
    });
    expect(await cli(['vacuum', '--dry-run', '--db', file])).toMatchObject({code: 0});
    expect(look(file)).toEqual(before);
  });

  it('of Postgres is the plain one of both tables, and makes room for new rows', async () => {
    const db = await openFixture('postgres', FIXTURE);
    const client = new pg.Client({connectionString: db});
    await client.connect();
    await client.query("delete from ai.agno_spans where name like '%invoke%'");
    const writer = await agnoWriter(db);
    const {data} = await json(['vacuum', '--yes', '--db', db]);
    expect(await writer.stop()).toMatchObject({lost: 0});
    expect(data.plan).toMatchObject({
      method: 'plain',
      freeBytes: null,
      sql: ['VACUUM (ANALYZE) "ai"."agno_spans"', 'VACUUM (ANALYZE) "ai"."agno_traces"'],
    });
    expect(data.result).toMatchObject({steps: 2, stoppedBy: null});
    const {rows} = await client.query(
      "select relpages > 0 and reltuples >= 0 as counted from pg_class where oid in ('ai.agno_spans'::regclass, 'ai.agno_traces'::regclass)",
    );
    expect(rows).toEqual([{counted: true}, {counted: true}]);
    await client.end();
  });
});
