import Database from 'better-sqlite3';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {missingIndexes} from '../../src/runs/look-up.ts';
import {cli, json} from '../cli.ts';
import {openFixture, sqliteCopy} from '../databases.ts';

const FIXTURE = 'agno-3.1.10-shop.sqlite';
const TABLE = {schema: 'ai', name: 'agno_spans', qualifiedName: '"ai"."agno_spans"'};

interface Row {
  run_id: string;
  session_id: string;
}

/** A database whose trace rows know no run, with some spans that Postgres cannot look into. */
async function openWithEmptyRows(): Promise<{db: string; client: pg.Client; opaque: Row; plain: Row}> {
  const db = await openFixture('postgres', FIXTURE);
  const client = new pg.Client({connectionString: db});
  await client.connect();
  await client.query('update ai.agno_traces set run_id = null, session_id = null, user_id = null');
  await client.query('drop table if exists ai.agno_runs, ai.agno_sessions');
  const {rows} = await client.query<Row & {span_id: string}>(
    `select span_id, attributes ->> 'agno.run.id' as run_id, attributes ->> 'session.id' as session_id
       from ai.agno_spans s
      where name like '%.run' and attributes ->> 'agno.run.id' is not null and attributes ->> 'session.id' is not null
        and parent_span_id is null
      order by start_time limit 2`,
  );
  await client.query('update ai.agno_spans set attributes = to_jsonb(attributes::text) where span_id = $1', [
    rows[0]!.span_id,
  ]);
  return {db, client, opaque: rows[0]!, plain: rows[1]!};
}

describe('look-ups of ids that only spans know', () => {
  it('give the same with the indexes that doctor names as without, and ask nothing but these', async () => {
    const {db, client, opaque, plain} = await openWithEmptyRows();
    const {rows} = await client.query<{user_id: string}>(
      `select attributes ->> 'user.id' as user_id from ai.agno_spans where attributes ->> 'user.id' is not null limit 1`,
    );
    const asked = [opaque, plain].flatMap(({run_id, session_id}) => [
      ['show', run_id],
      ['show', run_id.slice(0, 9)],
      ['list', '--session', session_id, '--limit', '0'],
      ['list', '--session', session_id, '--limit', '1'],
      ['list', '--run', run_id],
    ]);
    asked.push(['list', '--user', rows[0]!.user_id, '--limit', '0'], ['list', '--session', "no'body%"]);
    const answersOf = () => Promise.all(asked.map(async argv => (await json([...argv, '--db', db])).data));
    const before = await answersOf();
    expect(JSON.stringify(before[0])).toContain(opaque.run_id);
    expect(JSON.stringify(before[2])).toContain(opaque.run_id);
    for (const statement of missingIndexes({...TABLE, indexes: []})) await client.query(statement);
    await client.end();
    expect(await answersOf()).toEqual(before);
    const {out} = await cli(['list', '--session', plain.session_id, '--print-sql', '--db', db]);
    expect(out).not.toMatch(/offset \d+/);
  });

  it('use the indexes where the table is worth it', async () => {
    const {db, client, plain} = await openWithEmptyRows();
    for (const statement of missingIndexes({...TABLE, indexes: []})) await client.query(statement);
    const {out} = await cli(['list', '--session', plain.session_id, '--print-sql', '--db', db]);
    const lookUp = out.split(';').find(text => text.includes("'session.id', 64"))!;
    // On a table this small the whole of it is cheaper, so that is taken away.
    await client.query('set enable_seqscan = off; set enable_indexscan = off');
    const {rows} = await client.query(`explain ${lookUp}`);
    await client.end();
    const plan = rows.map(row => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('agnotrace_agno_spans_session_id');
    expect(plan).toContain('agnotrace_agno_spans_opaque');
    expect(plan).not.toContain('Seq Scan');
  });

  it('name only the indexes that are not there as they should be, and replace one that a failed attempt left', async () => {
    const {client} = await openWithEmptyRows();
    const [first, second, third, fourth] = missingIndexes({...TABLE, indexes: []});
    await client.query(first!);
    await client.query(second!.replace('session.id', 'session'));
    const {rows} = await client.query(
      `select c.relname as name, pg_get_indexdef(c.oid) as definition from pg_index i join pg_class c on c.oid = i.indexrelid
        where i.indrelid = 'ai.agno_spans'::regclass`,
    );
    await client.end();
    const indexes = rows.map(row => ({...row, columns: [null], isValid: true, isPartial: true, foreign: []}));
    const left = {...indexes[0], name: 'agnotrace_agno_spans_user_id', isValid: false, definition: third!};
    const drop = (name: string) => `DROP INDEX CONCURRENTLY IF EXISTS "ai"."agnotrace_agno_spans_${name}"; `;
    expect(missingIndexes({...TABLE, indexes: [...indexes, left]})).toEqual([
      drop('session_id') + second,
      drop('user_id') + third,
      fourth,
    ]);
  });
});

it('what is looked for beside and behind a run is found by time or trace: no statement reads every root of the table', async () => {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const db = new Database(file);
  for (const isAnalyzed of [false, true]) {
    if (isAnalyzed) db.exec('analyze');
    for (const asked of ['latest', 'team-human-in-the-loop']) {
      const {out} = await cli(['show', asked, '--db', file, '--print-sql']);
      const all = out.split(/;\n/).filter(text => /^select/m.test(text));
      // Where an id is looked up, one parent is asked for.
      const statements = all.filter(text => !/parent_span_id = /.test(text));
      expect(statements.length).toBeGreaterThan(5);
      const plans = statements.map(text => JSON.stringify(db.prepare(`explain query plan ${text}`).all()));
      expect(plans.join('\n')).toContain('idx_agno_spans_start_time');
      expect(plans.filter(plan => /parent_span_id=\?/.test(plan))).toEqual([]);
    }
  }
  db.close();
});
