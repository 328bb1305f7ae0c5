import {existsSync, readFileSync, statSync} from 'node:fs';
import {isIP} from 'node:net';
import {homedir} from 'node:os';
import path from 'node:path';
import tls, {type ConnectionOptions} from 'node:tls';
import {EXIT, UserError} from '../../errors.ts';
import type {PostgresSource} from '../source.ts';

/** One way to try to connect: with these TLS settings, or in plain text. */
export interface Attempt {
  readonly ssl: ConnectionOptions | false;
  /** For `--debug` and `doctor`. */
  readonly words: string;
}

/**
 * The attempts that libpq makes for each `sslmode`, in its order. All settings are explicit, because pg reads the
 * modes of a URL differently (`prefer` as `verify-full`). A mode that asks for TLS never falls back to plain text.
 * Source: PostgreSQL documentation, "SSL Support", table of sslmode values.
 */
export function attempts(source: PostgresSource): Attempt[] {
  const plain: Attempt = {ssl: false, words: 'no TLS'};
  // Unix sockets have no TLS; libpq ignores the mode there too.
  if (source.host.startsWith('/')) return [plain];
  switch (source.sslMode) {
    case 'disable':
      return [plain];
    case 'allow':
      return [plain, unverified(source)];
    case 'prefer':
      return [unverified(source), plain];
    case 'require':
      return [unverified(source)];
    case 'verify-ca':
      return [verified(source, false)];
    case 'verify-full':
      return [verified(source, true)];
  }
}

/** If there is a root certificate, libpq checks the server with it, whatever the mode. */
function unverified(source: PostgresSource): Attempt {
  if (rootOf(source) !== null) return verified(source, false);
  return {ssl: {...ownSettings(source), rejectUnauthorized: false}, words: 'TLS, server not verified'};
}

function verified(source: PostgresSource, checkName: boolean): Attempt {
  const root = rootOf(source);
  const crl = source.sslCrl ?? standing('root.crl');
  return {
    ssl: {
      ...ownSettings(source),
      ca: root === null ? authoritiesOfSystem() : read(root, 'sslrootcert'),
      ...(crl === null || root === null ? {} : {crl: read(crl, 'sslcrl')}),
      rejectUnauthorized: true,
      // TLS has no server name for an address (RFC 6066); Node then checks the address that it connects to.
      ...(checkName ? (isIP(source.host) ? {} : {servername: source.host}) : {checkServerIdentity: () => undefined}),
    },
    words: checkName ? 'TLS, server and name verified' : 'TLS, server verified',
  };
}

/** The file with the trusted certificate authorities; null: there is none, or the system's are to be trusted. */
function rootOf({sslRootCert}: PostgresSource): string | null {
  return sslRootCert === 'system' ? null : (sslRootCert ?? standing('root.crt'));
}

/** A file at the place where libpq looks by default; null: it does not exist. */
function standing(name: string): string | null {
  const folder =
    process.platform === 'win32'
      ? path.join(process.env.APPDATA ?? '', 'postgresql')
      : path.join(homedir(), '.postgresql');
  const file = path.join(folder, name);
  return existsSync(file) ? file : null;
}

/** Node before 22.15 knows only its built-in ones and NODE_EXTRA_CA_CERTS. */
function authoritiesOfSystem(): string[] | undefined {
  const {getCACertificates} = tls as {getCACertificates?: (type: string) => string[]};
  return getCACertificates ? [...getCACertificates('default'), ...getCACertificates('system')] : undefined;
}

/** Our own certificate, and the allowed versions of TLS. */
function ownSettings(source: PostgresSource): ConnectionOptions {
  const {sslMinVersion, sslMaxVersion, sslPassword} = source;
  const versions = {
    ...(sslMinVersion ? {minVersion: sslMinVersion} : {}),
    ...(sslMaxVersion ? {maxVersion: sslMaxVersion} : {}),
  };
  const cert = source.showsCertificate ? (source.sslCert ?? standing('postgresql.crt')) : null;
  if (cert === null) return versions;
  const key = source.sslKey ?? standing('postgresql.key');
  if (key !== null) checkKey(key);
  return {
    ...versions,
    cert: read(cert, 'sslcert'),
    ...(key === null ? {} : {key: read(key, 'sslkey')}),
    ...(sslPassword ? {passphrase: sslPassword} : {}),
  };
}

/** Like libpq, ignores a key that others can read. */
function checkKey(file: string): void {
  if (process.platform === 'win32') return;
  const stat = statSync(file, {throwIfNoEntry: false});
  const isOpen = stat && (stat.mode & (stat.uid === 0 ? 0o027 : 0o077)) !== 0;
  if (isOpen)
    throw new UserError(EXIT.unreachable, `other users may read the sslkey "${file}".`, {
      hint: 'Run chmod 600 on it. A file owned by root may be readable by its group.',
    });
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UserError(EXIT.unreachable, `${what} "${file}" cannot be read.`, {
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  }
}
