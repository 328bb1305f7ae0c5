import type {Client} from 'pg';
import {labelOf, type PostgresSource} from '../source.ts';
import {isTlsRefused} from './errors.ts';
import {passwordFromFile} from './pgpass.ts';
import {attempts} from './tls.ts';

const CONNECT_MS = 10_000;

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

interface ConnectOptions {
  /** Longest time of one statement; the client gives up a little later than the server. */
  readonly timeoutMs: number;
  readonly debug?: (text: string) => void;
}

/** Connects as libpq would for the source's `sslmode`, with its password, the one its profile asks for, or `.pgpass`'s. */
export async function connectClient(source: PostgresSource, options: ConnectOptions): Promise<Client> {
  // The client alone: pools and what else the package has are not needed.
  const {default: PgClient} = await import('pg/lib/client.js');
  const password =
    source.password ?? (await source.askPassword?.()) ?? passwordFromFile(source, text => options.debug?.(text));
  const tries = attempts(source);
  for (const [i, attempt] of tries.entries()) {
    const client = new PgClient({
      host: source.hostAddress ?? source.host,
      port: source.port,
      user: source.user,
      database: source.database,
      // For an empty string or null pg asks its own sources (PGPASSWORD, its own .pgpass reader, which prints warnings).
      password: () => password ?? '',
      ssl: attempt.ssl,
      application_name: 'agno-trace',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      pipeline: true,
      query_timeout: options.timeoutMs + 5000,
    });
    for (const [oid, parse] of Object.entries(PARSERS)) client.setTypeParser(Number(oid), parse);
    // A connection that breaks while idle must not end the process; the next read reports it.
    client.on('error', error => options.debug?.(`postgres: connection lost: ${error.message}`));
    try {
      await client.connect();
      options.debug?.(`postgres: connected to ${labelOf(source)}, ${attempt.words}`);
      return client;
    } catch (error) {
      await client.end().catch(() => undefined);
      if (i === tries.length - 1 || !isTlsRefused(error)) throw error;
    }
  }
  throw new Error('unreachable: every connection attempt returns or throws');
}
