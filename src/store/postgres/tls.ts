import {readFileSync} from 'node:fs';
import {isIP} from 'node:net';
import type {ConnectionOptions} from 'node:tls';
import {EXIT, UserError} from '../../errors.ts';
import type {PostgresSource} from '../source.ts';

/** One way to try to connect: with these TLS settings, or in plain text. */
export interface Attempt {
  readonly ssl: ConnectionOptions | false;
  /** For `--debug` and `doctor`. */
  readonly words: string;
}

/**
 * What libpq does for each `sslmode`, in the order it tries. Settings are made explicit because pg reads the modes of a
 * URL differently (`prefer` as `verify-full`). A mode that asks for TLS never falls back to plain text.
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
      // With a root certificate at hand libpq treats require as verify-ca.
      return [source.sslRootCert ? verified(source, false) : unverified(source)];
    case 'verify-ca':
      return [verified(source, false)];
    case 'verify-full':
      return [verified(source, true)];
  }
}

function unverified(source: PostgresSource): Attempt {
  return {ssl: {...certificates(source), rejectUnauthorized: false}, words: 'TLS, server not verified'};
}

function verified(source: PostgresSource, checkName: boolean): Attempt {
  return {
    ssl: {
      ...certificates(source),
      rejectUnauthorized: true,
      // TLS names no server by an address (RFC 6066); Node then checks the address it connects to.
      ...(checkName ? (isIP(source.host) ? {} : {servername: source.host}) : {checkServerIdentity: () => undefined}),
    },
    words: checkName ? 'TLS, server and name verified' : 'TLS, server verified',
  };
}

function certificates(source: PostgresSource): ConnectionOptions {
  const read = (file: string | null, what: string): Buffer | undefined => {
    if (file === null || file === 'system') return undefined;
    try {
      return readFileSync(file);
    } catch (error) {
      throw new UserError(EXIT.unreachable, `${what} "${file}" cannot be read.`, {
        hint: 'Check the path and its permissions.',
        cause: error,
      });
    }
  };
  return {
    ca: read(source.sslRootCert, 'sslrootcert'),
    cert: read(source.sslCert, 'sslcert'),
    key: read(source.sslKey, 'sslkey'),
    ...(source.sslPassword ? {passphrase: source.sslPassword} : {}),
  };
}
