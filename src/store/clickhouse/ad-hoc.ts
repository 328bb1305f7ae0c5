import {EXIT, UserError} from '../../errors.ts';
import type {AdHoc, AnswerValue, StatementPlace} from '../../sql/ad-hoc.ts';
import {refusedStatement} from '../refused-statement.ts';
import type {AdHocAnswer, AdHocLimits} from '../store.ts';
import type {Connection} from './connect.ts';
import {CODE, codeOf, wordsOf} from './errors.ts';
import {exactReaderOf} from './values.ts';

/** Error numbers that concern the connection or the server; all others concern the statement. */
const OF_THE_SERVER: ReadonlySet<string> = new Set([
  CODE.unknownDatabase,
  CODE.tooManyRowsRead,
  CODE.timeout,
  CODE.noPassword,
  CODE.busy,
  CODE.memory,
  CODE.tooManyRows,
  CODE.login,
]);

/** Runs a user's statement, read-only like all others, and reads no more rows than requested. */
export async function runAdHoc(
  connection: Connection,
  statement: AdHoc,
  {maxRows, timeoutMs}: AdHocLimits & {readonly timeoutMs: number},
): Promise<AdHocAnswer> {
  try {
    const {names, types, rows} = await connection.read(statement.text, timeoutMs, {
      mostRows: maxRows === 0 ? null : maxRows + 1,
      settings: {
        output_format_json_quote_64bit_integers: 1,
        ...(statement.isQuery && maxRows > 0 ? {limit: String(maxRows + 1)} : {}),
      },
    });
    const readers = types.map(exactReaderOf);
    const isCut = maxRows > 0 && rows.length > maxRows;
    const values = (isCut ? rows.slice(0, maxRows) : rows).map(row =>
      row.map((value, i): AnswerValue => readers[i]!(value)),
    );
    return {columns: names, rows: values, isCut};
  } catch (error) {
    throw explain(error, statement);
  }
}

function explain(error: unknown, statement: AdHoc): unknown {
  const code = codeOf(error);
  const {message} = error as Error;
  if (!/^\d+$/.test(code) || OF_THE_SERVER.has(code)) return error;
  if (code === CODE.accessDenied)
    return new UserError(EXIT.unreachable, `the user may not do this: ${wordsOf(message)}.`, {cause: error});
  if (code === CODE.readonly)
    return new UserError(EXIT.usage, `the statement would change something: ${wordsOf(message)}.`, {
      hint: 'sql only reads, and a statement cannot change settings.',
      cause: error,
    });
  return refusedStatement(wordsOf(message), placeOf(message, statement), undefined, error);
}

const NAMED =
  /(?:identifier|Missing columns:|Unknown table expression identifier|Function with name|Table|Unknown function) ['`]?([\w.]+)['`]?/;

function placeOf(message: string, statement: AdHoc): StatementPlace | null {
  const position = /failed at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) {
    // The position counts bytes, from 1.
    const before = Buffer.from(statement.text).subarray(0, Math.max(0, Number(position) - 1));
    return statement.placeOf(before.toString().length);
  }
  const name = NAMED.exec(message)?.[1]?.split('.').at(-1);
  return name === undefined ? null : statement.placeOfName(name);
}
