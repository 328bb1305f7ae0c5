import path from 'node:path';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {complete} from '../../src/cli/run.ts';
import {cli, json} from '../cli.ts';
import {openFixture, settled, temporaryFolder} from '../databases.ts';
import {plantHostileSchema} from './hostile-schema.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

/** Lines that between them send every statement that only reads. */
const READING: readonly (readonly string[])[] = [
  ['list', '--limit', '0'],
  ['list', '--session', 'http-stream'],
  ['list', '--user', 'nobody'],
  ['list', '--run', 'abc'],
  ['list', '--agent', 'weather*'],
  ['list', '--state', 'running'],
  ['list', '--query', String.raw`(team:* OR "it's \\ 5%") -user:x tokens:>1k tool:get*`],
  ['list', '--sort', 'duration', '--last', '3650d'],
  ['list', '--traffic'],
  ['show', 'latest', '--io', 'full'],
  ['show', 'tool-error'],
  ['show', 'model-error', '--span', '6b88e6'],
  ['show', '6b88'],
  ...['slowest', 'stats', 'usage', 'tools', 'models', 'errors', 'agents', 'teams', 'users', 'sessions', 'loops'].map(
    question => [question, '--last', '3650d'],
  ),
  ['slowest', '--by', 'agent'],
  ['grep', 'weather'],
  ['grep', '-i', 'WEATHER', '--last', '3650d'],
  ['diff', 'tool-error', 'model-error'],
  ['transcript', 'latest'],
  ['export', '--all', '--format', 'jsonl'],
  ['doctor', '--all'],
  ['wait', 'latest', '--timeout', '5s'],
  ['tail', '-n', '3', '--for', '1500ms'],
  ['facts', 'rebuild'],
  ['sql', "select name, count(*) from agno_spans where name like '%a%' group by name"],
  ['sql', 'select kind, count(*) from spans group by kind', '--views'],
  ['migrate', 'status'],
];

describe('what others put on the search path is never run', () => {
  it('by any command over tables that are there, whether it reads or writes, nor by those that make the tables', async () => {
    const db = await openFixture('postgres', FIXTURE);
    const {called, counts} = await plantHostileSchema(db);
    // The trap itself: enough stands there, and a statement that depends on the path falls into it.
    expect(counts.operators).toBeGreaterThan(500);
    expect(counts.functions).toBeGreaterThan(1500);
    expect(counts.aggregates).toBeGreaterThan(50);
    expect(counts.relations).toBeGreaterThan(50);
    expect(counts.types).toBeGreaterThan(30);
    expect(await called()).toBeNull();

    const folder = temporaryFolder();
    const env = {XDG_CACHE_HOME: folder};
    for (const argv of READING) {
      const {err} = await cli([...argv, '--db', db], {env});
      expect(err, argv.join(' ')).not.toMatch(/bug in agno-trace/);
    }
    // What was called says in which statement.
    expect(await called()).toBeNull();
    const printed: string[] = [];
    const stdout = {write: (text: string) => void printed.push(text), isTTY: false, columns: undefined};
    const context = {stdout, stderr: stdout, cwd: '/', notes: [], secrets: [], stdin: async () => ''};
    const asking = {...context, env: {...env, AGNO_TRACE_DB: db}, nowMicros: () => Date.now() * 1000};
    await complete(['zsh', 'show', ''], asking, 30_000);
    expect(printed.join('')).toContain('latest');
    expect(printed.join('')).toContain('Agent');
    expect(await called()).toBeNull();

    const archive = path.join(folder, 'a.jsonl');
    const atOnce = ['--yes', '--expect-max', '1000', '--force', '--settle', '1s'];
    const {data: made} = await json(['migrate', '--yes', '--db', db]);
    expect(made.result).toMatchObject({left: []});
    expect(await called()).toBeNull();
    await settled();
    const {data: pruned} = await json(['prune', '--older-than', '1h', ...atOnce, '--archive', archive, '--db', db]);
    expect(pruned.result.traces).toBeGreaterThan(10);
    expect(await called()).toBeNull();
    const {data: restored} = await json(['archive', 'restore', archive, '--yes', '--db', db]);
    expect(restored.result).toBeTruthy();
    expect(await called()).toBeNull();
    for (const argv of [
      ['vacuum', '--yes'],
      ['list', '--session', 'http-stream'],
      ['migrate', '--undo', '--yes'],
    ]) {
      expect(await cli([...argv, '--db', db])).toMatchObject({code: 0});
      expect(await called(), argv.join(' ')).toBeNull();
    }

    const owner = new pg.Client({connectionString: db});
    await owner.connect();
    await owner.query('drop schema ai cascade');
    await owner.end();
    expect(await cli(['migrate', '--yes', '--db', db])).toMatchObject({code: 0});
    expect(await called()).toBeNull();
    expect(await cli(['migrate', '--undo', '--yes', '--db', db])).toMatchObject({code: 0});
    expect(await cli(['demo', '--traces', '20', '--db', db, '--schema', 'played'])).toMatchObject({code: 0});
    expect(await called()).toBeNull();
    const live = ['demo', '--live', '--speed', '1000', '--for', '2s', '--db', db, '--schema', 'played'];
    expect((await cli(live)).err).not.toMatch(/^error/);
    expect(await called()).toBeNull();

    const client = new pg.Client({connectionString: db, application_name: 'agno-trace'});
    await client.connect();
    await client.query("select 'a'::varchar = 'b'::text").catch(() => undefined);
    await client.end();
    expect(await called()).toMatch(/^(operator =|type )/);
  });
});
