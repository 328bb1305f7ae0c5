import {homedir} from 'node:os';
import path from 'node:path';
import {type UserError, usageError} from '../errors.ts';
import {parseClickhouseUrl, withEnvironment} from './clickhouse/parameters.ts';
import {fromParameters, parseKeywords, parsePostgresUrl, type SslMode, type TlsVersion} from './postgres/parameters.ts';
import {unquoted} from './unquoted.ts';

/** A database to read, as parsed from a URL, a path or the environment. Holds secrets: never print it as a whole. */
export type Source = SqliteSource | PostgresSource | ClickhouseSource;

export interface SqliteSource {
  readonly dialect: 'sqlite';
  readonly file: string;
  /** The file is an archive that `prune` wrote: it is read through a private database built from it. */
  readonly isArchive?: true;
}

export interface PostgresSource {
  readonly dialect: 'postgres';
  /** A host name, an address, or the folder of a Unix socket. */
  readonly host: string;
  /** The address to connect to if the name is not to be looked up; the certificate is still checked for `host`. */
  readonly hostAddress: string | null;
  readonly port: number;
  readonly user: string;
  /** Null: none given; `.pgpass` is read when the connection is made. */
  readonly password: string | null;
  readonly database: string;
  readonly sslMode: SslMode;
  readonly sslRootCert: string | null;
  readonly sslCert: string | null;
  readonly sslKey: string | null;
  readonly sslPassword: string | null;
  readonly sslCrl: string | null;
  /** In the words of Node and libpq: `TLSv1.2`. */
  readonly sslMinVersion: TlsVersion | null;
  readonly sslMaxVersion: TlsVersion | null;
  readonly sslNegotiation: 'postgres' | 'direct';
  /** False: send no client certificate, even if there is one. */
  readonly showsCertificate: boolean;
  /** How the server may authenticate us, in libpq's words; null: in any way. */
  readonly requireAuth: readonly string[] | null;
  readonly channelBinding: 'disable' | 'prefer' | 'require';
  readonly passFile: string | null;
  /** Returns a profile's password; called when a connection is made, before `.pgpass` is read. */
  readonly askPassword?: () => Promise<string>;
}

export interface ClickhouseSource {
  readonly dialect: 'clickhouse';
  readonly host: string;
  /** Of the HTTP interface. */
  readonly port: number;
  readonly user: string;
  readonly password: string | null;
  readonly database: string;
  readonly isTls: boolean;
  /** Certificate authorities to trust; null: the system's. */
  readonly caFile: string | null;
  /** Returns a profile's password; called when a connection is made. */
  readonly askPassword?: () => Promise<string>;
}

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The printable name of a source: built from its parts, never cut out of the URL, so that no secret can slip through.
 */
export function labelOf(source: Source): string {
  if (source.dialect === 'sqlite') return `${source.isArchive ? 'archive:' : ''}${source.file}`;
  const host = source.host.includes(':') ? `[${source.host}]` : source.host;
  return `${source.user}@${host}:${source.port}/${source.database}`;
}

/** Every text of the source that must appear in no output, error or debug line. */
export function secretsOf(source: Source): string[] {
  if (source.dialect === 'sqlite') return [];
  const secrets = source.dialect === 'postgres' ? [source.password, source.sslPassword] : [source.password];
  return secrets.filter(secret => secret !== null && secret !== '') as string[];
}

/** The `+driver` of SQLAlchemy's URLs says how Python connects; it is ignored here. */
const URL_SHAPE = /^([a-z][a-z0-9]*)(?:\+[a-z0-9_]+)?:(\/\/)?/i;

/**
 * Reads a database URL as Agno users have them: SQLAlchemy's (`postgresql+psycopg://…`, `sqlite:///rel`,
 * `sqlite:////abs`), libpq's, libpq keyword strings (`host=… dbname=…`) and bare paths.
 * @param origin the flag or variable it came from, for messages
 * @throws UserError (exit 2); the message never quotes what may contain a password
 */
export function parseSource(text: string, origin: string, env: Env, cwd: string): Source {
  const parsed = parseDatabase(text, origin, cwd);
  if (parsed instanceof Map) return fromParameters(parsed, origin, env);
  return parsed.dialect === 'clickhouse' ? withEnvironment(parsed, env) : parsed;
}

/** True if the text itself contains a password, which a file that others can read must not. */
export function holdsPassword(text: string, origin: string, cwd: string): boolean {
  try {
    const parsed = parseDatabase(text, origin, cwd);
    if (parsed instanceof Map) return [...parsed.keys()].some(key => SECRET_PARAMETER.test(key));
    return parsed.dialect === 'clickhouse' && parsed.password !== null;
  } catch {
    // Unreadable text is refused when it is used; here it must only not count as harmless.
    return /:[^/]*@|password/i.test(text);
  }
}
const SECRET_PARAMETER = /^(?!sslkey$|passfile$).*(pass|pwd|secret|token|key)/;

/**
 * Describes the database of a text without service file and environment, built from its parts: no secret in it.
 * @throws UserError (exit 2) if it cannot be read
 */
export function describeDatabase(
  text: string,
  origin: string,
  cwd: string,
): {dialect: Source['dialect']; label: string} {
  const parsed = parseDatabase(text, origin, cwd);
  if (!(parsed instanceof Map)) return {dialect: parsed.dialect, label: labelOf(parsed)};
  // A service's parameters are read on connecting; the others can be checked now.
  if (!parsed.get('service')) fromParameters(parsed, origin, {});
  const part = (key: string, before = '', after = '') => (parsed.get(key) ? `${before}${parsed.get(key)}${after}` : '');
  const host = parsed.get('host')?.includes(':') ? `[${parsed.get('host')}]` : (parsed.get('host') ?? '');
  const place = `${part('user', '', '@')}${host}${part('port', ':')}${part('dbname', '/') || part('database', '/')}`;
  const words = [place, part('service', 'service='), part('sslmode', 'sslmode=')].filter(word => word !== '');
  return {dialect: 'postgres', label: words.join(' ') || '(the PG* variables)'};
}

/**
 * What the text itself says: a file, a ClickHouse server, or libpq's parameters, which service file and environment
 * then complete.
 */
function parseDatabase(
  text: string,
  origin: string,
  cwd: string,
): SqliteSource | ClickhouseSource | Map<string, string> {
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
    if (scheme === 'clickhouse' || scheme === 'clickhousedb' || scheme === 'clickhouses')
      return parseClickhouseUrl(trimmed.slice(match![0].length), scheme === 'clickhouses', origin);
    if (scheme !== 'file')
      throw usageError(
        `${origin} "${scheme}://…" is not a database that agno-trace can read.`,
        'It reads Postgres (postgresql://…), ClickHouse (clickhouse://…) and SQLite (sqlite:///… or a path).',
      );
  }
  if (scheme === 'file') return parseFileUri(trimmed, origin, cwd);
  if (trimmed === ':memory:') throw inMemory(origin);
  if (/^\s*[a-z_]+\s*=/i.test(trimmed) && /\b(host|hostaddr|dbname|service|user|port)\s*=/.test(trimmed)) {
    return parseKeywords(trimmed, origin);
  }
  // If a misspelt URL counted as a path, it would be printed with its password.
  if (trimmed.includes('://') || (/^(\/\/)?[^/\\]*:.*@/s.test(trimmed) && !/^[a-z]:[\\/]/i.test(trimmed))) {
    throw usageError(
      `${origin} is neither a URL that agno-trace can read nor a path.`,
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

/** SQLite's own `file:rel`, `file:/abs`, `file:///abs`, with parameters that only a writer needs. */
function parseFileUri(text: string, origin: string, cwd: string): SqliteSource {
  const file = unquoted(text.replace(/^file:(\/\/(localhost)?(?=\/|$))?/i, '').split('?', 1)[0]!);
  if (file === '' || file === ':memory:') throw inMemory(origin);
  return sqlite(file, cwd);
}

function sqlite(file: string, cwd: string): SqliteSource {
  const expanded = file.replace(/^~(?=\/|$)/, homedir());
  return {dialect: 'sqlite', file: path.resolve(cwd, expanded)};
}

/** The part after `sqlite://`: `/rel/ative`, `//abs/olute`; parameters such as `?mode=…` are only for Python. */
function parseSqliteUrl(rest: string, origin: string, cwd: string): SqliteSource {
  const file = rest.split('?', 1)[0]!;
  if (file === '' || file === '/' || /^\/?:memory:$/.test(file)) {
    throw inMemory(origin);
  }
  const plain = file.replace(/^\/(?=.)/, '').replace(/^file:/, '');
  return sqlite(unquoted(plain), cwd);
}
