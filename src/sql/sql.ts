import {append} from '../lists.ts';

/** The databases that Agno writes traces to and this tool reads. */
export const DIALECTS = ['sqlite', 'postgres', 'clickhouse'] as const;
export type Dialect = (typeof DIALECTS)[number];

export type SqlValue = string | number | bigint | null | readonly string[];

/** Tables that a statement can name; the store knows their real names and schemas. */
export type TableRole = 'spans' | 'traces' | 'runs' | 'sessions';
export type TableNames = Readonly<Partial<Record<TableRole, string>>>;

type Piece =
  | {readonly text: string}
  | {readonly value: SqlValue}
  | {readonly table: TableRole}
  | {readonly either: Readonly<Record<Dialect, Sql>>};

/** A statement or a fragment of one, independent of a database. Only `sql` and its helpers create it. */
export class Sql {
  constructor(readonly pieces: readonly Piece[]) {}
}

/** Builds SQL. Every `${value}` is bound as a parameter; every `${Sql}` is spliced. */
export function sql(strings: TemplateStringsArray, ...parts: readonly (SqlValue | Sql)[]): Sql {
  const pieces: Piece[] = [];
  strings.forEach((text, i) => {
    if (text) pieces.push({text});
    if (i >= parts.length) return;
    const part = parts[i]!;
    if (part instanceof Sql) append(pieces, part.pieces);
    else pieces.push({value: part as SqlValue});
  });
  return new Sql(pieces);
}

/** SQL text from our own source. Never for anything a user or a row supplied. */
export function raw(text: string): Sql {
  return new Sql(text ? [{text}] : []);
}

export const EMPTY = raw('');

/** `list` joined with `separator`; `whenEmpty` if it is empty. */
export function join(list: readonly Sql[], separator: string, whenEmpty: Sql = EMPTY): Sql {
  if (list.length === 0) return whenEmpty;
  return new Sql(list.flatMap((item, i) => (i === 0 ? item.pieces : [{text: separator}, ...item.pieces])));
}

/** More alternatives than this stand in groups: SQLite refuses an expression with a depth of more than 1,000. */
const MOST_ALTERNATIVES = 100;

/** True where one of `tests` is; `whenEmpty` if there are none. */
export function anyOf(tests: readonly Sql[], whenEmpty: Sql = EMPTY): Sql {
  if (tests.length <= MOST_ALTERNATIVES) return join(tests, ' or ', whenEmpty);
  const groups = Array.from({length: Math.ceil(tests.length / MOST_ALTERNATIVES)}, (_, i) =>
    tests.slice(i * MOST_ALTERNATIVES, (i + 1) * MOST_ALTERNATIVES),
  );
  return anyOf(groups.map(group => sql`(${anyOf(group)})`));
}

/** Databases whose rows this tool may change: they have transactions. */
export type WritableDialect = Exclude<Dialect, 'clickhouse'>;

/** Like `either`, for statements that are sent only to databases whose rows this tool may change. */
export function eitherWritable(variants: Readonly<Record<WritableDialect, Sql>>): Sql {
  return either({...variants, clickhouse: EMPTY});
}

/** A place where the databases need different SQL. */
export function either(variants: Readonly<Record<Dialect, Sql>>): Sql {
  return new Sql([{either: variants}]);
}

export function table(role: TableRole): Sql {
  return new Sql([{table: role}]);
}

export interface Statement {
  readonly text: string;
  readonly params: readonly SqlValue[];
}

/** The statement in the form for the driver of `dialect`: `?` for SQLite, `$n` for Postgres. */
export function compile(query: Sql, dialect: WritableDialect, tables: TableNames): Statement {
  const params: SqlValue[] = [];
  const text = write(query, dialect, tables, value => {
    if (dialect === 'sqlite') {
      params.push(Array.isArray(value) ? JSON.stringify(value) : value);
      return '?';
    }
    params.push(value);
    return `$${params.length}`;
  });
  return {text: text.trim(), params};
}

/**
 * The statement with its values inserted: can be run as it is. For `--print-sql`, and for ClickHouse, where
 * parameters travel in the URL, which has no room for a thousand ids.
 */
export function inline(query: Sql, dialect: Dialect, tables: TableNames): string {
  return write(query, dialect, tables, value => literal(value, dialect)).trim();
}

function write(query: Sql, dialect: Dialect, tables: TableNames, onValue: (value: SqlValue) => string): string {
  let out = '';
  for (const piece of query.pieces) {
    if ('text' in piece) {
      // An empty fragment leaves no blank line behind.
      if (piece.text.startsWith('\n')) out = out.replace(/\n[ \t]*$/, '');
      out += piece.text;
    } else if ('value' in piece) out += onValue(piece.value);
    else if ('either' in piece) out += write(piece.either[dialect], dialect, tables, onValue);
    else {
      const name = tables[piece.table];
      if (name === undefined) throw new Error(`no table known for "${piece.table}"`);
      out += name;
    }
  }
  return out;
}

function literal(value: SqlValue, dialect: Dialect): string {
  if (value === null) return 'null';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (typeof value !== 'string') {
    return LISTS[dialect](value);
  }
  return QUOTED[dialect](value);
}

const plain = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A text as a literal. */
export const QUOTED: Readonly<Record<Dialect, (text: string) => string>> = {
  sqlite: plain,
  // standard_conforming_strings may be off on an old server; E'' has the same meaning either way.
  postgres: text => (text.includes('\\') ? `E${plain(text).replaceAll('\\', '\\\\')}` : plain(text)),
  clickhouse: text => `'${text.replace(/[\\']/g, char => `\\${char}`).replaceAll('\0', '\\0')}'`,
};

const LISTS: Readonly<Record<Dialect, (texts: readonly string[]) => string>> = {
  sqlite: texts => QUOTED.sqlite(JSON.stringify(texts)),
  postgres: texts => (texts.length === 0 ? "'{}'::text[]" : `array[${texts.map(QUOTED.postgres).join(', ')}]`),
  // An empty list would have no type that could be compared with text.
  clickhouse: texts => (texts.length === 0 ? "['']" : `[${texts.map(QUOTED.clickhouse).join(', ')}]`),
};

/** A name as an identifier, in the form for all databases. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The name that `quoteIdentifier` quoted. */
export function unquotedIdentifier(quoted: string): string {
  return quoted.slice(1, -1).replaceAll('""', '"');
}

/** The schema of a quoted and qualified name, quoted. */
export function schemaOf(qualified: string): string {
  return /^("(?:[^"]|"")*")\./.exec(qualified)![1]!;
}
