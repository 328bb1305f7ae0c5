import type {Client as PgClient} from 'pg';
import {EXIT, UserError} from '../../errors.ts';
import {quoteIdentifier, type TableNames} from '../../sql/sql.ts';
import {command} from '../../text/shell.ts';
import {checkSchema, noRunTables} from '../schema-check.ts';
import {DEFAULT_TABLES, type TableChoice} from '../store.ts';
import {NotUnderstood} from './errors.ts';

/** A table with one of the names, according to the catalogue. */
interface FoundTable {
  schema: string;
  name: string;
  readable: boolean;
  /** Row-level security applies to this user. */
  hidden: boolean;
  /** As in pg_class. */
  kind: string;
  columns: {name: string; type: string}[];
}

export const namesOf = ({spansTable, tracesTable}: TableChoice): string[] => [
  spansTable,
  tracesTable,
  DEFAULT_TABLES.runs,
  DEFAULT_TABLES.sessions,
];

/** An expression: JSON of all tables named in `$1`. Temporary tables belong to some session, whatever their name. */
export const FOUND_TABLES = `(
select coalesce(json_agg(json_build_object('schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
                 'readable', has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select'),
                 'hidden', row_security_active(c.oid),
                 'columns', (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null)))
                               from pg_catalog.pg_attribute a
                              where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))), '[]')::text
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relname = any($1::text[])
   and c.relkind in ('r', 'p', 'v', 'm', 'f') and c.relpersistence <> 't'
   and n.nspname not in ('pg_catalog', 'information_schema'))`;

/** @throws if it is something else */
export function readFoundTables(text: string): FoundTable[] {
  const tables: unknown = JSON.parse(text);
  const isTable = (table: unknown) => {
    const {schema, name, columns} = Object(table) as FoundTable;
    return typeof schema === 'string' && typeof name === 'string' && (Array.isArray(columns) || columns === null);
  };
  if (!Array.isArray(tables) || !tables.every(isTable)) throw new NotUnderstood('no list of tables');
  return (tables as FoundTable[]).map(table => ({...table, columns: table.columns ?? []}));
}

interface Chosen {
  readonly names: TableNames;
  /** Tables whose rows row-level security may hide, quoted. */
  readonly hidden: readonly string[];
}

export function chooseTables(
  found: readonly FoundTable[],
  choice: TableChoice,
  client: PgClient,
  holds: 'traces' | 'runs',
): Chosen {
  const names = holds === 'runs' ? chooseRunTables(found, choice, client) : chooseTraceTables(found, choice, client);
  const used = Object.values(names);
  const isUsed = (table: FoundTable) =>
    used.some(name => name === qualified(table) || name.endsWith(` ${qualified(table)})`));
  return {names, hidden: found.filter(table => table.hidden && isUsed(table)).map(qualified)};
}

/** The schema with both tables: the requested one, the only one that has them, or `ai`, Agno's own. */
function chooseTraceTables(found: readonly FoundTable[], choice: TableChoice, client: PgClient): TableNames {
  const label = `${client.user}@${client.host}:${client.port}/${client.database}`;
  const named = found.filter(({name}) => name === choice.spansTable || name === choice.tracesTable);
  // An unreadable table belongs to somebody else and is ignored. If there is no other, it is refused by name.
  const readable = named.filter(table => table.readable);
  const schemas = [...new Set((readable.length > 0 ? readable : named).map(table => table.schema))].sort();
  if (choice.schema === null && schemas.length > 1) {
    throw new UserError(
      EXIT.usage,
      `several schemas of "${label}" have these tables: ${schemas.map(name => `"${name}"`).join(', ')}.`,
      {
        hint: `Choose one, for example ${command`--schema ${schemas.includes('ai') ? 'ai' : schemas[0]!}`}`,
      },
    );
  }
  const schema = choice.schema ?? schemas[0] ?? 'ai';
  const tableOf = (name: string) => found.find(table => table.schema === schema && table.name === name);
  const spans = tableOf(choice.spansTable);
  const traces = tableOf(choice.tracesTable);
  if (choice.schema !== null && !spans && !traces && schemas.length > 0) {
    throw new UserError(EXIT.schema, `schema "${schema}" of "${label}" has no table "${choice.spansTable}".`, {
      hint: `It is in schema ${schemas.map(name => `"${name}"`).join(', ')}.`,
    });
  }
  checkSchema(
    {
      spans: spans?.columns.map(column => column.name) ?? null,
      traces: traces?.columns.map(column => column.name) ?? null,
    },
    choice,
    label,
  );
  const grantee = quoteIdentifier(client.user ?? '');
  for (const table of [spans!, traces!]) {
    if (!table.readable) {
      throw new UserError(
        EXIT.unreachable,
        `user "${client.user}" may not read "${schema}.${table.name}" of "${label}".`,
        {
          hint: `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${grantee}; GRANT SELECT ON ${qualified(traces!)}, ${qualified(spans!)} TO ${grantee};`,
        },
      );
    }
  }
  return {spans: spansName(spans!, label), traces: qualified(traces!), ...runTables(tableOf)};
}

/** Those of Agno's own run tables that exist, are readable, and have the expected columns. */
function runTables(tableOf: (name: string) => FoundTable | undefined): TableNames {
  const optional = (name: string, columns: readonly string[]): string | undefined => {
    const table = tableOf(name);
    const isUsable =
      table?.readable && columns.every(column => table.columns.some(({name: known}) => known === column));
    return isUsable ? qualified(table) : undefined;
  };
  return {
    runs: optional(DEFAULT_TABLES.runs, ['run_id', 'status', 'created_at']),
    sessions: optional(DEFAULT_TABLES.sessions, ['session_id', 'runs']),
  };
}

/** The schema of run tables in a separate database: the requested one, `ai`, or the only one. */
function chooseRunTables(found: readonly FoundTable[], {schema: asked}: TableChoice, client: PgClient): TableNames {
  const label = `${client.user}@${client.host}:${client.port}/${client.database}`;
  const tables = found.filter(({name}) => name === DEFAULT_TABLES.runs || name === DEFAULT_TABLES.sessions);
  const schemas = [...new Set(tables.map(table => table.schema))].sort();
  const schema = [asked, 'ai'].find(name => name !== null && schemas.includes(name)) ?? schemas[0];
  const tableOf = (name: string) => tables.find(table => table.schema === schema && table.name === name);
  const chosen = runTables(tableOf);
  if (chosen.runs || chosen.sessions) return chosen;
  throw noRunTables(label, tables.length > 0);
}

function qualified(table: FoundTable): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/** Statements rely on jsonb; a column of type json is read through a cast. */
function spansName(table: FoundTable, label: string): string {
  const type = table.columns.find(column => column.name === 'attributes')!.type;
  if (type === 'jsonb') return qualified(table);
  if (type === 'json') {
    const columns = table.columns.map(({name}) =>
      name === 'attributes' ? 'attributes::jsonb as attributes' : quoteIdentifier(name),
    );
    // The follower reads which transaction wrote a row.
    if (table.kind === 'r' || table.kind === 'p') columns.unshift('xmin');
    return `(select ${columns.join(', ')} from ${qualified(table)})`;
  }
  throw new UserError(
    EXIT.schema,
    `column "attributes" of "${table.schema}.${table.name}" in "${label}" is of type ${type}.`,
    {hint: 'Agno creates it as jsonb; other types cannot be read.'},
  );
}
