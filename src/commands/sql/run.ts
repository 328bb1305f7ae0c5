import path from 'node:path';
import type {Context} from '../../context.ts';
import {fileReason, usageError} from '../../errors.ts';
import {timeoutMsOf, withStore} from '../../flags/database.ts';
import type {OutputFlags, ReadFlags} from '../../flags/declare.ts';
import {checkFields, fieldsOf, pick} from '../../flags/fields.ts';
import {columnsOf, formatOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {parseParameters} from '../../flags/parameters.ts';
import {parseCount} from '../../flags/values.ts';
import {readRegular} from '../../private-file.ts';
import {askSql} from '../../queries/ad-hoc.ts';
import {renderRelation} from '../../render/relation.ts';

export interface SqlFlags extends ReadFlags, OutputFlags {
  file?: string;
  param?: string[];
  views?: boolean;
  maxRows: string;
}

const FORMATS = ['table', 'json', 'jsonl', 'csv', 'md'] as const;
const THEN = 'no more rows than --max-rows are fetched; columns of the same name are told apart';

/** Answers `sql`: the rows of one statement. */
export default async function sql(statement: string | undefined, flags: SqlFlags, context: Context): Promise<void> {
  const format = formatOf(flags, FORMATS);
  checkFields(flags, format);
  const maxRows = parseCount('--max-rows', flags.maxRows);
  const parameters = parseParameters(flags.param ?? []);
  const timeoutMs = flags.timeout === undefined ? null : timeoutMsOf(flags);
  const text = await textOf(statement, flags, context);
  await withStore(flags, context, THEN, async (store, out) => {
    const {columns, rows, isCut, notes} = await askSql(store, text, {
      parameters,
      withViews: flags.views ?? false,
      limits: {maxRows, timeoutMs},
    });
    const fields = fieldsOf(flags, columns, format);
    const items = pick(rows, fields);
    const cut = isCut ? [`first ${rowsText(rows.length)}; --max-rows 0 for all`] : [];
    if (writeMachine(out, format, {command: 'sql', data: items, items, fields, notes: [...cut, ...notes]})) return;
    if (rows.length > 0) writeLine(out, renderRelation(rows, columns, columnsOf(out)));
    const count = isCut ? cut : [rowsText(rows.length)];
    writeNote(out, [...count, ...notes].join(' · '));
  });
}

function rowsText(count: number): string {
  return `${count} ${count === 1 ? 'row' : 'rows'}`;
}

/** The statement from where it is: one place, and only one. */
async function textOf(statement: string | undefined, {file}: SqlFlags, context: Context): Promise<string> {
  if (statement !== undefined && file !== undefined)
    throw usageError(`--file "${file}" and a statement are two.`, 'Pass one of them.');
  if (file !== undefined && file !== '-') return readText(path.resolve(context.cwd, file), file);
  if (statement === '-' || file === '-') return withoutMark(await context.stdin());
  if (statement !== undefined) return statement;
  throw usageError(
    'no statement given.',
    'agno-trace sql "select count(*) from spans" --views; --file FILE; - for stdin',
  );
}

const MOST_BYTES = 16 * 1024 ** 2;

function readText(file: string, said: string): string {
  try {
    return withoutMark(readRegular(file, MOST_BYTES));
  } catch (error) {
    throw usageError(
      `--file "${said}" cannot be read: ${fileReason(error)}.`,
      'Check the path; --file - reads what is sent to stdin.',
    );
  }
}

function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '');
}
