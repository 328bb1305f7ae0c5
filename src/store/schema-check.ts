import {EXIT, UserError} from '../errors.ts';
import {DEFAULT_TABLES, REQUIRED_COLUMNS, type TableChoice} from './store.ts';

/** The database or its tables do not exist yet: Agno creates them with the first traced run, so a follower may wait. */
export class NotThereYet extends UserError {}

/** The columns of the two tables; null for a missing table. */
export interface FoundColumns {
  readonly spans: readonly string[] | null;
  readonly traces: readonly string[] | null;
}

/** @throws UserError exit 5 that names what is missing, with the database's own terms */
export function checkSchema(found: FoundColumns, choice: TableChoice, label: string): void {
  const missing = [...(found.traces ? [] : [choice.tracesTable]), ...(found.spans ? [] : [choice.spansTable])];
  if (missing.length > 0) {
    const isDefault = choice.tracesTable === DEFAULT_TABLES.traces && choice.spansTable === DEFAULT_TABLES.spans;
    throw new NotThereYet(EXIT.schema, `"${label}" has no table ${missing.map(name => `"${name}"`).join(' and ')}.`, {
      hint:
        missing.length === 1
          ? 'Agno creates each table with its first row. Has a traced run ended yet?'
          : isDefault
            ? 'Is tracing on? If the tables have other names: --traces-table, --spans-table, --schema.'
            : 'Check --traces-table, --spans-table and --schema.',
    });
  }
  for (const role of ['spans', 'traces'] as const) {
    const lacking = REQUIRED_COLUMNS[role].filter(column => !found[role]!.includes(column));
    if (lacking.length === 0) continue;
    const name = role === 'spans' ? choice.spansTable : choice.tracesTable;
    throw new UserError(
      EXIT.schema,
      `table "${name}" cannot be read: it has no column ${lacking.map(column => `"${column}"`).join(', ')}.`,
      {
        hint: 'agno-trace reads the tables of Agno 2.3.5 and later. Did Agno create this one?',
      },
    );
  }
}

/** The error if a database was named for Agno's own run tables but has none that can be used. */
export function noRunTables(label: string, areThere: boolean): UserError {
  const names = `"${DEFAULT_TABLES.runs}" or "${DEFAULT_TABLES.sessions}"`;
  return new UserError(
    EXIT.schema,
    areThere ? `${names} of "${label}" cannot be read, or has an unknown shape.` : `"${label}" has no table ${names}.`,
    {hint: 'Is this the database of your agents?'},
  );
}
