import {execFile} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {json} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {type CatalogueRow, catalogueOf} from '../migrations/catalogue.ts';
import {AGNO_VERSIONS, pythonWith} from './python.ts';

/** Real Agno from PyPI writes into what migrate made and upgraded, beside tables that it made itself for comparison. */
const PROGRAM = new URL('agno_tables.py', import.meta.url).pathname;
const TRACES = 5;
const run = promisify(execFile);

/** What Agno says beyond its greeting. */
async function letAgnoWrite(python: string, db: string): Promise<string[]> {
  const url = db.startsWith('/') ? `sqlite:///${db}` : db.replace(/^postgresql:/, 'postgresql+psycopg:');
  const {stdout, stderr} = await run(python, [PROGRAM, url, String(TRACES)], {timeout: 120_000});
  return `${stdout}\n${stderr}`.split('\n').filter(line => line.trim() !== '' && !/successfully set up/.test(line));
}

async function openEmpty(backend: Backend): Promise<string> {
  if (backend === 'postgres') return (await newPostgresDatabase()).url;
  const file = path.join(temporaryFolder(), 'agno.db');
  writeFileSync(file, '');
  return file;
}

/** The shape without a foreign key, as async adapters of Agno 2.3.5 made it. */
async function openOlderShape(backend: Backend): Promise<string> {
  const statements = agnoTables(backend, 'ai').map(text => text.replace(/, \n\tFOREIGN KEY.*\n/, '\n'));
  if (backend === 'postgres') {
    const {url, client} = await newPostgresDatabase();
    for (const statement of statements) await client.query(statement);
    return url;
  }
  const file = await openEmpty(backend);
  const db = new Database(file);
  for (const statement of statements) db.exec(statement);
  db.close();
  return file;
}

const golden = (version: string, backend: Backend): CatalogueRow[] =>
  JSON.parse(readFileSync(new URL(`../golden/catalogue/${version}.${backend}.json`, import.meta.url), 'utf8'));
const ofAgno = (rows: readonly CatalogueRow[]) => rows.filter(({name}) => !name.startsWith('agnotrace_'));

describe.each(AGNO_VERSIONS)('Agno %s', version => {
  it.for(BACKENDS)(
    'writes into tables on %s that migrate made and upgraded as into its own, without a word',
    {timeout: 400_000},
    async (backend, {skip}) => {
      const python = await pythonWith(version).catch((error: Error) => error);
      if (python instanceof Error) {
        process.stderr.write(`skipped: real Agno ${version} after migrate: ${python.message}\n`);
        return skip(python.message);
      }
      const offline = backend === 'sqlite' ? ['--offline'] : [];
      const own = await openEmpty(backend);
      expect(await letAgnoWrite(python, own)).toEqual([]);
      const expected = await catalogueOf(own);
      expect(expected).toEqual(golden(version, backend));
      for (const open of [openEmpty, openOlderShape]) {
        const db = await open(backend);
        await json(['migrate', '--yes', '--db', db, ...offline]);
        const made = await catalogueOf(db);
        expect(ofAgno(made)).toEqual(expected);
        expect(await letAgnoWrite(python, db)).toEqual([]);
        expect((await json(['list', '--db', db])).data).toHaveLength(TRACES);
        expect(await catalogueOf(db)).toEqual(made);
      }
      // And migrate has nothing of Agno's own to add to what Agno made.
      const {data} = await json(['migrate', '--dry-run', '--db', own]);
      expect(data.plan.steps.filter(({object}: {object: string}) => !object.startsWith('agnotrace_'))).toEqual([]);
    },
  );

  it('writes as a role that may create nothing, once migrate has made the tables', {timeout: 400_000}, async ({
    skip,
  }) => {
    const python = await pythonWith(version).catch((error: Error) => error);
    if (python instanceof Error) return skip(python.message);
    const {url, client} = await newPostgresDatabase();
    const role = `app_${process.pid}_${Date.now()}`;
    await client.query(`create role ${role} login password 'app'`);
    const {hostname, port, pathname} = new URL(url);
    await json(['migrate', '--yes', '--db', url]);
    await client.query(
      `grant usage on schema ai to ${role}; grant select, insert, update on ai.agno_traces, ai.agno_spans to ${role}`,
    );
    expect(await letAgnoWrite(python, `postgresql://${role}:app@${hostname}:${port}${pathname}`)).toEqual([]);
    expect((await json(['list', '--db', url])).data).toHaveLength(TRACES);
    await client.query(`drop owned by ${role}`);
  });
});
