import {homedir} from 'node:os';
import path from 'node:path';
import {type UserError, usageError} from '../errors.ts';
import {loadService} from './postgres/service.ts';

/** A database to read, as parsed from a URL, a path or the environment. Holds secrets: never printed as a whole. */
export type Source = SqliteSource | PostgresSource;

export interface SqliteSource {
  readonly dialect: 'sqlite';
  readonly file: string;
  /** The file is an archive that `prune` wrote: it is read through a private database made of it. */
  readonly isArchive?: true;
}

export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof SSL_MODES)[number];

export interface PostgresSource {
  readonly dialect: 'postgres';
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host: string;
  /** Where to connect when the name is not to be looked up; `host` stays the name that a certificate is checked for. */
  readonly hostAddress: string | null;
  readonly port: number;
  readonly user: string;
  /** Null: none given; `.pgpass` is asked when the connection is made. */
  readonly password: string | null;
  readonly database: string;
  readonly sslMode: SslMode;
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly sslPassword: string | null;
  readonly passFile: string | null;
  /** Where a profile has its password from; asked when a connection is made, before `.pgpass`. */
  readonly askPassword?: () => Promise<string>;
}

export type Env = Readonly<Record<string, string | undefined>>;

/** What is shown of a source: built from its parts, never cut out of the URL, so that no secret can slip through. */
export function labelOf(source: Source): string {
  if (source.dialect === 'sqlite') return `${source.isArchive ? 'archive:' : ''}${source.file}`;
  const host = source.host.includes(':') ? `[${source.host}]` : source.host;
  return `${source.user}@${host}:${source.port}/${source.database}`;
}

/** Every text of the source that must appear in no output, error or debug line. */
export function secretsOf(source: Source): string[] {
  if (source.dialect === 'sqlite') return [];
  return [source.password, source.sslPassword].filter(secret => secret !== null && secret !== '') as string[];
}

/** `+driver` of SQLAlchemy's URLs says how Python connects; here it says nothing. */
const URL_SHAPE = /^([a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?:(\/\/)?/i;

/**
 * Reads a database URL as Agno users have them: SQLAlchemy's (`postgresql+psycopg://…`, `sqlite:///rel`,
 * `sqlite:////abs`), libpq's, libpq keyword strings (`host=… dbname=…`) and bare paths.
 * @param origin the flag or variable it came from, for messages
 * @throws UserError (exit 2); the message never quotes what may hold a password
 */
export function parseSource(text: string, origin: string, env: Env, cwd: string): Source {
  const parsed = parseDatabase(text, origin, cwd);
  return parsed instanceof Map ? fromParameters(parsed, origin, env) : (parsed as SqliteSource);
}

/** True when the text itself carries a password, as a file that others may read must not. */
export function holdsPassword(text: string, origin: string, cwd: string): boolean {
  try {
    const parsed = parseDatabase(text, origin, cwd);
    return parsed instanceof Map && [...parsed.keys()].some(key => SECRET_PARAMETER.test(key));
  } catch {
    // What cannot be read is refused where it is used; here it only must not be taken for harmless.
    return /:[^/]*@|password/i.test(text);
  }
}
const SECRET_PARAMETER = /^(?!sslkey$|passfile$).*(pass|pwd|secret|token|key)/;

/**
 * What a text says about its database without service file and environment, built from its parts: no secret in it.
 * @throws UserError (exit 2) when it cannot be read
 */
export function describeDatabase(
  text: string,
  origin: string,
  cwd: string,
): {dialect: Source['dialect']; label: string} {
  const parsed = parseDatabase(text, origin, cwd);
  if (!(parsed instanceof Map)) return {dialect: 'sqlite', label: parsed.file};
  // A service's parameters are looked up when it is connected to; the others can be checked now.
  if (!parsed.get('service')) fromParameters(parsed, origin, {});
  const part = (key: string, before = '', after = '') => (parsed.get(key) ? `${before}${parsed.get(key)}${after}` : '');
  const host = parsed.get('host')?.includes(':') ? `[${parsed.get('host')}]` : (parsed.get('host') ?? '');
  const place = `${part('user', '', '@')}${host}${part('port', ':')}${part('dbname', '/') || part('database', '/')}`;
  const words = [place, part('service', 'service='), part('sslmode', 'sslmode=')].filter(word => word !== '');
  return {dialect: 'postgres', label: words.join(' ') || '(the PG* variables)'};
}

/** What the text says by itself: a file, or libpq's parameters, to be completed from service file and environment. */
function parseDatabase(text: string, origin: string, cwd: string): SqliteSource | Map<string, string> {
  const trimmed = text.trim();
  if (trimmed === '')
    throw usageError(
      `${origin} is empty.`,
      'Write a URL such as postgresql://user@host/db, or a path such as ./agno.db',
    );
  if (/^archive:/i.test(trimmed)) return {...sqlite(trimmed.slice('archive:'.length), cwd), isArchive: true};
  const match = URL_SHAPE.exec(trimmed);
  const scheme = match?.[1]?.toLowerCase();
  if (match?.[2] !== undefined || scheme === 'sqlite') {
    if (scheme === 'sqlite') return parseSqliteUrl(trimmed.slice(match![0].length), origin, cwd);
    if (scheme === 'postgresql' || scheme === 'postgres')
      return parsePostgresUrl(trimmed.slice(match![0].length), origin);
    if (scheme !== 'file')
      throw usageError(
        `${origin} "${scheme}://…" is no database this tool reads.`,
        'It reads Postgres (postgresql://…) and SQLite (sqlite:///… or a path).',
      );
  }
  if (scheme === 'file') return parseFileUri(trimmed, origin, cwd);
  if (trimmed === ':memory:') throw inMemory(origin);
  if (/^\s*[a-z_]+\s*=/i.test(trimmed) && /\b(host|hostaddr|dbname|service|user|port)\s*=/.test(trimmed)) {
    return parseKeywords(trimmed, origin);
  }
  // A misspelt URL taken for a path would be printed with its password.
  if (trimmed.includes('://') || (/^(\/\/)?[^/\\]*:.*@/s.test(trimmed) && !/^[a-z]:[\\/]/i.test(trimmed))) {
    throw usageError(
      `${origin} is neither a URL this tool can read nor a path.`,
      'Write postgresql://user:password@host:5432/database, sqlite:///agno.db or a path such as ./agno.db',
    );
  }
  return sqlite(trimmed, cwd);
}

function inMemory(origin: string): UserError {
  return usageError(
    `${origin} names no file: an in-memory SQLite database lives in its own process only.`,
    'Write sqlite:///agno.db or a path.',
  );
}

/** SQLite's own `file:rel`, `file:/abs`, `file:///abs`, with its parameters, which only a writer needs. */
function parseFileUri(text: string, origin: string, cwd: string): SqliteSource {
  const file = decode(text.replace(/^file:(\/\/(localhost)?(?=\/|$))?/i, '').split('?', 1)[0]!);
  if (file === '' || file === ':memory:') throw inMemory(origin);
  return sqlite(file, cwd);
}

function sqlite(file: string, cwd: string): SqliteSource {
  const expanded = file.replace(/^~(?=\/|$)/, homedir());
  return {dialect: 'sqlite', file: path.resolve(cwd, expanded)};
}

/** After `sqlite://`: `/rel/ative`, `//abs/olute`; with `?mode=…` and the like, which only Python needs. */
function parseSqliteUrl(rest: string, origin: string, cwd: string): SqliteSource {
  const file = rest.split('?', 1)[0]!;
  if (file === '' || file === '/' || /^\/?:memory:$/.test(file)) {
    throw inMemory(origin);
  }
  const plain = file.replace(/^\/(?=.)/, '').replace(/^file:/, '');
  return sqlite(decode(plain), cwd);
}

/**
 * After `postgresql://`, by SQLAlchemy's own grammar: the user ends at the first `:`, the password at the first `@` and
 * may hold `/`, `#` or `?`. An `@` in what is then the host comes from a password that was not encoded: refused, because
 * part of the password would end up in messages as a host.
 */
function parsePostgresUrl(rest: string, origin: string): Map<string, string> {
  const match = /^(?:([^:/@?]*)(?::([^@]*))?@)?(\[[^\]]*\]|[^:/?#]*)(?::([^/?#]*))?(?:\/([^?#]*))?(?:\?(.*))?$/s.exec(
    rest,
  );
  // Without a user, `host:port/db?password=…@…` looks like one, and the rest of the password like a host.
  const isMisread =
    (match?.[1] !== undefined && match[6]?.includes('@')) || /\?(.*&)?(ssl)?(user|password)=/i.test(match?.[2] ?? '');
  if (!match || isMisread || match[3]!.includes('@') || match[5]?.includes('@')) {
    throw usageError(
      `${origin} is no Postgres URL this tool can read.`,
      'Write postgresql://user:password@host:5432/database; in a password, @ : / ? # are written %40 %3A %2F %3F %23',
    );
  }
  const [, user, password, host = '', port, database, query] = match;
  if (port?.includes(',')) throw severalHosts(origin);
  const parameters = new Map<string, string>();
  const set = (key: string, value: string | undefined) => {
    if (value) parameters.set(key, decode(value));
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
    `${origin} names several hosts; one is read at a time.`,
    'Write the host to read from, for example the primary.',
  );
}

/** As Python's unquote: what is no escape stays as it is. */
function decode(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, escapes => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}

/** libpq's keyword strings: `host=localhost password='it\'s'`. */
function parseKeywords(text: string, origin: string): Map<string, string> {
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
      `${origin} is no list of key=value pairs.`,
      "Write host=localhost dbname=ai, values with blanks in '…'",
    );
  return parameters;
}

/** The connection that libpq's variables describe; null unless PGHOST, PGDATABASE or PGSERVICE says there is one. */
export function sourceFromEnvironment(env: Env): PostgresSource | null {
  if (!env.PGHOST && !env.PGDATABASE && !env.PGSERVICE) return null;
  return fromParameters(new Map(), 'the PG* variables', env);
}

/**
 * Completes libpq's parameters, and the spellings asyncpg has for two of them, in libpq's order: what is given, the
 * service's, PG*, defaults.
 */
function fromParameters(given: ReadonlyMap<string, string>, origin: string, env: Env): PostgresSource {
  const aliases: Readonly<Record<string, string>> = {dbname: 'database', sslmode: 'ssl'};
  const explicit = (key: string) => given.get(key) || given.get(aliases[key] ?? key) || undefined;
  const service = explicit('service') ?? env.PGSERVICE;
  const served = service ? loadService(service, env) : new Map<string, string>();
  const value = (key: string, variable?: string): string | null =>
    explicit(key) || (served.get(key) ?? (variable ? env[variable] : undefined)) || null;
  const originOf = (key: string, variable: string) =>
    explicit(key) ? origin : served.has(key) ? `service "${service}"` : variable;
  const host = value('host', 'PGHOST');
  if (host?.includes(',')) throw severalHosts(originOf('host', 'PGHOST'));
  const user = value('user', 'PGUSER') ?? env.USER ?? env.LOGNAME ?? 'postgres';
  return {
    dialect: 'postgres',
    host: host ?? value('hostaddr', 'PGHOSTADDR') ?? 'localhost',
    hostAddress: value('hostaddr', 'PGHOSTADDR'),
    port: parsePort(value('port', 'PGPORT'), originOf('port', 'PGPORT')),
    user,
    password: value('password', 'PGPASSWORD'),
    database: value('dbname', 'PGDATABASE') ?? user,
    sslMode: parseSslMode(value('sslmode', 'PGSSLMODE'), originOf('sslmode', 'PGSSLMODE')),
    sslRootCert: value('sslrootcert', 'PGSSLROOTCERT'),
    sslCert: value('sslcert', 'PGSSLCERT'),
    sslKey: value('sslkey', 'PGSSLKEY'),
    sslPassword: value('sslpassword'),
    passFile: value('passfile', 'PGPASSFILE'),
  };
}

function parsePort(text: string | null, origin: string): number {
  if (text === null) return 5432;
  const port = Number(text);
  // Not quoted: what stands where a port should be may be the rest of a password.
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw usageError(
      `${origin} has no valid port.`,
      'Characters such as @ : / in a password must be written as %40 %3A %2F',
    );
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
