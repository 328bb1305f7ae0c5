import {usageError} from '../../errors.ts';
import type {ClickhouseSource, Env} from '../source.ts';
import {unquoted} from '../unquoted.ts';

/** Agno's own default. */
const DATABASE = 'agno';
const PORTS = {plain: 8123, tls: 8443} as const;
const HINT =
  'Write clickhouse://user:password@host:8123/agno, or clickhouses:// for TLS; in a password, @ : / ? # are written %40 %3A %2F %3F %23';

/**
 * Parses the part after `clickhouse://` or `clickhouses://`. Of the parameters after `?`, only those about connecting
 * are used: `secure`, `ca_cert` and `verify`, as in clickhouse-connect; the others are only for Python.
 */
export function parseClickhouseUrl(
  rest: string,
  isTls: boolean,
  origin: string,
): Omit<ClickhouseSource, 'password'> & {
  readonly password: string | null;
} {
  const match =
    /^(?:([^:/@?]*)(?::([^@]*))?@)?(\[[^\]]*\]|[^:/?#@]*)(?::(\d{1,5}))?(?:\/([^?#/@]*)\/?)?(?:\?([^@]*))?$/s.exec(
      rest,
    );
  if (!match) throw usageError(`${origin} is not a ClickHouse URL that this tool can read.`, HINT);
  const [, user, password, host = '', port, database, query] = match;
  const parameters = new Map(
    (query ?? '').split('&').map(pair => {
      const [key = '', value = ''] = pair.split(/=(.*)/s);
      return [key.toLowerCase(), unquoted(value.replaceAll('+', '%20'))] as const;
    }),
  );
  if (['password', 'user', 'username'].some(key => parameters.has(key)))
    throw usageError(`${origin} has the user after "?".`, HINT);
  const isOn = (key: string) => /^(1|true|yes|on)$/i.test(parameters.get(key) ?? '');
  if (/^(0|false|no|off)$/i.test(parameters.get('verify') ?? ''))
    throw usageError(
      `${origin} says verify=${parameters.get('verify')}: the certificate of a server is always checked.`,
      'Name its certificate authority: ca_cert=FILE.',
    );
  const usesTls = isTls || isOn('secure');
  const number = port === undefined ? (usesTls ? PORTS.tls : PORTS.plain) : Number(port);
  if (number < 1 || number > 65_535) throw usageError(`${origin} has an invalid port: ${number}.`, HINT);
  // These are the ports of the native protocol, a likely mistake.
  if (number === 9000 || number === 9440)
    throw usageError(
      `${origin} names port ${number}, where ClickHouse speaks its native protocol; this tool reads over HTTP.`,
      `Write port ${number === 9000 ? PORTS.plain : PORTS.tls}.`,
    );
  return {
    dialect: 'clickhouse',
    host: host.replace(/^\[|\]$/g, '') || 'localhost',
    port: number,
    user: user ? unquoted(user) : 'default',
    password: password === undefined ? null : unquoted(password),
    database: database ? unquoted(database) : DATABASE,
    isTls: usesTls,
    caFile: parameters.get('ca_cert') || null,
  };
}

/** If the URL has no password, uses the variable of clickhouse-client. */
export function withEnvironment(source: ClickhouseSource, env: Env): ClickhouseSource {
  return source.password === null ? {...source, password: env.CLICKHOUSE_PASSWORD || null} : source;
}
