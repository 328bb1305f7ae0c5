import {readdirSync} from 'node:fs';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {BACKENDS, sharedFixture, temporaryFolder} from '../databases.ts';
import {jsonOf, mcpClient, PATIENCE_MS} from '../mcp-client.ts';
import {statOf} from '../processes.ts';

const ENDLESS = {
  sqlite: 'with recursive a(n) as (select 1 union all select n + 1 from a) select count(*) from a',
  postgres: 'select count(*) from generate_series(1, 1000000000000)',
};

describe.each(BACKENDS)('a statement that nobody waits for any more, on %s', async backend => {
  const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const isAtWork = backend === 'sqlite' ? async () => children().length > 0 : () => isActive(db);

  it('is ended, and the next call is answered', async () => {
    const server = await mcpClient(['--db', db, '--allow-sql', '--timeout', '10m'], {env});
    const stop = new AbortController();
    const asked = server.client.callTool({name: 'sql', arguments: {statement: ENDLESS[backend]}}, undefined, {
      signal: stop.signal,
      timeout: PATIENCE_MS,
    });
    const refused = expect(asked).rejects.toThrow('enough');
    await expect.poll(isAtWork).toBe(true);
    stop.abort('enough');
    await refused;
    await expect.poll(isAtWork).toBe(false);
    expect(jsonOf(await server.call('list_runs', {limit: 1})).data).toHaveLength(1);
    expect((await server.leave()).code).toBe(EXIT.done);
  });

  it('is ended when its client is gone, and so is a wait', async () => {
    const server = await mcpClient(['--db', db, '--allow-sql', '--timeout', '10m'], {env});
    const left = [
      server.call('sql', {statement: ENDLESS[backend]}),
      server.call('wait', {id: '00000000-0000-0000-0000-000000000000', timeout: '1h'}),
      // Waits for its turn.
      server.call('list_runs'),
    ].map(asked => asked.catch(() => 'gone'));
    await expect.poll(isAtWork).toBe(true);
    expect(await server.leave()).toEqual({code: EXIT.done, err: ''});
    expect(await Promise.all(left)).toEqual(['gone', 'gone', 'gone']);
    await expect.poll(isAtWork).toBe(false);
  });

  it('of more waits than there are connections for is refused in words', async () => {
    const server = await mcpClient(['--db', db], {env});
    const wait = () => server.call('wait', {id: '00000000-0000-0000-0000-000000000000', timeout: '1h'});
    const waiting = Array.from({length: 4}, () => wait().catch(() => 'gone'));
    expect(jsonOf(await wait()).error.message).toBe('4 calls of wait are going on.');
    expect((await server.leave()).code).toBe(EXIT.done);
    expect(await Promise.all(waiting)).toEqual(['gone', 'gone', 'gone', 'gone']);
  });
});

/** Processes of ours that read a file. */
function children(): string[] {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name) && statOf(name)?.parent === process.pid);
}

async function isActive(url: string): Promise<boolean> {
  const client = new pg.Client({connectionString: url});
  await client.connect();
  try {
    const {rows} = await client.query(
      "select 1 from pg_stat_activity where datname = current_database() and state = 'active' and application_name = 'agno-trace' and query like 'fetch %'",
    );
    return rows.length > 0;
  } finally {
    await client.end();
  }
}
