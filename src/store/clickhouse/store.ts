import type {AdHoc} from '../../sql/ad-hoc.ts';
import {inline, type Sql, type TableNames} from '../../sql/sql.ts';
import {stopwatchMs} from '../../stopwatch.ts';
import {type ClickhouseSource, labelOf} from '../source.ts';
import {type AdHocAnswer, type AdHocLimits, type OpenOptions, type Store, tableNamesOf} from '../store.ts';
import {runAdHoc} from './ad-hoc.ts';
import {type Answer, Connection} from './connect.ts';
import {describeClickhouse} from './describe.ts';
import {explainClickhouse, NotUnderstood} from './errors.ts';
import {chooseTables, columnsStatement, type FoundColumn} from './tables.ts';
import {readerOf} from './values.ts';

/** The catalogue answers at once unless the server is in trouble. */
const INSPECT_MS = 10_000;

/** Opens a server for reading: every read is a request of its own, without a session. */
export async function openClickhouse(source: ClickhouseSource, options: OpenOptions): Promise<Store> {
  const connection = await Connection.open(source, text => options.debug?.(text)).catch(error => {
    throw explainClickhouse(error, source);
  });
  const reader = new Reader(connection);
  const timeoutMs = Math.min(INSPECT_MS, options.timeoutMs);
  try {
    const server = await inspect(connection, options.nowMicros, timeoutMs);
    const names = tableNamesOf(options.tables);
    if (options.onConnect) options.onConnect(await describeClickhouse(reader, source, server, names, timeoutMs));
    const columns = await reader.rows<FoundColumn>(columnsStatement(source.database, names), timeoutMs);
    const tables = chooseTables(columns, options.tables, source, labelOf(source), options.holds ?? 'traces');
    return new ClickhouseStore(source, connection, reader, tables, server, options);
  } catch (error) {
    await connection.close();
    throw explainClickhouse(error, source);
  }
}

/** Reads rows in the form of the other stores. */
export class Reader {
  constructor(private readonly connection: Connection) {}

  async rows<Row>(text: string, timeoutMs: number): Promise<Row[]> {
    return rowsOf<Row>(await this.connection.read(text, timeoutMs));
  }
}

function rowsOf<Row>({names, types, rows}: Answer): Row[] {
  const readers = types.map(readerOf);
  return rows.map(row => Object.fromEntries(names.map((name, i) => [name, readers[i]!(row[i])])) as Row);
}

/** Facts about a server, before any table is read. */
export interface ServerFacts {
  readonly version: string;
  readonly role: string;
  readonly clockAheadMicros: number;
  readonly startedMicros: number;
  /** Longest time of one statement according to the user's own profile, s; 0: none. */
  readonly maxSeconds: number;
  readonly sendsSettings: boolean;
}

export const SERVER = `select version() as version, currentUser() as role, toUnixTimestamp64Micro(now64(6)) as now,
       toUnixTimestamp(now() - toIntervalSecond(uptime())) as started,
       toUInt64(getSetting('max_memory_usage')) as memory, toFloat64(getSetting('max_execution_time')) as seconds,
       toUInt64(getSetting('max_result_rows')) as result_rows`;

async function inspect(connection: Connection, nowMicros: () => number, timeoutMs: number): Promise<ServerFacts> {
  const asked = nowMicros();
  // Sent without our own limits, so that they are not mistaken for the user's.
  const [row] = rowsOf<Record<string, unknown>>(await connection.readWithin(SERVER, timeoutMs));
  const answered = nowMicros();
  if (!row || !Number.isFinite(row.now) || typeof row.version !== 'string')
    throw new NotUnderstood('no version and no clock');
  const maxSeconds = Number(row.seconds);
  connection.keepWithin({memory: Number(row.memory), seconds: maxSeconds, rows: Number(row.result_rows)});
  return {
    version: row.version,
    role: String(row.role),
    clockAheadMicros: Math.round(Number(row.now) - (asked + answered) / 2),
    startedMicros: Number(row.started) * 1e6,
    maxSeconds,
    sendsSettings: connection.sendsSettings,
  };
}

class ClickhouseStore implements Store {
  readonly dialect = 'clickhouse';
  readonly spansPerStatement = 200_000;
  readonly blocksWriter = false;
  lastStatementMs = 0;
  readonly label: string;

  constructor(
    private readonly source: ClickhouseSource,
    private readonly connection: Connection,
    private readonly reader: Reader,
    readonly tables: TableNames,
    private readonly server: ServerFacts,
    private readonly options: OpenOptions,
  ) {
    this.label = labelOf(source);
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    const start = stopwatchMs();
    try {
      const rows = await this.reader.rows<Row>(inline(query, 'clickhouse', this.tables), this.options.timeoutMs);
      this.lastStatementMs = stopwatchMs() - start;
      this.options.debug?.(`clickhouse: ${rows.length} rows in ${this.lastStatementMs.toFixed(1)} ms`);
      return rows;
    } catch (error) {
      throw explainClickhouse(error, this.source);
    }
  }

  async adHoc(statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
    const timeoutMs = Math.min(limits.timeoutMs ?? this.options.timeoutMs, this.options.timeoutMs);
    try {
      return await runAdHoc(this.connection, statement, {...limits, timeoutMs});
    } catch (error) {
      throw explainClickhouse(error, this.source);
    }
  }

  nowMicros(): number {
    return this.options.nowMicros() + this.server.clockAheadMicros;
  }

  /** The server stops a statement whose client is gone (`cancel_http_readonly_queries_on_client_close`). */
  stop(): Promise<void> {
    return this.connection.close();
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
