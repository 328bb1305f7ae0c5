import {homedir} from 'node:os';
import path from 'node:path';
import {fileReason, type UserError, usageError} from '../../errors.ts';
import {readRegular} from '../../private-file.ts';
import type {Env} from '../source.ts';

/** libpq's connection parameters up to version 18; like libpq, a service file with any other is refused. */
const PARAMETERS = new Set(
  `application_name channel_binding client_encoding connect_timeout dbname fallback_application_name gssdelegation
  gssencmode gsslib host hostaddr keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
  load_balance_hosts max_protocol_version min_protocol_version oauth_client_id oauth_client_secret oauth_issuer
  oauth_scope options passfile password port replication require_auth requirepeer requiressl scram_client_key
  scram_server_key ssl_max_protocol_version ssl_min_protocol_version sslcert sslcertmode sslcompression sslcrl sslcrldir
  sslkey sslkeylogfile sslmode sslnegotiation sslpassword sslrootcert sslsni target_session_attrs tcp_user_timeout
  user`.split(/\s+/),
);

/** Longest line that libpq accepts, including its end. */
const LONGEST_LINE_BYTES = 1022;

/**
 * The parameters of a service, searched for as libpq does: in PGSERVICEFILE or `~/.pg_service.conf`, then in
 * `pg_service.conf` of PGSYSCONFDIR (without it, libpq uses a folder chosen at build time, which is unknown here). A
 * service in the first file hides one with the same name in the second. An empty value counts: it overrides the
 * environment. Source: PostgreSQL documentation, "The Connection Service File"; parseServiceFile in libpq's
 * fe-connect.c.
 * @throws UserError (exit 2) that names the file, never a value
 */
export function loadService(name: string, env: Env): ReadonlyMap<string, string> {
  const home = env.HOME || homedir();
  const own =
    process.platform === 'win32'
      ? path.join(env.APPDATA ?? '', 'postgresql', '.pg_service.conf')
      : path.join(home, '.pg_service.conf');
  const files = [
    {file: env.PGSERVICEFILE || own, isRequired: Boolean(env.PGSERVICEFILE)},
    ...(env.PGSYSCONFDIR ? [{file: path.join(env.PGSYSCONFDIR, 'pg_service.conf'), isRequired: false}] : []),
  ];
  for (const {file, isRequired} of files) {
    const text = textOf(file, isRequired);
    const found = text === null ? null : parseService(text, name, file);
    if (found) return found;
  }
  throw usageError(
    `definition of service "${name}" not found in ${files.map(({file}) => `"${file}"`).join(' or ')}.`,
    'Check PGSERVICE (or service=…) and PGSERVICEFILE.',
  );
}

const MOST_BYTES = 16 * 1024 ** 2;

function textOf(file: string, isRequired: boolean): string | null {
  try {
    return readRegular(file, MOST_BYTES);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (!isRequired && (code === 'ENOENT' || code === 'ENOTDIR')) return null;
    throw usageError(
      code === 'ENOENT'
        ? `service file "${file}" not found.`
        : `service file "${file}" cannot be read: ${fileReason(error)}.`,
      'Check PGSERVICEFILE and the permissions of the file.',
    );
  }
}

/** The first section of that name; lines of other sections are not checked. Blanks around `=` are kept. */
function parseService(text: string, name: string, file: string): ReadonlyMap<string, string> | null {
  let found: Map<string, string> | null = null;
  for (const [i, whole] of text.split('\n').entries()) {
    const refuse = (what: string): UserError =>
      usageError(
        `${what} service file "${file}", line ${i + 1}.`,
        'Lines are [service], key=value with keys of libpq (no blanks around =), and # comments.',
      );
    if (Buffer.byteLength(whole) + 1 > LONGEST_LINE_BYTES) throw refuse('line too long in');
    const line = whole.trim();
    if (line === '' || line.startsWith('#')) continue;
    if (line.startsWith('[')) {
      if (found) break;
      if (line.startsWith(`[${name}]`)) found = new Map();
      continue;
    }
    if (!found) continue;
    const equals = line.indexOf('=');
    const key = line.slice(0, Math.max(0, equals));
    if (key === 'service') throw refuse('nested "service" specifications are not supported in');
    if (!PARAMETERS.has(key)) throw refuse('syntax error in');
    if (!found.has(key)) found.set(key, line.slice(equals + 1));
  }
  return found;
}
