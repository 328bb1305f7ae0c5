import type {ConnectionOptions} from 'node:tls';
import type {Client, ClientConfig, QueryArrayResult} from 'pg';
import {stopwatchMs} from '../../stopwatch.ts';
import {labelOf, type PostgresSource} from '../source.ts';
import {isTlsRefused, NotUnderstood, ofTheDriver} from './errors.ts';
import {passwordFromFile} from './pgpass.ts';
import {attempts} from './tls.ts';

/** Longest time to connect and log in, all attempts together; `--timeout` decides within these bounds. */
const CONNECT_MS = 10_000;
/** A statement limit may be shorter than a login over a long distance takes. */
const SHORTEST_CONNECT_MS = 2000;
/** A server that ends a slow statement by itself gets this much time to say so. */
export const GRACE_MS = 2000;
/** After this time the connection is closed without waiting for the server. */
const GOODBYE_MS = 500;

/** JSON stays text (one parser for both databases), integers become numbers; set per connection, never globally. */
const TEXT = (value: string) => value;
const PARSERS: Readonly<Record<number, (value: string) => unknown>> = {
  20: Number,
  1700: Number,
  114: TEXT,
  3802: TEXT,
  1082: TEXT,
  1114: TEXT,
  1184: TEXT,
};

declare module 'pg' {
  interface QueryConfig<I> {
    /** Longest wait for the answer, ms; after that the connection is abandoned. */
    query_timeout?: number;
  }
}

interface ConnectOptions {
  /** Longest time of one statement; the client gives up a little later than the server. */
  readonly timeoutMs: number;
  readonly debug?: (text: string) => void;
}

/** Connects as libpq would for the source's `sslmode`, with its password, its profile's, or that of `.pgpass`. */
export async function connectClient(source: PostgresSource, options: ConnectOptions): Promise<Client> {
  // Imports only the client: pools and the rest of the package are not needed.
  const [{default: PgClient}, {Wire}] = await Promise.all([import('pg/lib/client.js'), import('./wire.ts')]);
  const password =
    source.password ?? (await source.askPassword?.()) ?? passwordFromFile(source, text => options.debug?.(text));
  const tries = attempts(source);
  const end = stopwatchMs() + Math.min(CONNECT_MS, Math.max(SHORTEST_CONNECT_MS, options.timeoutMs));
  for (const [i, {ssl, words}] of tries.entries()) {
    const negotiation = ssl && source.sslNegotiation === 'direct' ? 'direct' : 'postgres';
    const client = new PgClient({
      host: source.hostAddress ?? source.host,
      port: source.port,
      user: source.user,
      database: source.database,
      // For an empty string or null pg asks its own sources (PGPASSWORD, its own .pgpass reader, which prints warnings).
      password: () => password ?? '',
      ssl,
      application_name: 'agno-trace',
      connectionTimeoutMillis: Math.max(1, Math.ceil(end - stopwatchMs())),
      pipeline: true,
      query_timeout: options.timeoutMs + GRACE_MS,
      enableChannelBinding: source.channelBinding === 'require',
      connection: new Wire({ssl, keepAlive: true, sslNegotiation: negotiation}, source),
      sslnegotiation: negotiation,
    } as ClientConfig);
    for (const [oid, parse] of Object.entries(PARSERS)) client.setTypeParser(Number(oid), parse);
    const send = client.query.bind(client) as (query: unknown, values: unknown) => Promise<unknown>;
    client.query = ((query: unknown, values?: unknown) =>
      send(query, values).then(
        answer => whole(query, answer),
        error => {
          throw ofTheDriver(error);
        },
      )) as typeof client.query;
    // A connection that breaks while idle must not end the process; the next read reports it.
    client.on('error', error => options.debug?.(`postgres: connection lost: ${error.message}`));
    try {
      await client.connect();
      options.debug?.(`postgres: connected to ${labelOf(source)}, ${words}`);
      return client;
    } catch (error) {
      await disconnect(client);
      if (i === tries.length - 1 || !isTlsRefused(error)) throw ofTheDriver(error);
    }
  }
  throw new Error('unreachable: every connection attempt returns or throws');
}

/**
 * What the server answered, if all of it came: pg hands over what a damaged or doubled message left as if it were the result,
 * and an answer that lost its rows would be read as an empty one.
 */
function whole(query: unknown, answer: unknown): unknown {
  // A text without values may hold several statements, and then has a result for each.
  const several = Array.isArray(answer);
  const hasValues = typeof query === 'object' && query !== null && 'values' in query;
  const isWhole =
    !(several && hasValues) &&
    (several ? answer : [answer as QueryArrayResult]).every(({command, fields, rows, rowCount}: QueryArrayResult) => {
      const isCounted = fields.length === 0 || rowCount === null || rowCount === rows.length;
      const isDescribed = fields.length > 0 || rows.every(Array.isArray);
      return command !== null && isCounted && isDescribed;
    });
  if (!isWhole) throw new NotUnderstood('the messages of its answer do not fit together');
  return answer;
}

interface Inside {
  readonly host: string;
  readonly port: number;
  readonly processID: number | null;
  readonly secretKey: unknown;
  readonly connection: {readonly ssl: ConnectionOptions | false; readonly sslNegotiation: string};
}

/** Asks the server to cancel the running statement. The protocol uses a second connection for that. */
export async function cancelStatement(client: Client): Promise<void> {
  const {host, port, processID, secretKey, connection} = client as unknown as Inside;
  if (processID === null) return;
  const {Wire} = await import('./wire.ts');
  const {ssl, sslNegotiation} = connection;
  const wire = new Wire({ssl, keepAlive: false, sslNegotiation}, {requireAuth: null, channelBinding: 'prefer'});
  await new Promise<void>(resolve => {
    const timer = setTimeout(() => wire.stream.destroy(), GOODBYE_MS);
    wire.once(ssl ? 'sslconnect' : 'connect', () => wire.cancel(processID, secretKey));
    wire.on('error', () => wire.stream.destroy());
    wire.once('end', () => {
      clearTimeout(timer);
      resolve();
    });
    if (host.startsWith('/')) wire.connect(`${host}/.s.PGSQL.${port}`);
    else wire.connect(port, host);
  });
}

/** Ends the connection properly; does not wait for a server that keeps it open. */
export async function disconnect(client: Client): Promise<void> {
  const {connection} = client as unknown as {connection: {stream: {destroy(): void}}};
  const timer = setTimeout(() => connection.stream.destroy(), GOODBYE_MS);
  await client.end().catch(() => undefined);
  clearTimeout(timer);
}
