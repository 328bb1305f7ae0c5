import {EXIT, UserError} from '../../errors.ts';
import {quoteIdentifier} from '../../sql/sql.ts';
import {stopwatchMs} from '../../stopwatch.ts';
import {Apart} from './apart.ts';
import {openFile, type SqliteConnection} from './driver.ts';
import {GOES_ON, watched} from './watched.ts';

/** A file opened for reading, in this process or in a separate one. */
export interface Reading {
  /** Name and version, for `doctor`. */
  readonly driver: string;
  /** Why a separate process reads it; null: this one does. */
  readonly reason: string | null;
  /** @throws what the driver throws; a UserError exit 4 if a statement exceeded its limit */
  all(text: string, params: readonly unknown[]): Promise<unknown[]>;
  /** Stops the running statement, if it runs in a separate process. */
  stop(): Promise<void>;
  /** Returns when nothing reads the file any more. */
  close(): Promise<void>;
}

interface ReadingOptions {
  readonly file: string;
  /** Its name in messages. */
  readonly label: string;
  readonly busyMs: number;
  /** Longest time of one statement, ms. */
  readonly limitMs: number;
  /** The tables that will be read. */
  readonly tables: readonly string[];
}

/** One of our statements takes about 25 ms if pages are warm; while it runs, this process is blocked. */
const LONGEST_HERE_MS = 400;

/**
 * Opens a file. This process reads rows of plain tables as long as that is quick. What a file computes while it is
 * read (a view, a virtual table, a generated column) may never end, so a process that can be stopped reads that; it
 * also takes over statements that took too long here.
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
  return new ReadingHere(connection, options);
}

class ReadingHere implements Reading {
  readonly reason = null;
  readonly driver: string;
  private readonly watch = new Watch();
  private readonly tables: ReadonlySet<string>;
  /** Texts that contain the check of `watched`. */
  private readonly texts = new Map<string, string>();
  private apart: Reading | null = null;
  /** Tables without row ids cannot be watched. */
  private isAllApart = false;

  constructor(
    private readonly connection: SqliteConnection,
    private readonly options: ReadingOptions,
  ) {
    this.driver = connection.driver;
    this.tables = new Set(options.tables.map(quoteIdentifier));
    connection.define(GOES_ON, () => this.watch.ask());
  }

  async all(text: string, params: readonly unknown[]): Promise<unknown[]> {
    if (!this.isAllApart) {
      try {
        this.watch.begin();
        return this.connection.all(this.watchedText(text), params);
      } catch (error) {
        this.isAllApart = /^no such column: \S+\.rowid/.test((error as Error).message) && !/\browid\b/.test(text);
        if (!this.watch.isOver && !this.isAllApart) throw error;
      }
    }
    this.apart ??= readApart(this.options, 'its pages may form a loop');
    return this.apart.all(text, params);
  }

  async stop(): Promise<void> {
    await this.apart?.close();
  }

  async close(): Promise<void> {
    this.connection.close();
    await this.apart?.close();
  }

  private watchedText(text: string): string {
    const known = this.texts.get(text);
    if (known !== undefined) return known;
    if (this.texts.size >= MOST_TEXTS) this.texts.clear();
    const made = watched(text, this.tables);
    this.texts.set(text, made);
    return made;
  }
}

/** Texts differ in the number of their values; a walk has only a few of them. */
const MOST_TEXTS = 100;

/** Ends a statement that runs too long. */
class Watch {
  isOver = false;
  private endMs = 0;

  begin(): void {
    this.isOver = false;
    this.endMs = stopwatchMs() + LONGEST_HERE_MS;
  }

  ask(): number {
    this.isOver = stopwatchMs() > this.endMs;
    if (this.isOver) throw new Error('too long');
    return 1;
  }
}

function readApart({file, label, busyMs, limitMs}: ReadingOptions, reason: string): Reading {
  const apart = new Apart({file, busyMs, tooLong: ms => tooLong(label, ms, reason)});
  return {
    driver: apart.driver,
    reason,
    all: async (text, params) => (await apart.ask({kind: 'all', text, params}, limitMs)).rows,
    stop: () => apart.close(),
    close: () => apart.close(),
  };
}

/** @param reason why it can take long */
export function tooLong(label: string, ms: number, reason: string): UserError {
  return new UserError(EXIT.unreachable, `a statement on "${label}" took longer than ${ms / 1000} s and was stopped.`, {
    hint: `It may never end: ${reason}. --timeout 2m allows more time.`,
    cause: Object.assign(new Error('stopped'), {code: 'SQLITE_INTERRUPT'}),
  });
}

/** As SQLite itself writes them into the catalogue: reading a row of these computes nothing, or only a key. */
const PLAIN = /^create (unique )?(table|index|trigger)\b/i;
const NAMED =
  /^create\s+(?:view|virtual\s+table)\s+(?:if\s+not\s+exists\s+)?("(?:[^"]|"")+"|\[[^\]]+\]|`[^`]+`|[\p{L}\p{N}_$]+)(?:\s|\()/iu;

/**
 * What the file computes for these tables, in words; null: nothing. Examines the statements of the catalogue instead
 * of its columns, which may say anything in a forged file. It does not even compile a view, because that alone can
 * take for ever.
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
    if (name === undefined) return 'its catalogue was not written by SQLite';
    const bare = /^["[`]/.test(name) ? name.slice(1, -1).replaceAll('""', '"') : name;
    if (wanted.includes(bare.toLowerCase())) return `"${bare}" is a ${what}`;
  }
  const [computed] = connection.all(
    'select t.value as tableName, c.name from json_each(?) t, pragma_table_xinfo(t.value) c where c.hidden <> 0 limit 1',
    [JSON.stringify(tables)],
  ) as {tableName: string; name: string}[];
  return computed ? `column "${computed.name}" of "${computed.tableName}" is computed` : null;
}
