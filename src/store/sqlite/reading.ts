import {EXIT, UserError} from '../../errors.ts';
import {Apart} from './apart.ts';
import {openFile, type SqliteConnection} from './driver.ts';

/** A file opened for reading, in this process or in one of its own. */
export interface Reading {
  /** Name and version, for `doctor`. */
  readonly driver: string;
  /** Why a process of its own reads it; null: this one does. */
  readonly reason: string | null;
  /** @throws what the driver throws; a UserError exit 4 when it took longer than a statement may */
  all(text: string, params: readonly unknown[]): Promise<unknown[]>;
  /** Over when nothing reads the file any more. */
  close(): Promise<void>;
}

interface ReadingOptions {
  readonly file: string;
  /** What it is called in messages. */
  readonly label: string;
  readonly busyMs: number;
  /** Longest time of one statement, ms. */
  readonly limitMs: number;
  /** The tables that will be read. */
  readonly tables: readonly string[];
}

/**
 * Opens a file. Rows of plain tables are read in this process: what one bounded statement costs is known. What a file computes
 * while it is read (a view, a virtual table, a generated column) may take for ever, so a process that can be stopped reads that.
 */
export async function openReading(options: ReadingOptions): Promise<Reading> {
  const connection = await openFile(options);
  let reason: string | null;
  try {
    reason = whatIsComputed(connection, options.tables);
  } catch (error) {
    connection.close();
    throw error;
  }
  if (reason !== null) {
    connection.close();
    return readApart(options, reason);
  }
  return {
    driver: connection.driver,
    reason: null,
    all: async (text, params) => connection.all(text, params),
    close: async () => connection.close(),
  };
}

function readApart({file, label, busyMs, limitMs}: ReadingOptions, reason: string): Reading {
  const apart = new Apart({file, busyMs, tooLong: ms => tooLong(label, ms, reason)});
  return {
    driver: apart.driver,
    reason,
    all: async (text, params) => (await apart.ask({kind: 'all', text, params}, limitMs)).rows,
    close: () => apart.close(),
  };
}

/** @param reason why it can take long */
export function tooLong(label: string, ms: number, reason: string): UserError {
  return new UserError(EXIT.unreachable, `a statement on "${label}" took longer than ${ms / 1000} s and was stopped.`, {
    hint: `It may never end: ${reason}. --timeout 2m allows more.`,
    cause: Object.assign(new Error('stopped'), {code: 'SQLITE_INTERRUPT'}),
  });
}

/** As SQLite itself writes them into the catalogue: nothing is computed when a row of these is read, or nothing but a key. */
const PLAIN = /^create (unique )?(table|index|trigger)\b/i;
const NAMED =
  /^create\s+(?:view|virtual\s+table)\s+(?:if\s+not\s+exists\s+)?("(?:[^"]|"")+"|\[[^\]]+\]|`[^`]+`|[\p{L}\p{N}_$]+)(?:\s|\()/iu;

/**
 * What of these tables the file computes, in words; null: nothing. The statements of the catalogue are looked at rather than its
 * columns, which a forged file may have say anything, and no view is so much as compiled: that alone can take for ever.
 */
export function whatIsComputed(connection: Pick<SqliteConnection, 'all'>, tables: readonly string[]): string | null {
  const wanted = tables.map(name => name.toLowerCase());
  const others = connection.all(
    `select substr(sql, 1, 1000) as sql from sqlite_master
 where sql is not null and not (sql like 'create table %' or sql like 'create index %' or sql like 'create unique index %' or sql like 'create trigger %')`,
    [],
  ) as {sql: unknown}[];
  for (const {sql} of others) {
    const text = String(sql);
    if (PLAIN.test(text)) continue;
    const name = NAMED.exec(text)?.[1];
    const isVirtual = /^create\s+virtual/i.test(text);
    const what = isVirtual ? 'virtual table' : 'view';
    if (name === undefined) return 'its catalogue is not as SQLite writes it';
    const bare = /^["[`]/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
    if (wanted.includes(bare.toLowerCase())) return `"${bare}" is a ${what}`;
  }
  const [computed] = connection.all(
    'select t.value as tableName, c.name from json_each(?) t, pragma_table_xinfo(t.value) c where c.hidden <> 0 limit 1',
    [JSON.stringify(tables)],
  ) as {tableName: string; name: string}[];
  return computed ? `column "${computed.name}" of "${computed.tableName}" is computed` : null;
}
