import type {Client} from 'pg';
import {EXIT, UserError} from '../../errors.ts';
import type {AdHoc, AnswerValue} from '../../sql/ad-hoc.ts';
import {isoTime, parseTime} from '../../trace/time.ts';
import {refusedStatement} from '../refused-statement.ts';
import type {AdHocAnswer, AdHocLimits} from '../store.ts';

/**
 * Volatile to Postgres, harmless to everybody: clocks, random values, sizes, and what the statement timeout ends.
 * A read-only transaction does not stop functions with effects outside of tables (`pg_terminate_backend`, `set_config`,
 * `lo_export`, `dblink`, `query_to_xml` of any text), so every other volatile function is refused.
 */
const HARMLESS = [
  ...['clock_timestamp', 'timeofday', 'random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7'],
  ...['uuid_generate_v4', 'bernoulli', 'system', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until'],
  ...['pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size'],
  ...['pg_is_in_recovery', 'pg_current_wal_lsn', 'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn'],
  ...['pg_last_xact_replay_timestamp', 'pg_blocking_pids', 'pg_partition_tree', 'pg_partition_ancestors'],
];
/** Stable to Postgres, and yet they take a transaction id. */
const EFFECTIVE = ['txid_current', 'pg_current_xact_id'];

/**
 * Names that are cut to 63 bytes are looked up as the server cuts them: by the type `name`. `(x).f` calls `f` as well, if
 * it can do with one argument.
 */
const VOLATILE = `
select distinct proname::text as name
  from pg_catalog.pg_proc
 where (proname = any($1::name[]) or proname = any($4::name[]) and pronargs > 0 and pronargs - pronargdefaults <= 1)
   and (provolatile = 'v' and not proname = any($2::name[]) or proname = any($3::name[]))
 order by 1 limit 1`;

const CURSOR = 'declare agno_trace_sql no scroll cursor for\n';

interface Reader {
  readonly client: Client;
  readonly timeoutMs: number;
  /** Schema of Agno's tables, quoted: a statement finds them without it. */
  readonly schema: string;
  readonly read: <Row>(text: string, params: readonly unknown[], timeoutMs: number) => Promise<Row[]>;
}

interface Fetched {
  readonly fields: readonly {readonly name: string}[];
  readonly rows: AnswerValue[][];
}

/**
 * Runs a user's statement in a read-only transaction, one round trip. A query is read through a cursor: it takes nothing
 * but a query, keeps its order, and hands out as many rows as are wanted; `limit` around it would change what the
 * statement says. (What it costs: no parallel workers, some 40% on an aggregate over a million spans.) Statements go
 * through the extended protocol, which takes one at a time, so that none can end the transaction.
 */
export async function runAdHoc(reader: Reader, statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
  const timeoutMs = Math.min(limits.timeoutMs ?? reader.timeoutMs, reader.timeoutMs);
  await checkFunctions(reader, statement);
  const {client, schema} = reader;
  const {maxRows} = limits;
  const values = [...statement.values.values()];
  const result = {rowMode: 'array', types: {getTypeParser: parserOf}} as const;
  const begin = client.query(
    `begin read only; set local statement_timeout = ${timeoutMs}; set local lock_timeout = 3000; ` +
      "set local standard_conforming_strings = on; set local datestyle = 'ISO'; set local timezone = 'UTC'; " +
      searchPath(schema),
  );
  const text = statement.isQuery ? CURSOR + statement.text : statement.text;
  const sent = client.query({text, values, queryMode: 'extended', rowMode: 'array'} as never) as Promise<unknown>;
  const fetched = statement.isQuery
    ? client.query({text: `fetch ${maxRows === 0 ? 'all' : `forward ${maxRows + 1}`} from agno_trace_sql`, ...result})
    : sent;
  const settled = await Promise.allSettled([begin, sent, fetched, client.query('commit')]);
  const failed = settled.find(({status}) => status === 'rejected');
  if (failed?.status === 'rejected') throw explain(failed.reason, statement);
  const {fields, rows} = (await fetched) as Fetched;
  const isCut = maxRows > 0 && rows.length > maxRows;
  return {columns: fields.map(({name}) => name), rows: isCut ? rows.slice(0, maxRows) : rows, isCut};
}

/** Agno's schema before the role's own path. */
function searchPath(schema: string): string {
  const path = `concat_ws(', ', '${schema.replaceAll("'", "''")}', nullif(current_setting('search_path'), ''))`;
  return `select set_config('search_path', ${path}, true)`;
}

async function checkFunctions({read, timeoutMs}: Reader, {functions, fields}: AdHoc): Promise<void> {
  if (functions.length + fields.length === 0) return;
  const [found] = await read<{name: string}>(VOLATILE, [[...functions], HARMLESS, EFFECTIVE, [...fields]], timeoutMs);
  if (found)
    throw new UserError(EXIT.usage, `function "${found.name}" is refused: sql only reads.`, {
      hint: 'Postgres calls it volatile, so it may change something. One of your own that only reads can be declared stable.',
    });
}

interface ServerError {
  code?: string;
  message?: string;
  severity?: string;
  position?: string;
  hint?: string;
}

/** Classes of SQLSTATE that speak of the statement, not of the server. */
const OF_THE_STATEMENT = /^(0A|20|21|22|23|24|25|26|2B|2F|34|38|39|3F|42|44|54|P0|XX)/;

function explain(error: unknown, statement: AdHoc): unknown {
  const {code = '', message = '', severity, position, hint} = error as ServerError;
  if (severity === undefined || !OF_THE_STATEMENT.test(code)) return error;
  if (code === '42501') return new UserError(EXIT.unreachable, `the role may not do this: ${message}.`, {cause: error});
  const prefix = statement.isQuery ? CURSOR.length : 0;
  const sent = Array.from(statement.text);
  // Counted by the server in characters; texts here are counted in units of 16 bits.
  const offset = sent.slice(0, Math.max(0, Number(position) - 1 - prefix)).join('').length;
  const place = position === undefined ? null : statement.placeOf(offset);
  return refusedStatement(message, place, hint, error);
}

const OID = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  float4: 700,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
};

function parserOf(oid: number): (text: string) => AnswerValue {
  switch (oid) {
    case OID.bool:
      return text => text === 't';
    case OID.int2:
    case OID.int4:
    case OID.oid:
    case OID.float4:
    case OID.float8:
      return Number;
    case OID.int8:
    case OID.numeric:
      return numberOf;
    case OID.timestamp:
    case OID.timestamptz:
      return text => isoTime(parseTime(text)) ?? text;
    default:
      return text => text;
  }
}

/** Whole numbers exactly; a fraction with more digits than a double has is rounded to one. */
function numberOf(text: string): number | bigint {
  if (!/^-?\d+$/.test(text)) return Number(text);
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
