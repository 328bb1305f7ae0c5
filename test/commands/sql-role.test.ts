import pg from 'pg';
import {expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {openFixture} from '../databases.ts';

it('the role that sql --help makes can read, and none of what others notice', async () => {
  const db = await openFixture('postgres', 'agno-3.1.10-pictures.sqlite');
  const {out} = await cli(['sql', '--help']);
  const id = `${process.pid}_${Math.random().toString(36).slice(2, 8)}`;
  const statements = /^ {2}create role[\s\S]*end \$\$;$/m.exec(out)![0];
  const client = new pg.Client({connectionString: db});
  await client.connect();
  await client.query(`create role app_${id}`);
  await client.query(
    statements.replaceAll('trace_reader', `reader_${id}`).replace('to app', `to app_${id}`).replace("'...'", "'pw'"),
  );
  await client.end();
  const url = new URL(db);
  [url.username, url.password] = [`reader_${id}`, 'pw'];
  const reader = new pg.Client({connectionString: url.href});
  await reader.connect();
  for (const call of ['random()', 'clock_timestamp()', "pg_relation_size('ai.agno_spans')", 'gen_random_uuid()'])
    await reader.query(`select ${call}`);
  for (const call of [
    "pg_notify('x', 'y')",
    'pg_advisory_lock(1)',
    'pg_try_advisory_xact_lock(1)',
    'lo_create(0)',
    'txid_current()',
    'pg_current_xact_id()',
  ])
    await expect(reader.query(`select ${call}`), call).rejects.toMatchObject({code: '42501'});
  await expect(reader.query('delete from ai.agno_spans')).rejects.toMatchObject({code: '42501'});
  await reader.end();
  expect(await cli(['list', '--db', url.href])).toMatchObject({code: 0});
});
