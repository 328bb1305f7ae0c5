import {expect, it} from 'vitest';
import {ANSWERS, plantedRuns} from '../attribute-runs.ts';
import {json} from '../cli.ts';
import {insert, newClickhouseDatabase, rowsOf} from '../clickhouse-databases.ts';
import {databaseOf} from '../databases-of-traces.ts';

it('any attribute in -q selects the same runs on ClickHouse', async () => {
  const file = await databaseOf('sqlite', plantedRuns());
  const {name, url} = await newClickhouseDatabase();
  for (const table of ['agno_traces', 'agno_spans'] as const) await insert(name, table, rowsOf(file, table));
  for (const [query, labels] of ANSWERS) {
    const {data} = await json(['list', '--db', url, '-n', '0', '-q', query]);
    expect(data.map((run: {sessionId: string}) => run.sessionId).sort(), query).toEqual([...labels].sort());
  }
});
