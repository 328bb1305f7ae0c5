// What the benchmarks share: a large database of either kind, and Agno's own statements to compare with.
import {spawnSync} from 'node:child_process';
import {existsSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import Database from 'better-sqlite3';
import pg from 'pg';
import {build} from 'rolldown';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BIN = path.join(ROOT, 'bin/agno-trace.js');
/** Node 20 parses the file of further certificates at every start. */
export const {NODE_EXTRA_CA_CERTS: _, ...ENV} = process.env;

export const median = list => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** A database of either kind behind the same three functions. */
export async function openDatabase(kind, url) {
  if (kind === 'sqlite') {
    const db = new Database(url);
    return {
      all: async sql => db.prepare(sql).all(),
      run: async sql => void db.exec(sql),
      close: async () => db.close(),
    };
  }
  const client = new pg.Client({connectionString: url});
  await client.connect();
  await client.query('set search_path to ai');
  return {all: async sql => (await client.query(sql)).rows, run: sql => client.query(sql), close: () => client.end()};
}

/** Agno's own statements (agno/db/sqlite/sqlite.py and postgres.py of 3.1.10), as its API sends them. */
export const OWN = {
  list: `select t.*, count(s.span_id), sum(case when s.status_code = 'ERROR' then 1 else 0 end)
           from agno_traces t left join agno_spans s on s.trace_id = t.trace_id
          group by t.trace_id order by t.start_time desc limit 20`,
  show: id => `select * from agno_spans where trace_id = '${id}'`,
  slowest: kind =>
    kind === 'sqlite'
      ? `select name, json_extract(attributes, '$."openinference.span.kind"') as type, count(span_id), avg(duration_ms),
                max(duration_ms), sum(case when status_code = 'ERROR' then 1 else 0 end), max(start_time)
           from agno_spans group by name, type order by avg(duration_ms) desc limit 10`
      : `select name, attributes ->> 'openinference.span.kind' as type, count(span_id), avg(duration_ms),
                percentile_cont(0.95) within group (order by duration_ms), max(duration_ms),
                sum(case when status_code = 'ERROR' then 1 else 0 end), max(start_time)
           from agno_spans group by name, type order by avg(duration_ms) desc limit 10`,
};

/**
 * A database of TRACES runs and their polls, analysed; a SQLite file that is in the folder already is used as it is.
 * @param stops gets what ends the server, if one was started
 */
export async function makeDatabase(kind, folder, stops) {
  const traces = process.env.TRACES ?? '29500';
  const url = kind === 'sqlite' ? path.join(folder, 'large.db') : await startPostgres(stops);
  if (kind === 'sqlite' && existsSync(url)) return url;
  const argv = ['demo', '--traces', traces, ...(kind === 'sqlite' ? ['--path', url] : ['--db', url])];
  const {status, stderr} = spawnSync(process.execPath, [BIN, ...argv], {env: ENV, encoding: 'utf8'});
  if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
  const db = await openDatabase(kind, url);
  await db.run(kind === 'sqlite' ? 'analyze' : 'vacuum analyze');
  await db.close();
  return url;
}

/** The server of the tests, which are TypeScript. */
export async function startPostgres(stops) {
  if (process.env.BENCH_PG_URL) return process.env.BENCH_PG_URL;
  const outfile = path.join(ROOT, 'node_modules/.bench/postgres-server.js');
  await build({
    input: path.join(ROOT, 'test/postgres-server.ts'),
    platform: 'node',
    external: /^[^./]/,
    output: {file: outfile, format: 'esm', codeSplitting: false},
  });
  const {startPostgres: start} = await import(pathToFileURL(outfile).href);
  const server = await start();
  stops.push(server.stop);
  return server.url;
}
