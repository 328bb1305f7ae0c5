import type {Context} from '../../context.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {type FieldsAmong, pick} from '../../flags/fields.ts';
import type {Fitting} from '../../flags/fitting.ts';
import {columnsOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {renderRelation} from '../../render/relation.ts';
import type {Parameter} from '../../sql/ad-hoc.ts';
import type {AdHocLimits} from '../../store/store.ts';
import {askSql} from './ad-hoc.ts';

export interface SqlOptions {
  readonly format: Format;
  readonly fieldsAmong: FieldsAmong;
  readonly fit: Fitting;
  readonly parameters: readonly Parameter[];
  readonly limits: AdHocLimits;
  readonly withViews: boolean;
  readonly statement: string;
  readonly access: Access;
}

const THEN = 'no more rows than --max-rows are fetched; columns of the same name are told apart';

/** Prints the rows of one statement. */
export default async function sql(options: SqlOptions, context: Context): Promise<void> {
  const {format, fieldsAmong, fit, statement, parameters, withViews, limits} = options;
  await withStore(options.access, context, THEN, async (store, out) => {
    const {columns, rows, isCut, notes} = await askSql(store, statement, {parameters, withViews, limits});
    const fields = fieldsAmong(columns);
    const items = pick(rows, fields);
    const cut = isCut ? [`first ${rowsText(rows.length)}; --max-rows 0 for all`] : [];
    if (writeMachine(out, format, {command: 'sql', data: items, items, fields, fit, notes: [...cut, ...notes]})) return;
    if (rows.length > 0) writeLine(out, renderRelation(rows, columns, columnsOf(out)));
    const count = isCut ? cut : [rowsText(rows.length)];
    writeNote(out, [...count, ...notes].join(' · '));
  });
}

function rowsText(count: number): string {
  return `${count} ${count === 1 ? 'row' : 'rows'}`;
}
