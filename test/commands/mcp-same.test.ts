import {readdirSync} from 'node:fs';
import path from 'node:path';
import {expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli} from '../cli.ts';
import {fixture, sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {IS_LONG} from '../long.ts';
import {sameAsCommands} from '../mcp-calls.ts';
import {jsonOf, mcpClient} from '../mcp-client.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z') * 1000;

// In the long suite on each of them.
it('every tool answers as its command on databases of the truth set, and on the demo', async () => {
  const folder = temporaryFolder();
  const options = {cwd: folder, env: {HOME: folder, AGNO_TRACE_CACHE: path.join(folder, 'cache')}, nowMicros: NOW};
  const demo = path.join(folder, 'demo.db');
  expect((await cli(['demo', '--path', demo], options)).code).toBe(EXIT.done);
  const count = {answered: 0, failed: 0};
  const truth = readdirSync(fixture('truth'))
    .filter(name => name.endsWith('.sqlite'))
    .filter((_, i) => IS_LONG || i % 4 === 0);
  for (const db of [...truth.map(name => sqliteCopy(`truth/${name}`)), demo]) {
    // Questions say how many spans were read for them: none any more.
    expect((await cli(['stats', '--db', db], options)).code).toBe(EXIT.done);
    const server = await mcpClient(['--db', db, '--allow-sql'], options);
    const listed = jsonOf(await server.call('list_runs', {limit: 1, sort: 'spans'})).data[0];
    const run = listed.runId ?? listed.traceId;
    const shown = jsonOf(await server.call('show_run', {id: run}));
    const span = shown.data?.spans.at(-1).spanId ?? 'none';
    const same = await sameAsCommands(server, {db, run, span}, options);
    count.answered += same.answered;
    count.failed += same.failed;
    expect(await server.leave(), db).toEqual({code: EXIT.done, err: ''});
  }
  // Only `wait` of runs that never end, and questions about what a database lacks.
  expect(count.answered).toBeGreaterThan(count.failed * 20);
});
