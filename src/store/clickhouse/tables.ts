import {EXIT, UserError, usageError} from '../../errors.ts';
import {QUOTED, type TableNames} from '../../sql/sql.ts';
import {checkSchema, noRunTables} from '../schema-check.ts';
import type {ClickhouseSource} from '../source.ts';
import type {TableChoice} from '../store.ts';

/** A column of a table, according to the catalogue. */
export interface FoundColumn {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

export function columnsStatement(database: string, names: readonly string[]): string {
  const tables = names.map(QUOTED.clickhouse).join(', ');
  return `select table, name, type
  from system.columns
 where database = ${QUOTED.clickhouse(database)} and table in (${tables})
 order by table, position`;
}

/** Backslashes are escapes in ClickHouse's quoted names too. */
export function quoteName(name: string): string {
  return `"${name.replace(/[\\"]/g, char => `\\${char}`)}"`;
}

export function qualified(database: string, name: string): string {
  return `${quoteName(database)}.${quoteName(name)}`;
}

/** The two tables, checked: their columns exist, and their times have a readable type. */
export function chooseTables(
  found: readonly FoundColumn[],
  choice: TableChoice,
  {database}: ClickhouseSource,
  label: string,
  holds: 'traces' | 'runs',
): TableNames {
  if (choice.schema !== null)
    throw usageError('--schema does not apply to ClickHouse.', 'The last part of the URL names the database.');
  if (holds === 'runs') throw noRunTables(label, false);
  const columnsOf = (table: string) => {
    const columns = found.filter(column => column.table === table);
    return columns.length === 0 ? null : columns.map(({name}) => name);
  };
  checkSchema({spans: columnsOf(choice.spansTable), traces: columnsOf(choice.tracesTable)}, choice, label);
  for (const {table, name, type} of found) {
    const isTime = ['start_time', 'end_time', 'created_at'].includes(name);
    const isOfOurs = table === choice.spansTable || table === choice.tracesTable;
    if (!isOfOurs || !isTime || /^DateTime64\(6, '(Etc\/)?(UTC|GMT)'\)$/.test(type)) continue;
    throw new UserError(EXIT.schema, `column "${name}" of "${table}" in "${label}" is of type ${type}.`, {
      hint: "Agno makes it DateTime64(6, 'UTC'); other types are not understood.",
    });
  }
  return {spans: qualified(database, choice.spansTable), traces: qualified(database, choice.tracesTable)};
}
