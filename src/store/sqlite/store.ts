import {accessSync, constants, existsSync, type Stats, statSync} from 'node:fs';
import path from 'node:path';
import {EXIT, UserError} from '../../errors.ts';
import type {AdHoc} from '../../sql/ad-hoc.ts';
import {compile, quoteIdentifier, type Sql, type TableNames} from '../../sql/sql.ts';
import {stopwatchMs} from '../../stopwatch.ts';
import {checkSchema, NotThereYet, noRunTables} from '../schema-check.ts';
import type {SqliteSource} from '../source.ts';
import {
  type AdHocAnswer,
  type AdHocLimits,
  DEFAULT_TABLES,
  type OpenOptions,
  type Store,
  tableNamesOf,
  type Whereabouts,
} from '../store.ts';
import {runAdHoc} from './ad-hoc.ts';
import {closed} from './apart.ts';
import {describeSqlite} from './describe.ts';
import {explainSqlite} from './errors.ts';
import {isWal, type Readable, readableFile} from './private-copy.ts';
import {openReading, type Reading} from './reading.ts';

/** How long a reader waits for a writer's commit. A waiting read disturbs nobody: it holds no lock. */
const BUSY_MS = 2000;
/** Agno's writers wait 5 s for a reader of a rollback journal, then lose their spans. */
const LONGEST_LOCK_MS = 4000;
/** A statement that blocked the writer for longer is followed by a pause of the same length. */
const NO_REST_BELOW_MS = 10;
const LISTEN_EVERY_MS = 100;

/**
 * Opens a SQLite file for short autocommit reads. The journal mode is not changed: Agno 3 puts its files into WAL,
 * Agno 2 leaves the rollback journal, and both are read the same way.
 */
export async function openSqlite(source: SqliteSource, options: OpenOptions): Promise<Store> {
  const opened = checkFile(source.file);
  if (options.tables.schema !== null) {
    throw new UserError(EXIT.usage, `--schema "${options.tables.schema}" does not apply to SQLite.`, {
      hint: 'Leave it out; tables are found by name.',
    });
  }
  const readable = await readableFile(source.file, options.largestCopyBytes);
  if (readable.reason !== null) options.warn?.(`reading a copy of "${source.file}": ${readable.reason}`);
  const blocksWriter = readable.reason === null && !isWal(readable.file);
  const names = tableNamesOf(options.tables);
  const reading = await openReading({
    file: readable.file,
    label: source.file,
    busyMs: Math.min(options.busyMs ?? BUSY_MS, options.timeoutMs),
    limitMs: blocksWriter ? Math.min(options.timeoutMs, LONGEST_LOCK_MS) : options.timeoutMs,
    tables: names,
  }).catch(error => {
    readable.dispose();
    throw explainSqlite(error, source.file);
  });
  if (reading.reason !== null) options.debug?.(`sqlite: reading in a separate process: ${reading.reason}`);
  const close = async () => {
    await reading.close();
    readable.dispose();
  };
  try {
    if (options.onConnect) options.onConnect(await describeSqlite(reading, source, readable, names));
    if (opened.size === 0) throw emptyDatabase(source.file);
    const tables = await findTables(reading, source, options);
    return new SqliteStore(source, reading, tables, blocksWriter, options, readable, opened, close);
  } catch (error) {
    await close();
    throw explainSqlite(error, source.file);
  }
}

class SqliteStore implements Store {
  readonly dialect = 'sqlite';
  readonly spansPerStatement = 20_000;
  readonly answersInCall = true;
  readonly label: string;
  lastStatementMs = 0;
  /** No statement before this time (`stopwatchMs`): it is the writer's turn. */
  private restUntilMs = 0;
  /** When others last had a turn (`stopwatchMs`). */
  private listenedMs = stopwatchMs();
  private isClosed = false;
  /** Stop functions of running `sql` statements. */
  private readonly adHocs = new Set<() => Promise<void>>();
  /** When the copy was begun, if one is read. */
  private readonly copiedMs: number;

  constructor(
    private readonly source: SqliteSource,
    private readonly reading: Reading,
    readonly tables: TableNames,
    readonly blocksWriter: boolean,
    private readonly options: OpenOptions,
    private readonly readable: Readable,
    private readonly opened: Stats,
    private readonly onClose: () => Promise<void>,
  ) {
    this.label = source.file;
    this.copiedMs = readable.begunMs;
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    const {text, params} = compile(query, 'sqlite', this.tables);
    await this.rest();
    // A follower may close this store to open another one, while a page is still read from this one.
    if (this.isClosed) throw closed();
    const start = stopwatchMs();
    try {
      const rows = (await this.reading.all(text, params)) as Row[];
      this.lastStatementMs = stopwatchMs() - start;
      this.options.debug?.(`sqlite: ${rows.length} rows in ${this.lastStatementMs.toFixed(1)} ms`);
      if (this.blocksWriter && this.lastStatementMs > NO_REST_BELOW_MS)
        this.restUntilMs = stopwatchMs() + this.lastStatementMs;
      return rows;
    } catch (error) {
      throw explainSqlite(error, this.source.file);
    }
  }

  private async rest(): Promise<void> {
    const now = stopwatchMs();
    const restMs = this.restUntilMs - now;
    if (restMs <= 0 && now - this.listenedMs < LISTEN_EVERY_MS) return;
    // Reads of SQLite never wait: without a turn for others, no signal, key or timer would be handled between them.
    await new Promise(resolve => (restMs > 0 ? setTimeout(resolve, restMs) : setImmediate(resolve)));
    this.listenedMs = stopwatchMs();
  }

  async adHoc(statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
    const {readable, blocksWriter, options} = this;
    let end: (() => Promise<void>) | undefined;
    const onStart = (stop: () => Promise<void>) => {
      end = stop;
      this.adHocs.add(stop);
    };
    try {
      return await runAdHoc(
        {file: readable.file, blocksWriter, busyMs: BUSY_MS, timeoutMs: options.timeoutMs, onStart},
        statement,
        limits,
      );
    } catch (error) {
      throw explainSqlite(error, this.source.file);
    } finally {
      if (end) this.adHocs.delete(end);
    }
  }

  nowMicros(): number {
    return this.options.nowMicros();
  }

  whereabouts(): Whereabouts {
    const stat = statOf(this.source.file);
    if (typeof stat === 'string') return 'gone';
    const isSame = stat.dev === this.opened.dev && stat.ino === this.opened.ino;
    if (!isSame) return 'replaced';
    return this.readable.reason !== null && isNewer(this.source.file, this.copiedMs) ? 'copied' : 'here';
  }

  async stop(): Promise<void> {
    await Promise.all([...this.adHocs].map(end => end()));
    await this.reading.stop();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.onClose();
  }
}

/** Gives a precise message where SQLite would only say that it cannot open the file. */
function checkFile(file: string): Stats {
  const refused = (message: string, hint: string) => new UserError(EXIT.unreachable, message, {hint});
  const stat = statOf(file);
  if (stat === 'EACCES') {
    throw refused(
      `"${file}" cannot be read: you lack the permission.`,
      'Check the permissions of the file and of its folders.',
    );
  }
  if (typeof stat === 'string') {
    const hint = 'Pass --db with a path or a URL, or set AGNO_TRACE_DB.';
    const message = `there is no database file "${file}".`;
    throw existsSync(path.dirname(file)) ? new NotThereYet(EXIT.unreachable, message, {hint}) : refused(message, hint);
  }
  if (stat.isDirectory()) throw refused(`"${file}" is a folder, not a SQLite file.`, 'Pass the file in it.');
  if (!stat.isFile()) throw refused(`"${file}" is not a regular file.`, 'Pass a SQLite file.');
  if (!isReadable(file))
    throw refused(`"${file}" cannot be read: you lack the permission.`, 'Check the permissions of the file.');
  // For a pipe, SQLite would wait for its writer.
  for (const suffix of ['-journal', '-wal', '-shm']) {
    const beside = statOf(file + suffix);
    if (typeof beside !== 'string' && !beside.isFile())
      throw refused(`"${file}${suffix}" is not a regular file.`, 'Move it away: SQLite takes it for a journal.');
  }
  return stat;
}

function emptyDatabase(file: string): UserError {
  return new NotThereYet(EXIT.schema, `"${file}" is an empty database: it has no tables yet.`, {
    hint: 'Is tracing on? Agno creates its tables with the first traced run.',
  });
}

function isReadable(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** True if the file or the newest rows beside it were written since then. */
function isNewer(file: string, sinceMs: number): boolean {
  return ['', '-wal'].some(suffix => {
    const stat = statOf(file + suffix);
    return typeof stat !== 'string' && stat.mtimeMs > sinceMs;
  });
}

function statOf(file: string): Stats | string {
  try {
    return statSync(file);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}

async function findTables(
  reading: Reading,
  source: SqliteSource,
  {tables: choice, holds}: OpenOptions,
): Promise<TableNames> {
  const columnsOf = async (name: string): Promise<string[] | null> => {
    const rows = (await reading.all('select name from pragma_table_info(?)', [name])) as {name: string}[];
    return rows.length === 0 ? null : rows.map(row => row.name);
  };
  const optional = async (name: string, columns: readonly string[]): Promise<string | undefined> => {
    const found = await columnsOf(name);
    return found && columns.every(column => found.includes(column)) ? quoteIdentifier(name) : undefined;
  };
  const own = {
    runs: await optional(DEFAULT_TABLES.runs, ['run_id', 'status', 'created_at']),
    sessions: await optional(DEFAULT_TABLES.sessions, ['session_id', 'runs']),
  };
  if (holds === 'runs') {
    if (own.runs || own.sessions) return own;
    throw noRunTables(
      source.file,
      (await columnsOf(DEFAULT_TABLES.runs)) !== null || (await columnsOf(DEFAULT_TABLES.sessions)) !== null,
    );
  }
  const [spans, traces] = [await columnsOf(choice.spansTable), await columnsOf(choice.tracesTable)];
  checkSchema({spans, traces}, choice, source.file);
  return {spans: quoteIdentifier(choice.spansTable), traces: quoteIdentifier(choice.tracesTable), ...own};
}
