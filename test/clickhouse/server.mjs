// ClickHouse's HTTP interface in front of the real engine, which npm brings as chdb: as much of it as the program and Agno's own
// writer (clickhouse-connect without compression) use. One statement at a time, no users, no TLS, no cluster.
//   PORT=8123 node test/clickhouse/server.mjs
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import http from 'node:http';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {Session} from 'chdb';

const folder = mkdtempSync(path.join(tmpdir(), 'agno-trace-clickhouse-'));
const session = new Session(path.join(folder, 'data'));
/** Settings of a request that are its own business, or the server's. */
const OF_HTTP =
  /^(query|query_id|database|default_format|session_id|session_timeout|session_check|role|compress|decompress|param_.*|client_.*|wait_end_of_query|send_progress_in_http_headers|http_headers_progress_interval_ms|enable_http_compression)$/;
let inserts = 0;
let last = Promise.resolve();

async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function settingsOf(parameters) {
  const settings = [...parameters].filter(([name]) => !OF_HTTP.test(name));
  return settings.map(([name, value]) => `${name} = ${/^\d+(\.\d+)?$/.test(value) ? value : `'${value}'`}`);
}

/** The types of the columns, as a server takes them from the table; without them they would be guessed from the rows. */
async function structureOf(head, columns) {
  const table = /\binto\s+(?:table\s+)?([^\s(]+)/i.exec(head)?.[1];
  if (table === undefined || columns === '*') return '';
  const found = await session.queryAsync(`describe table ${table}`, {format: 'JSONCompactEachRow'});
  const types = new Map(
    Buffer.from(found.bytes())
      .toString()
      .trim()
      .split('\n')
      .map(row => JSON.parse(row)),
  );
  const names = columns.split(',').map(name => name.trim().replace(/^[`"]|[`"]$/g, ''));
  return `, '${names
    .map(name => `"${name}" ${types.get(name)}`)
    .join(', ')
    .replaceAll("'", "\\'")}'`;
}

async function insert(head, format, rows) {
  const file = path.join(folder, `insert-${inserts++}`);
  writeFileSync(file, rows);
  try {
    const columns = /\(([^)]*)\)/.exec(head)?.[1] ?? '*';
    await session.queryAsync(
      `${head} select ${columns} from file('${file}', '${format}'${await structureOf(head, columns)})`,
    );
  } finally {
    rmSync(file);
  }
}

async function answer(request, response) {
  const {pathname, searchParams} = new URL(request.url, 'http://localhost');
  if (pathname === '/ping') return response.end('Ok.\n');
  const body = await bodyOf(request);
  const query = searchParams.get('query');
  const isInsert = /^\s*insert\b/i.test(query ?? body.subarray(0, 40).toString());
  let sql = query ?? body.toString(isInsert ? 'latin1' : 'utf8');
  const database = searchParams.get('database');
  if (database) {
    // A real server refuses a database that is not there; here it is made, as there is nobody else to do it.
    await session.queryAsync(`create database if not exists \`${database}\``);
    await session.queryAsync(`use \`${database}\``);
  }
  const named = /\bFORMAT\s+(\w+)\s?/i.exec(sql);
  if (isInsert && named) {
    const rows = query === null ? Buffer.from(sql.slice(named.index + named[0].length), 'latin1') : body;
    await insert(sql.slice(0, named.index), named[1], rows);
    return response.end();
  }
  const ending = /\bFORMAT\s+(\w+)\s*;?\s*$/i.exec(sql);
  const format =
    ending?.[1] ?? searchParams.get('default_format') ?? request.headers['x-clickhouse-format'] ?? 'TabSeparated';
  if (ending) sql = sql.slice(0, ending.index);
  const settings = settingsOf(searchParams);
  // The clause says the same as the parameters of a URL do; the engine takes it behind a query alone.
  if (settings.length > 0 && /^\s*(select|with)\b/i.test(sql)) sql = `${sql}\nsettings ${settings.join(', ')}`;
  const result = await session.queryAsync(sql, {format});
  response.setHeader('X-ClickHouse-Format', format);
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  response.end(Buffer.from(result.bytes()));
}

const server = http.createServer((request, response) => {
  last = last
    .then(() => answer(request, response))
    .catch(error => {
      response.statusCode = 500;
      response.setHeader('X-ClickHouse-Exception-Code', /Code: (\d+)/.exec(error.message)?.[1] ?? '1');
      response.end(error.message);
    });
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () =>
  process.stdout.write(`ready on ${server.address().port}\n`),
);
const end = () => {
  // The engine may still be writing there.
  rmSync(folder, {recursive: true, force: true, maxRetries: 20, retryDelay: 100});
  process.exit(0);
};
process.on('SIGTERM', end);
process.on('SIGINT', end);
// Whoever started it is gone.
process.stdin.on('end', end).resume();
