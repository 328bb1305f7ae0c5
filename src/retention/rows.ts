import type {ArchiveColumn} from '../archive/format.ts';
import {type ArchivedRow, type ArchivedValue, fromPostgres, fromSqlite} from '../archive/value.ts';
import type {Dialect} from '../sql/sql.ts';
import {quoteIdentifier, raw, type Sql} from '../sql/sql.ts';
import type {Stored} from '../store/changes.ts';

/** On SQLite, an additional column with the storage type of each value. */
const TYPES = 'agno-trace types';

/**
 * The `returning` list with which a deletion's rows can be archived exactly. On SQLite, text is returned as bytes,
 * because a driver would repair invalid UTF-8, together with the type of each value; Postgres spells every value as
 * text.
 */
export function returningAll(columns: readonly ArchiveColumn[], dialect: Dialect): Sql {
  const names = columns.map(({name}) => quoteIdentifier(name));
  if (dialect === 'postgres') return raw(names.join(', '));
  const values = names.map(
    name => `case typeof(${name}) when 'text' then cast(${name} as blob) else ${name} end as ${name}`,
  );
  const types = names.map(name => `typeof(${name})`).join(" || ' ' || ");
  return raw(`${values.join(', ')}, ${types} as ${quoteIdentifier(TYPES)}`);
}

/** Converts such a row to the archive's form. */
export function archivedRow(
  row: Readonly<Record<string, Stored>>,
  columns: readonly ArchiveColumn[],
  dialect: Dialect,
): ArchivedRow {
  const types = dialect === 'sqlite' ? String(row[TYPES]).split(' ') : [];
  const values = columns.map(({name, type}, i): [string, ArchivedValue] => {
    const value = row[name] ?? null;
    return [
      name,
      dialect === 'sqlite' ? fromSqlite(asBuffer(value), types[i]!) : fromPostgres(value as string | null, type),
    ];
  });
  return Object.fromEntries(values);
}

/** node:sqlite returns bytes as Uint8Array. */
function asBuffer(value: Stored): Stored {
  return (value as unknown) instanceof Uint8Array && !Buffer.isBuffer(value)
    ? Buffer.from(value as unknown as Uint8Array)
    : value;
}
