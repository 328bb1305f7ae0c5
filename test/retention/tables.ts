import Database from 'better-sqlite3';
import pg from 'pg';
import {openArchive} from '../../src/archive/reader.ts';
import {type ArchivedRow, type ArchivedValue, restored} from '../../src/archive/value.ts';
import {openFixture, settled, sqliteCopy} from '../databases.ts';
import {atEndOfFile} from '../end-of-file.ts';

/** The databases that writing is tested on: Postgres, and SQLite in both journal modes. */
export const PLACES = ['sqlite rollback', 'sqlite wal', 'postgres'] as const;
export type Place = (typeof PLACES)[number];

/** For tests nothing writes beside: without the wait between looking and deleting. */
export const AT_ONCE = ['--settle', '0s', '--force'];

export async function openAt(place: Place, fixture = 'agno-3.1.10-pictures.sqlite'): Promise<string> {
  if (place === 'postgres') {
    const url = await openFixture('postgres', fixture);
    await settled();
    return url;
  }
  const file = sqliteCopy(fixture);
  const db = new Database(file);
  db.pragma(`journal_mode = ${place === 'sqlite wal' ? 'wal' : 'delete'}`);
  db.close();
  return file;
}

const isPostgres = (url: string) => url.startsWith('postgres');

/** Runs statements of a test's own; `agno_traces` and `agno_spans` stand for the tables of either. */
export async function execute(url: string, text: string): Promise<Record<string, unknown>[]> {
  if (!isPostgres(url)) {
    const db = new Database(url);
    db.pragma('foreign_keys = off');
    try {
      const statement = /^\s*(select|pragma)/i.test(text) ? db.prepare(text) : null;
      if (statement) return statement.all() as Record<string, unknown>[];
      db.exec(text);
      return [];
    } finally {
      db.close();
    }
  }
  const client = await connected(url);
  const result = await client.query(text);
  return (Array.isArray(result) ? result.at(-1) : result).rows;
}

let last: {readonly url: string; readonly client: pg.Client} | null = null;

/** One connection, as long as it is the same database that is asked. */
async function connected(url: string): Promise<pg.Client> {
  if (last?.url === url) return last.client;
  await disconnect();
  const client = new pg.Client({connectionString: url});
  await client.connect();
  await client.query('set search_path = ai');
  last = {url, client};
  atEndOfFile(disconnect);
  return client;
}

async function disconnect(): Promise<void> {
  const ended = last;
  last = null;
  await ended?.client.end();
}

export const idsOf = async (url: string): Promise<string[]> =>
  (await execute(url, 'select trace_id from agno_traces order by trace_id')).map(row => String(row.trace_id));

/** Every row of both tables, exactly: on SQLite the type and the bytes of each value, on Postgres the server's text. */
export async function everything(url: string): Promise<string[]> {
  const lines: string[] = [];
  for (const [table, key] of [
    ['agno_traces', 'trace_id'],
    ['agno_spans', 'span_id'],
  ] as const) {
    if (isPostgres(url)) {
      const rows = await execute(url, `select t::text as line from ${table} t order by ${key}`);
      lines.push(...rows.map(({line}) => `${table} ${line}`));
      continue;
    }
    const columns = (await execute(url, `select name from pragma_table_info('${table}')`)).map(({name}) => `"${name}"`);
    const values = columns
      .map(name => `typeof(${name}) || ':' || coalesce(hex(cast(${name} as blob)), '')`)
      .join(" || ' ' || ");
    const rows = await execute(url, `select ${values} as line from ${table} order by ${key}`);
    lines.push(...rows.map(({line}) => `${table} ${line}`));
  }
  return lines;
}

/** The same by id, as `archivedById` has them: a row that is archived exactly has the same text there. */
export async function rowsById(url: string): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for (const table of ['agno_traces', 'agno_spans'] as const) {
    const columns = isPostgres(url)
      ? await execute(
          url,
          `select column_name as name from information_schema.columns where table_schema = 'ai' and table_name = '${table}' order by ordinal_position`,
        )
      : await execute(url, `select name from pragma_table_info('${table}')`);
    const names = columns.map(({name}) => String(name));
    const key = table === 'agno_traces' ? 'trace_id' : 'span_id';
    const parts = names.map(name =>
      isPostgres(url)
        ? `coalesce('=' || "${name}"::text, 'null')`
        : `typeof("${name}") || ':' || coalesce(hex(cast("${name}" as blob)), '')`,
    );
    for (const row of await execute(url, `select ${key} as id, ${parts.join(" || '|' || ")} as line from ${table}`))
      rows.set(`${table} ${row.id}`, String(row.line));
  }
  return rows;
}

/** Rows of the whole batches of an archive, finished or not. */
export async function archivedById(file: string): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  const {header, batches} = await openArchive(file);
  const lineOf = (row: ArchivedRow, role: 'traces' | 'spans') =>
    header.columns[role]
      .map(({name}) =>
        header.dialect === 'postgres' ? postgresText(row[name] ?? null) : sqliteText(row[name] ?? null),
      )
      .join('|');
  for await (const {traces, spans} of batches()) {
    for (const row of traces) rows.set(`agno_traces ${row.trace_id}`, lineOf(row, 'traces'));
    for (const row of spans) rows.set(`agno_spans ${row.span_id}`, lineOf(row, 'spans'));
  }
  return rows;
}

function postgresText(value: ArchivedValue): string {
  const is = restored(value);
  if (is.type === 'null') return 'null';
  return `=${is.type === 'text' ? is.text : is.type === 'integer' ? is.integer : 'no value of Postgres'}`;
}

/** What SQLite's typeof and hex say of a value. */
function sqliteText(value: ArchivedValue): string {
  const is = restored(value);
  const hex = (bytes: Buffer) => bytes.toString('hex').toUpperCase();
  switch (is.type) {
    case 'null':
      return 'null:';
    case 'text':
      return `text:${hex(Buffer.from(is.text))}`;
    case 'integer':
      return `integer:${hex(Buffer.from(is.integer.toString()))}`;
    case 'real':
      return `real:${realText(is.real, hex)}`;
    case 'blob':
      return `blob:${hex(is.bytes)}`;
    case 'badText':
      return `text:${hex(is.bytes)}`;
  }
}

/** SQLite's own text of a real. */
function realText(real: number, hex: (bytes: Buffer) => string): string {
  const db = new Database(':memory:');
  const text = db.prepare('select cast(cast(? as real) as text)').pluck().get(real) as string;
  db.close();
  return hex(Buffer.from(text));
}

/** No span without its trace, and the file is sound. */
export async function soundness(url: string): Promise<unknown[]> {
  const orphans = await execute(
    url,
    'select span_id from agno_spans s where not exists (select 1 from agno_traces t where t.trace_id = s.trace_id)',
  );
  if (isPostgres(url)) return orphans;
  const check = await execute(url, 'pragma integrity_check');
  return [...orphans, ...check.filter(row => row.integrity_check !== 'ok')];
}

/** Newest sign of life of each trace, by a statement that shares nothing with the program. */
export async function lastSigns(url: string): Promise<Map<string, string>> {
  const byBytes = isPostgres(url) ? ' collate "C"' : '';
  const greatest = isPostgres(url) ? 'greatest' : 'max';
  const rows = await execute(
    url,
    `select t.trace_id, ${greatest}(t.end_time${byBytes}, t.created_at${byBytes},
            coalesce((select max(s.end_time${byBytes}) from agno_spans s where s.trace_id = t.trace_id), ''),
            coalesce((select max(s.created_at${byBytes}) from agno_spans s where s.trace_id = t.trace_id), '')) as last
       from agno_traces t`,
  );
  return new Map(rows.map(row => [String(row.trace_id), String(row.last)]));
}
