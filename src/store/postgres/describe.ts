import type {Client} from 'pg';
import {quoteIdentifier} from '../../sql/sql.ts';
import type {ConnectionFacts, TableFacts} from '../connection-info.ts';
import {labelOf, type PostgresSource} from '../source.ts';
import {attempts} from './tls.ts';

type Read = <Row>(text: string, params: readonly unknown[]) => Promise<Row[]>;

/** The role, the server, and the columns of the tables: two short reads of the catalogue. */
export async function describePostgres(
  client: Client,
  source: PostgresSource,
  read: Read,
  tableNames: readonly string[],
  nowMicros: () => number,
): Promise<ConnectionFacts> {
  const asked = nowMicros();
  const [server] = await read<ServerRow>(SERVER, []);
  const answered = nowMicros();
  const rows = await read<TableRow>(TABLES, [[...tableNames]]);
  const {version, role, superuser, standby, pid, timeout, now} = server!;
  const timeoutMs = Number(timeout);
  return {
    dialect: 'postgres',
    label: labelOf(source),
    tls: tlsOf(client, source),
    pooler: poolerOf(client, Number(pid)),
    serverVersion: version,
    role,
    isSuperuser: superuser,
    mayWrite: standby ? false : rows.length === 0 ? null : rows.some(row => row.writable),
    isStandby: standby,
    statementTimeoutMs: timeoutMs > 0 ? timeoutMs : null,
    clockAheadMs: Math.round((Number(now) - (asked + answered) / 2) / 1000),
    file: null,
    fileBytes: null,
    walBytes: null,
    journalMode: null,
    pageBytes: null,
    driver: null,
    owner: null,
    copyReason: null,
    tables: rows.map(toFacts),
    statements: [SERVER.trim(), TABLES.replace('$1', arrayLiteral(tableNames)).trim()],
  };
}

/**
 * A pooler reports a process id of its own invention and lends different server connections; without a pooler, it is
 * the id of the server's process.
 */
function poolerOf(client: Client, backendPid: number): boolean | null {
  const told = (client as Client & {processID?: number | null}).processID;
  return typeof told === 'number' && told !== 0 ? told !== backendPid : null;
}

function tlsOf(client: Client, source: PostgresSource): string {
  const {stream} = (client as unknown as {connection: {stream: {encrypted?: boolean; getProtocol?: () => string}}})
    .connection;
  const isEncrypted = stream.encrypted === true;
  const words = attempts(source).find(({ssl}) => (ssl !== false) === isEncrypted)?.words ?? 'unknown';
  const protocol = isEncrypted ? stream.getProtocol?.() : undefined;
  return protocol ? `${words} (${protocol})` : words;
}

interface ServerRow {
  version: string;
  role: string;
  superuser: boolean;
  standby: boolean;
  pid: number;
  timeout: string | null;
  now: string;
}

const SERVER = `
select pg_catalog.current_setting('server_version') as version,
       current_user::text as role,
       coalesce((select rolsuper from pg_catalog.pg_roles where rolname = current_user), false) as superuser,
       pg_catalog.pg_is_in_recovery() as standby,
       pg_catalog.pg_backend_pid() as pid,
       (select reset_val from pg_catalog.pg_settings where name = 'statement_timeout') as timeout,
       (extract(epoch from clock_timestamp()) * 1e6)::bigint::text as now`;

interface TableRow {
  schema: string;
  name: string;
  readable: boolean;
  writable: boolean;
  view: boolean;
  rows: number;
  total_bytes: number;
  index_bytes: number;
  columns: string;
  foreign_keys: string;
  indexes: string;
}

const TABLES = `
select n.nspname as schema, c.relname as name,
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
       has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'insert, update, delete') as writable,
       c.relkind in ('v', 'm', 'f') as view,
       c.reltuples::bigint as rows,
       pg_catalog.pg_total_relation_size(c.oid) as total_bytes,
       pg_catalog.pg_indexes_size(c.oid) as index_bytes,
       (select coalesce(json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)) order by a.attnum), '[]')
          from pg_catalog.pg_attribute a
         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)::text as columns,
       (select coalesce(json_agg(json_build_object('column', a.attname, 'references', r.relname, 'isValid', k.convalidated)), '[]')
          from pg_catalog.pg_constraint k
          join pg_catalog.pg_class r on r.oid = k.confrelid
          join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
         where k.conrelid = c.oid and k.contype = 'f')::text as foreign_keys,
       (select coalesce(json_agg(json_build_object('name', x.relname, 'isValid', i.indisvalid and i.indisready,
                 'isPartial', i.indpred is not null, 'definition', pg_catalog.pg_get_indexdef(i.indexrelid),
                 'foreign', (select coalesce(json_agg(pg_catalog.pg_describe_object(d.refclassid, d.refobjid, 0) order by d.refobjid), '[]')
                               from pg_catalog.pg_depend d
                              where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = i.indexrelid
                                and d.refclassid in ('pg_catalog.pg_operator'::regclass, 'pg_catalog.pg_proc'::regclass)),
                 'columns', (select json_agg(a.attname order by k.place)
                               from unnest(i.indkey) with ordinality k(attnum, place)
                               left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum and k.attnum > 0))
                 order by x.relname), '[]')
          from pg_catalog.pg_index i
          join pg_catalog.pg_class x on x.oid = i.indexrelid
         where i.indrelid = c.oid)::text as indexes
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relname = any($1::text[])
   and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
   and n.nspname not in ('pg_catalog', 'information_schema')
 order by readable desc, 1, 2`;

function toFacts(row: TableRow): TableFacts {
  return {
    schema: row.schema,
    name: row.name,
    qualifiedName: `${quoteIdentifier(row.schema)}.${quoteIdentifier(row.name)}`,
    columns: JSON.parse(row.columns),
    foreignKeys: JSON.parse(row.foreign_keys),
    indexes: JSON.parse(row.indexes),
    totalBytes: row.total_bytes,
    indexBytes: row.index_bytes,
    // -1: never counted by VACUUM or ANALYZE.
    estimatedRows: row.rows < 0 ? null : row.rows,
    mayRead: row.readable,
    isView: row.view,
  };
}

function arrayLiteral(names: readonly string[]): string {
  return `array[${names.map(name => `'${name.replaceAll("'", "''")}'`).join(', ')}]`;
}
