import {randomUUID} from 'node:crypto';
import {readFileSync} from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import type {Socket} from 'node:net';
import type {ClickHouseClient, ClickHouseSettings} from '@clickhouse/client';
import {EXIT, UserError} from '../../errors.ts';
import {append} from '../../lists.ts';
import {stopwatchMs} from '../../stopwatch.ts';
import type {ClickhouseSource} from '../source.ts';
import {CODE, codeOf, NotUnderstood, OutOfTime} from './errors.ts';

/** A server that ends a slow statement by itself gets this much time to say so. */
const GRACE_MS = 2000;
/** Largest answer to one statement; an endless one is abandoned there. */
const MOST_BYTES = 512 * 1024 ** 2;
/** Largest answer before the first row, that is, an error. */
const MOST_ERROR_BYTES = 4 * 1024 ** 2;
const WATCH_MS = 50;
/** Rows per answer; our own statements are limited anyway. */
const MOST_ROWS = 20_000_000;
const MOST_MEMORY = 4_000_000_000;

/** An answer: each row as JSON, in the order of the columns. */
export interface Answer {
  readonly names: readonly string[];
  readonly types: readonly string[];
  readonly rows: unknown[][];
}

interface ReadOptions {
  /** For this statement only. */
  readonly settings?: ClickHouseSettings;
  /** Rows after this many are not read; null: all are. */
  readonly mostRows?: number | null;
  /** Send only the read-only setting and none of our limits. */
  readonly hasOwnLimits?: boolean;
}

/** Limits of the user's own settings profile; 0: none. */
export interface OwnLimits {
  readonly memory: number;
  readonly seconds: number;
  readonly rows: number;
}

const NO_LIMITS: OwnLimits = {memory: 0, seconds: 0, rows: 0};

/** Which of our settings the server accepts: a profile that may not change any refuses them. */
type Sent = 'all' | 'readonly' | 'none';

/**
 * One server over HTTP: no session, each statement on its own, read-only by a setting that is sent with it and that
 * the statement cannot lift. If the user's profile refuses settings, the profile itself makes it read-only, and only
 * our own limits apply.
 */
export class Connection {
  private sent: Sent = 'all';
  private own = NO_LIMITS;
  private closed = false;

  private constructor(
    private readonly client: ClickHouseClient,
    private readonly agent: CountingAgent,
    private readonly debug: (text: string) => void,
  ) {}

  static async open(source: ClickhouseSource, debug: (text: string) => void): Promise<Connection> {
    const {client, agent} = await clientOf(source);
    return new Connection(client, agent, debug);
  }

  /** False: the profile accepts no settings, so the server does not know our limits. */
  get sendsSettings(): boolean {
    return this.sent !== 'none';
  }

  /** The limits sent with each statement never exceed these. */
  keepWithin(limits: OwnLimits): void {
    this.own = limits;
  }

  /** Runs one statement with the user's own settings, to find out what they are. */
  readWithin(text: string, timeoutMs: number): Promise<Answer> {
    return this.read(text, timeoutMs, {hasOwnLimits: true});
  }

  async read(text: string, timeoutMs: number, options: ReadOptions = {}): Promise<Answer> {
    for (;;) {
      const tried = this.sent;
      const {settings = {}, mostRows = null, hasOwnLimits = false} = options;
      const more = tried === 'all' && !hasOwnLimits ? {...this.limits(timeoutMs), ...settings} : {};
      try {
        return await this.send(text, timeoutMs, more, mostRows);
      } catch (error) {
        const code = codeOf(error);
        const isRefused = code === CODE.readonly || code === CODE.refusedSetting || code === CODE.unknownSetting;
        // Under readonly=1, a statement that would change something is refused with the same number.
        if (!isRefused || tried === 'none' || !/setting/i.test(String((error as Error).message))) throw error;
        this.sent = tried === 'all' && code !== CODE.readonly ? 'readonly' : 'none';
        this.debug(
          `clickhouse: the server refuses our settings (error ${code}); sending ${this.sent === 'none' ? 'none' : 'only readonly'}`,
        );
      }
    }
  }

  private limits(timeoutMs: number): ClickHouseSettings {
    const within = (ours: number, own: number) => (own > 0 ? Math.min(ours, own) : ours);
    return {
      max_execution_time: within(Math.max(1, Math.ceil(timeoutMs / 1000)), this.own.seconds),
      timeout_overflow_mode: 'throw',
      max_memory_usage: String(within(MOST_MEMORY, this.own.memory)),
      max_result_rows: String(within(MOST_ROWS, this.own.rows)),
      result_overflow_mode: 'throw',
      cancel_http_readonly_queries_on_client_close: 1,
      // Settings that our reading depends on and that a profile may have changed.
      date_time_output_format: 'simple',
      output_format_json_quote_64bit_integers: 0,
      output_format_json_quote_denormals: 0,
      join_use_nulls: 0,
    };
  }

  private async send(
    text: string,
    timeoutMs: number,
    settings: ClickHouseSettings,
    mostRows: number | null,
  ): Promise<Answer> {
    if (this.closed) throw new UserError(EXIT.stopped, 'stopped.');
    const stop = new AbortController();
    const before = this.agent.bytes();
    const end = stopwatchMs() + timeoutMs + GRACE_MS;
    let isAnswering = false;
    let reason: Error | null = null;
    const watch = setInterval(() => {
      const bytes = this.agent.bytes() - before;
      if (bytes > (isAnswering ? MOST_BYTES : MOST_ERROR_BYTES)) reason = new NotUnderstood('an endless answer');
      else if (stopwatchMs() > end) reason = new OutOfTime('the statement did not end in time');
      if (reason) stop.abort(reason);
    }, WATCH_MS);
    const names: string[] = [];
    const types: string[] = [];
    const rows: unknown[][] = [];
    let line = 0;
    try {
      const result = await this.client.query({
        query: text,
        format: 'JSONCompactEachRowWithNamesAndTypes',
        query_id: randomUUID(),
        abort_signal: stop.signal,
        clickhouse_settings: this.sent === 'none' ? {} : {readonly: '1', ...settings},
      });
      isAnswering = true;
      const stream = result.stream<unknown[]>();
      try {
        for await (const some of stream) {
          for (const row of some) {
            const values = row.json<unknown[]>();
            if (!Array.isArray(values)) throw new NotUnderstood('not a list of values');
            if (line === 0) append(names, values.map(String));
            else if (line === 1) append(types, values.map(String));
            else if (values.length === types.length) rows.push(values);
            else throw new NotUnderstood('a row of a different length');
            line++;
          }
          if (reason) throw reason;
          if (mostRows !== null && rows.length >= mostRows) break;
        }
      } finally {
        stream.destroy();
      }
      if (line < 2) throw new NotUnderstood('no rows of names and types');
      return {names, types, rows};
    } catch (error) {
      if (reason) throw reason;
      throw ofTheClient(error);
    } finally {
      clearInterval(watch);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.client.close();
    this.agent.agent.destroy();
  }
}

/** A client for one server; each statement has a time limit of its own. */
export async function clientOf(source: ClickhouseSource): Promise<{client: ClickHouseClient; agent: CountingAgent}> {
  const {createClient, ClickHouseLogLevel} = await import('@clickhouse/client');
  const password = source.password ?? (await source.askPassword?.()) ?? '';
  const host = source.host.includes(':') ? `[${source.host}]` : source.host;
  const agent = countingAgent(source);
  const client = createClient({
    url: `${source.isTls ? 'https' : 'http'}://${host}:${source.port}`,
    username: source.user,
    password,
    database: source.database,
    application: 'agno-trace',
    http_agent: agent.agent,
    request_timeout: 7 * 24 * 3_600_000,
    compression: {request: false, response: false},
    log: {level: ClickHouseLogLevel.OFF},
  });
  return {client, agent};
}

/**
 * If neither the client nor the server nor the system has a name for a client error, it is about the data that was
 * read.
 */
function ofTheClient(error: unknown): unknown {
  const {code, message = '', type} = error as {code?: unknown; message?: string; type?: unknown};
  if (error instanceof NotUnderstood || error instanceof UserError || typeof code === 'string') return error;
  if (type !== undefined || /timeout|socket|aborted|hang up/i.test(message)) return error;
  return new NotUnderstood(message, {cause: error});
}

interface CountingAgent {
  readonly agent: http.Agent;
  /** Received so far, over all connections. */
  readonly bytes: () => number;
}

/** At most two connections, with a count of the received bytes: it reveals a server that never stops answering. */
function countingAgent(source: ClickhouseSource): CountingAgent {
  const options = {keepAlive: true, maxSockets: 2};
  const agent = source.isTls ? new https.Agent({...options, ...trusted(source)}) : new http.Agent(options);
  const open = new Set<Socket>();
  let closedBytes = 0;
  const create = agent.createConnection.bind(agent);
  agent.createConnection = (options, onCreated) => {
    const socket = create(options, onCreated) as Socket;
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      closedBytes += socket.bytesRead;
    });
    return socket;
  };
  return {agent, bytes: () => closedBytes + [...open].reduce((sum, socket) => sum + socket.bytesRead, 0)};
}

function trusted({caFile}: ClickhouseSource): {ca?: Buffer} {
  if (caFile === null) return {};
  try {
    return {ca: readFileSync(caFile)};
  } catch (error) {
    throw new UserError(EXIT.unreachable, `ca_cert "${caFile}" cannot be read.`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
}
