import path from 'node:path';
import Database from 'better-sqlite3';
import pg from 'pg';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {type Backend, openFixture, temporaryFolder} from '../databases.ts';

export const FIXTURE = 'agno-3.1.10-pictures.sqlite';

/** Runs SQL of a test's own, as the user of the database would. */
export async function send(url: string, ...statements: string[]): Promise<void> {
  if (/^postgres/.test(url)) {
    const client = new pg.Client({connectionString: url});
    await client.connect();
    for (const statement of statements) await client.query(statement);
    await client.end();
    return;
  }
  const db = new Database(url);
  for (const statement of statements) db.exec(statement);
  db.close();
}

/** The shape that async adapters of Agno 2.3.5 to 2.3.22 made: without the foreign key. */
export async function openOlderShape(backend: Backend): Promise<string> {
  if (backend === 'postgres') {
    const url = await openFixture(backend, FIXTURE);
    await send(url, 'alter table ai.agno_spans drop constraint agno_spans_trace_id_fkey');
    return url;
  }
  const file = path.join(temporaryFolder(), 'older.db');
  const key = ', \n\tFOREIGN KEY(trace_id) REFERENCES agno_traces (trace_id)';
  await send(file, ...agnoTables('sqlite', '').map(text => text.replace(key, '')));
  const source = await openFixture('sqlite', FIXTURE);
  await send(
    file,
    `attach '${source}' as other`,
    'insert into agno_traces select * from other.agno_traces',
    'insert into agno_spans select * from other.agno_spans',
  );
  return file;
}
