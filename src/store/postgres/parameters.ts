import {type UserError, usageError} from '../../errors.ts';
import type {Env, PostgresSource} from '../source.ts';
import {unquoted} from '../unquoted.ts';
import {loadService} from './service.ts';

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

/**
 * The part after `postgresql://`, by SQLAlchemy's own grammar: the user ends at the first `:`, the password at the
 * first `@`, and it may contain `/`, `#` or `?`. If the host then contains an `@`, it comes from an unencoded
 * password. Such a URL is refused, because part of the password would appear in messages as a host.
 */
export function parsePostgresUrl(rest: string, origin: string): Map<string, string> {
  const match = /^(?:([^:/@?]*)(?::([^@]*))?@)?(\[[^\]]*\]|[^:/?#]*)(?::([^/?#]*))?(?:\/([^?#]*))?(?:\?(.*))?$/s.exec(
    rest,
  );
  // Without a user, `host:port/db?password=…@…` looks like one, and the rest of the password like a host.
  const isMisread =
    (match?.[1] !== undefined && match[6]?.includes('@')) || /\?(.*&)?(ssl)?(user|password)=/i.test(match?.[2] ?? '');
  if (!match || isMisread || match[3]!.includes('@') || match[5]?.includes('@')) {
    throw usageError(
      `${origin} is not a Postgres URL that agno-trace can read.`,
      'Write postgresql://user:password@host:5432/database; in a password, @ : / ? # are written %40 %3A %2F %3F %23',
    );
  }
  const [, user, password, host = '', port, database, query] = match;
  if (port?.includes(',')) throw severalHosts(origin);
  const parameters = new Map<string, string>();
  const set = (key: string, value: string | undefined) => {
    if (value) parameters.set(key, unquoted(value));
  };
  set('user', user);
  set('password', password);
  set('host', host.replace(/^\[|\]$/g, ''));
  set('port', port);
  set('dbname', database);
  const seen = new Set<string>();
  for (const pair of (query ?? '').split('&')) {
    const equals = pair.indexOf('=');
    if (equals <= 0) continue;
    if (seen.has('host') && pair.startsWith('host=')) throw severalHosts(origin);
    seen.add(pair.slice(0, equals));
    set(pair.slice(0, equals).toLowerCase(), pair.slice(equals + 1).replaceAll('+', '%20'));
  }
  return parameters;
}

function severalHosts(origin: string): UserError {
  return usageError(
    `${origin} names several hosts, but only one is supported.`,
    'Name one host, for example the primary.',
  );
}

/** libpq's keyword strings: `host=localhost password='it\'s'`. */
export function parseKeywords(text: string, origin: string): Map<string, string> {
  const parameters = new Map<string, string>();
  const pair = /\s*([a-z_]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\']|\\.)(?:[^\s\\]|\\.)*)?)(?:\s+|$)/gy;
  let end = 0;
  for (let match = pair.exec(text); match; match = pair.exec(text)) {
    parameters.set(match[1]!, (match[2] ?? match[3] ?? '').replace(/\\(.)/g, '$1'));
    end = pair.lastIndex;
    if (end === text.length) break;
  }
  if (end < text.length)
    throw usageError(
      `${origin} is not a list of key=value pairs.`,
      "Write host=localhost dbname=ai, values with blanks in '…'",
    );
  return parameters;
}

/** The connection that libpq's variables describe; null unless PGHOST, PGDATABASE or PGSERVICE is set. */
export function sourceFromEnvironment(env: Env): PostgresSource | null {
  if (!env.PGHOST && !env.PGDATABASE && !env.PGSERVICE) return null;
  return fromParameters(new Map(), 'the PG* variables', env);
}

/**
 * Completes libpq's parameters, and asyncpg's spellings of two of them, in libpq's order: given ones, the service's,
 * PG*, defaults.
 */
export function fromParameters(given: ReadonlyMap<string, string>, origin: string, env: Env): PostgresSource {
  const aliases: Readonly<Record<string, string>> = {dbname: 'database', sslmode: 'ssl'};
  const explicit = (key: string) => given.get(key) || given.get(aliases[key] ?? key) || undefined;
  const service = explicit('service') ?? env.PGSERVICE;
  const served = service ? loadService(service, env) : new Map<string, string>();
  const value = (key: string, variable?: string): string | null =>
    explicit(key) || (served.get(key) ?? (variable ? env[variable] : undefined)) || null;
  const originOf = (key: string, variable: string) =>
    explicit(key) ? origin : served.has(key) ? `service "${service}"` : variable;
  const choice = <Word extends string>(key: string, variable: string, words: readonly Word[]): Word | null =>
    oneOf(value(key, variable)?.toLowerCase() ?? null, words, key, originOf(key, variable));
  for (const [key, {variable, harmless}] of Object.entries(REFUSED)) {
    const text = value(key, variable);
    if (text !== null && !harmless.includes(text.toLowerCase()))
      throw usageError(
        `${originOf(key, variable)} asks for ${key}=${harmless.length > 0 ? text : '…'}, which agno-trace does not support.`,
        harmless.length > 0
          ? `It takes ${key}=${harmless.join(' or ')}.`
          : 'Ignoring it would make the connection less safe than you asked for.',
      );
  }
  const host = value('host', 'PGHOST');
  if (host?.includes(',')) throw severalHosts(originOf('host', 'PGHOST'));
  const user = value('user', 'PGUSER') ?? env.USER ?? env.LOGNAME ?? 'postgres';
  const sslRootCert = value('sslrootcert', 'PGSSLROOTCERT');
  const askedMode = value('sslmode', 'PGSSLMODE');
  const sslMode = parseSslMode(
    askedMode ?? (sslRootCert === 'system' ? 'verify-full' : null),
    originOf('sslmode', 'PGSSLMODE'),
  );
  if (sslRootCert === 'system' && sslMode !== 'verify-full')
    throw weakMode(originOf('sslmode', 'PGSSLMODE'), 'sslrootcert=system', 'verify-full');
  const sslNegotiation = choice('sslnegotiation', 'PGSSLNEGOTIATION', ['postgres', 'direct']) ?? 'postgres';
  if (sslNegotiation === 'direct' && ['disable', 'allow', 'prefer'].includes(sslMode))
    throw weakMode(originOf('sslmode', 'PGSSLMODE'), 'sslnegotiation=direct', 'require');
  return {
    dialect: 'postgres',
    host: host ?? value('hostaddr', 'PGHOSTADDR') ?? 'localhost',
    hostAddress: value('hostaddr', 'PGHOSTADDR'),
    port: parsePort(value('port', 'PGPORT'), originOf('port', 'PGPORT')),
    user,
    password: value('password', 'PGPASSWORD'),
    database: value('dbname', 'PGDATABASE') ?? user,
    sslMode,
    sslRootCert,
    sslCert: value('sslcert', 'PGSSLCERT'),
    sslKey: value('sslkey', 'PGSSLKEY'),
    sslPassword: value('sslpassword'),
    sslCrl: value('sslcrl', 'PGSSLCRL'),
    sslMinVersion: tlsVersion(value('ssl_min_protocol_version', 'PGSSLMINPROTOCOLVERSION'), 'ssl_min_protocol_version'),
    sslMaxVersion: tlsVersion(value('ssl_max_protocol_version', 'PGSSLMAXPROTOCOLVERSION'), 'ssl_max_protocol_version'),
    sslNegotiation,
    showsCertificate: choice('sslcertmode', 'PGSSLCERTMODE', ['disable', 'allow']) !== 'disable',
    requireAuth: parseRequireAuth(value('require_auth', 'PGREQUIREAUTH'), originOf('require_auth', 'PGREQUIREAUTH')),
    channelBinding: choice('channel_binding', 'PGCHANNELBINDING', ['disable', 'prefer', 'require']) ?? 'prefer',
    passFile: value('passfile', 'PGPASSFILE'),
  };
}

/**
 * Parameters that libpq's users rely on for safety and that this program does not support: silently ignoring them
 * would connect where libpq would not. `harmless`: values that request nothing.
 */
const REFUSED: Readonly<Record<string, {readonly variable: string; readonly harmless: readonly string[]}>> = {
  gssencmode: {variable: 'PGGSSENCMODE', harmless: ['disable', 'prefer']},
  requirepeer: {variable: 'PGREQUIREPEER', harmless: []},
  requiressl: {variable: 'PGREQUIRESSL', harmless: ['0']},
  sslcrldir: {variable: 'PGSSLCRLDIR', harmless: []},
  sslsni: {variable: 'PGSSLSNI', harmless: ['1']},
  min_protocol_version: {variable: 'PGMINPROTOCOLVERSION', harmless: ['3.0']},
};

const AUTH_METHODS = ['password', 'md5', 'gss', 'sspi', 'scram-sha-256', 'oauth', 'none'] as const;

/** `a,b`: only these; `!a,!b`: all except these. */
function parseRequireAuth(text: string | null, origin: string): readonly string[] | null {
  if (text === null) return null;
  const words = text.split(',').map(word => word.trim());
  const bare = words.map(word => oneOf(word.replace(/^!/, ''), AUTH_METHODS, 'require_auth', origin));
  const excluded = words.filter(word => word.startsWith('!')).length;
  if (excluded === 0) return bare as string[];
  if (excluded < words.length)
    throw usageError(`${origin} mixes methods with and without ! in require_auth.`, 'Write either a,b or !a,!b');
  return AUTH_METHODS.filter(method => !bare.includes(method));
}

const TLS_VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

function tlsVersion(text: string | null, key: string): TlsVersion | null {
  const known = TLS_VERSIONS.find(version => version.toLowerCase() === text?.toLowerCase());
  return known ?? oneOf(text, TLS_VERSIONS, key, 'the connection');
}

function oneOf<Word extends string>(
  text: string | null,
  words: readonly Word[],
  key: string,
  origin: string,
): Word | null {
  if (text === null) return null;
  const found = words.find(word => word === text);
  if (found) return found;
  throw usageError(`${origin} has an invalid value of ${key}.`, `It is one of ${words.join(', ')}.`);
}

function weakMode(origin: string, asked: string, mode: SslMode): UserError {
  return usageError(`${origin} has an sslmode that is too weak for ${asked}.`, `Pass sslmode=${mode}.`);
}

function parsePort(text: string | null, origin: string): number {
  if (text === null) return 5432;
  const port = Number(text);
  // The value is not quoted: the text in the place of a port may be the rest of a password.
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw usageError(`${origin} has no valid port.`, 'In a password, write @ : / as %40 %3A %2F');
  }
  return port;
}

function parseSslMode(text: string | null, origin: string): SslMode {
  if (text === null) return 'prefer';
  const mode = text.toLowerCase();
  if (mode === 'true') return 'require';
  if (mode === 'false') return 'disable';
  if ((SSL_MODES as readonly string[]).includes(mode)) return mode as SslMode;
  throw usageError(`${origin} has an unknown sslmode.`, `It is one of ${SSL_MODES.join(', ')}.`);
}
