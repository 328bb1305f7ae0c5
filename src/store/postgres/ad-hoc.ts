import type {Client} from 'pg';
import {EXIT, UserError} from '../../errors.ts';
import type {AdHoc, AnswerValue} from '../../sql/ad-hoc.ts';
import {inline, sql} from '../../sql/sql.ts';
import {isoTime, parseTime} from '../../trace/time.ts';
import {refusedStatement} from '../refused-statement.ts';
import type {AdHocAnswer, AdHocLimits} from '../store.ts';
import {CALLED, EFFECTIVE, HARMLESS} from './called-functions.ts';
import {beginningOnPath} from './transaction.ts';

const CURSOR = 'declare agno_trace_sql no scroll cursor for\n';

interface Reader {
  readonly client: Client;
  readonly timeoutMs: number;
  /** Quoted schema of Agno's tables: statements need not name it. */
  readonly schema: string;
  readonly read: <Row>(text: string, params: readonly unknown[], timeoutMs: number) => Promise<Row[]>;
}

interface Fetched {
  readonly fields: readonly {readonly name: string}[];
  readonly rows: AnswerValue[][];
}

/**
 * Runs a user's statement in a read-only transaction, in one round trip. It is read through a cursor, which accepts
 * only a query, keeps its order, and returns as many rows as requested; `limit` around it could change its meaning.
 * (The cost: no parallel workers, about 40% on an aggregate over a million spans.) The extended protocol accepts only
 * one statement at a time, so none can end the transaction.
 */
export async function runAdHoc(reader: Reader, statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
  const timeoutMs = Math.min(limits.timeoutMs ?? reader.timeoutMs, reader.timeoutMs);
  await checkFunctions(reader, statement);
  const {client, schema} = reader;
  const {maxRows} = limits;
  const values = [...statement.values.values()];
  const result = {rowMode: 'array', types: {getTypeParser: parserOf}} as const;
  const begin = client.query(
    `${beginningOnPath('read only', {statementMs: timeoutMs, lockMs: 3000})}; ${searchPath(schema)}`,
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

/**
 * The server's own names first, then Agno's schema and the role's own path, temporary tables last. The expression
 * that reads the role's path depends on no path itself.
 */
function searchPath(schema: string): string {
  const own = "pg_catalog.current_setting('search_path')";
  const known = `case when pg_catalog.length(${own}) operator(pg_catalog.>) 0 then ${own} end`;
  const agno = inline(sql`${schema}`, 'postgres', {});
  return `select pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog', ${agno}, ${known}, 'pg_temp'), true)`;
}

async function checkFunctions({read, timeoutMs, schema}: Reader, statement: AdHoc): Promise<void> {
  const {functions, fields, objects, operators} = statement;
  const [found] = await read<{name: string; direct: boolean}>(
    CALLED,
    [functions, HARMLESS, EFFECTIVE, fields, objects, operators, schema],
    timeoutMs,
  );
  if (!found) return;
  const {name, direct} = found;
  throw new UserError(EXIT.usage, `function "${name}" is refused: sql only reads.`, {
    hint: direct
      ? 'Postgres marks it as volatile, so it may change something. If it is yours and only reads, declare it stable.'
      : 'A view, operator, type or aggregate in the statement calls it, and Postgres marks it as volatile.',
  });
}

interface ServerError {
  code?: string;
  message?: string;
  severity?: string;
  position?: string;
  hint?: string;
}

/** Classes of SQLSTATE that concern the statement, not the server. */
const OF_THE_STATEMENT = /^(0A|20|21|22|23|24|25|26|2B|2F|34|38|39|3F|42|44|54|P0|XX)/;

function explain(error: unknown, statement: AdHoc): unknown {
  const {code = '', message = '', severity, position, hint} = error as ServerError;
  if (severity === undefined || !OF_THE_STATEMENT.test(code)) return error;
  if (code === '42501')
    return new UserError(EXIT.unreachable, `the role lacks the permission: ${message}.`, {cause: error});
  const prefix = statement.isQuery ? CURSOR.length : 0;
  const sent = Array.from(statement.text);
  // The server counts characters; JavaScript counts 16-bit units.
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

/** Whole numbers exactly; a fraction with more digits than a double has is rounded. */
function numberOf(text: string): number | bigint {
  if (!/^-?\d+$/.test(text)) return Number(text);
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}
