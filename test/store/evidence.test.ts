import Database from 'better-sqlite3';
import {expect, it} from 'vitest';
import {sql, table} from '../../src/sql/sql.ts';
import {openRunTables} from '../../src/store/evidence.ts';
import {parseSource} from '../../src/store/source.ts';
import {sqliteCopy} from '../fixtures.ts';

it("Agno's own run tables are not asked again once they could not be read, and that is said once", async () => {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const said: string[] = [];
  const evidence = await openRunTables(parseSource(file, '--runs-db', {}, '/'), {
    tables: {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 10_000,
    warn: text => void said.push(text),
  });
  const query = sql`select r.run_id from ${table('runs')} r`;
  expect(evidence.tables.runs).toBeDefined();
  expect((await evidence.all(query)).length).toBeGreaterThan(10);
  const writer = new Database(file);
  writer.exec('drop table agno_runs');
  writer.close();
  expect(await evidence.all(query)).toEqual([]);
  // Who asks looks first whether they are there.
  expect(evidence.tables).toEqual({});
  expect(said).toEqual([expect.stringMatching(/^Agno's own run status is ignored: /)]);
  await evidence.close();
});
