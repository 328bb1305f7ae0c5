import {EXIT, UserError} from '../errors.ts';
import type {AgnoNames} from '../sql/agno-tables.ts';
import {type Dialect, inline, quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import {openChanges} from '../store/changes.ts';
import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import {openStore} from '../store/open.ts';
import {patient, patiently} from '../store/patient.ts';
import {labelOf, type Source} from '../store/source.ts';
import type {OpenOptions, Store} from '../store/store.ts';
import {type Made, readMade} from './made.ts';
import type {Explained} from './step.ts';

/** A database as found. */
export interface MigrationSubject {
  readonly dialect: Dialect;
  readonly label: string;
  readonly facts: ConnectionFacts;
  /** On Postgres; empty on SQLite. */
  readonly schema: string;
  readonly hasSchema: boolean;
  readonly names: AgnoNames;
  /** Null: it does not exist. */
  readonly traces: TableFacts | null;
  readonly spans: TableFacts | null;
  /** Null if a table is missing. */
  readonly store: Store | null;
  /** What this tool created without a name of its own. */
  readonly made: readonly Made[];
  /** Nobody else has the SQLite file open, according to the user. */
  readonly offline: boolean;
  /** Reads that work without the tables. */
  all<Row>(query: Sql): Promise<Row[]>;
  close(): Promise<void>;
}

export interface SubjectOptions extends Pick<OpenOptions, 'tables' | 'nowMicros' | 'timeoutMs' | 'warn' | 'debug'> {
  readonly offline: boolean;
}

/**
 * Reads the catalogue. Here, unlike everywhere else, a database without the tables is fine.
 * @throws UserError exit 4 if it cannot be changed, exit 5 if the tables are not Agno's
 */
export async function openSubject(source: Source, options: SubjectOptions): Promise<MigrationSubject> {
  let facts: ConnectionFacts | null = null;
  const open = () =>
    openStore(source, {
      ...options,
      onConnect: connected => {
        facts = connected;
      },
    });
  const found = await (source.dialect === 'sqlite' ? patiently(open) : open()).catch((error: unknown) => {
    if (facts && isMissingTable(error)) return null;
    throw error;
  });
  return describe(source, found && patient(found), facts!, options);
}

async function describe(
  source: Source,
  store: Store | null,
  facts: ConnectionFacts,
  options: SubjectOptions,
): Promise<MigrationSubject> {
  // Without the tables there is no reading store; this one only reads the catalogue briefly.
  const reader = store ?? (await openChanges(source, {tables: {}, ...(options.debug ? {debug: options.debug} : {})}));
  try {
    const {dialect, label} = {dialect: facts.dialect, label: labelOf(source)};
    if (facts.isStandby) throw unreachable(`"${label}" is a standby: it may only be read.`, 'Connect to the primary.');
    if (facts.copyReason !== null)
      throw unreachable(
        `"${label}" cannot be changed in place: ${facts.copyReason}.`,
        'Run it as the user whose program writes the file.',
      );
    const names = {traces: options.tables.tracesTable, spans: options.tables.spansTable};
    const named = facts.tables.filter(({name}) => name === names.traces || name === names.spans);
    const schema = dialect === 'sqlite' ? '' : (options.tables.schema ?? named[0]?.schema ?? 'ai');
    const tableOf = (name: string) =>
      named.find(table => table.name === name && (dialect === 'sqlite' || table.schema === schema)) ?? null;
    const [traces, spans] = [tableOf(names.traces), tableOf(names.spans)];
    for (const table of [traces, spans])
      if (table?.isView)
        throw new UserError(EXIT.schema, `${table.qualifiedName} is not a table: it holds no rows of its own.`, {
          hint: 'Name the tables behind it: --traces-table, --spans-table, --schema.',
        });
    return {
      dialect,
      label,
      facts,
      schema,
      hasSchema: dialect === 'sqlite' || (await schemaExists(reader, schema)),
      names,
      traces,
      spans,
      store,
      made: await readMade(reader, dialect, schema),
      offline: options.offline,
      all: query => reader.all(query),
      close: () => reader.close(),
    };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

function isMissingTable(error: unknown): boolean {
  return (
    error instanceof UserError && error.exitCode === EXIT.schema && /has no table|no tables yet/.test(error.message)
  );
}

async function schemaExists(reader: Pick<MigrationSubject, 'all'>, schema: string): Promise<boolean> {
  const rows = await reader.all(sql`select 1 from pg_catalog.pg_namespace where nspname = ${schema}`);
  return rows.length > 0;
}

/** A query, and how the database runs it now. */
export async function explained(subject: MigrationSubject, query: Sql): Promise<Explained> {
  const again = (at: MigrationSubject) => plan(at, query);
  const tables = {spans: subject.spans!.qualifiedName, traces: subject.traces!.qualifiedName};
  return {query: inline(query, subject.dialect, tables), plan: await again(subject), again};
}

async function plan({dialect, all}: MigrationSubject, query: Sql): Promise<string[]> {
  if (dialect === 'postgres') {
    const rows = await all<Record<string, string>>(sql`explain ${query}`);
    return rows.map(row => row['QUERY PLAN']!);
  }
  return (await all<{detail: string}>(sql`explain query plan ${query}`)).map(({detail}) => detail);
}

/** The name of a table in SQL, whether it exists or not. */
export function qualifiedName({dialect, schema}: Pick<MigrationSubject, 'dialect' | 'schema'>, name: string): string {
  return dialect === 'sqlite' ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** Our own text as an SQL literal. */
export function literal(text: string): Sql {
  return raw(`'${text.replaceAll("'", "''")}'`);
}

function unreachable(message: string, hint: string): UserError {
  return new UserError(EXIT.unreachable, message, {hint});
}
