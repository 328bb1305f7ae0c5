import type {Duplex} from 'node:stream';
import PgConnection from 'pg/lib/connection.js';
import type {PostgresSource} from '../source.ts';
import {LoginRefused, NotUnderstood} from './errors.ts';

/** Login methods that a server may ask for, in libpq's words for `require_auth`. */
const METHODS: Readonly<Record<string, string>> = {
  authenticationCleartextPassword: 'password',
  authenticationMD5Password: 'md5',
  authenticationSASL: 'scram-sha-256',
};

/** Methods for which pg has no name. */
const UNKNOWN_METHODS: Readonly<Record<string, string>> = {2: 'Kerberos', 6: 'SCM', 7: 'GSSAPI', 9: 'SSPI'};

/**
 * pg's connection with two additions. Data that is not Postgres' protocol ends only this connection: pg would throw
 * where nobody can catch it. And a login method that `require_auth` or `channel_binding` excludes is refused before
 * anything derived from the password is sent.
 */
export class Wire extends PgConnection {
  private method = 'none';
  private isProved = false;

  constructor(
    config: ConstructorParameters<typeof PgConnection>[0],
    private readonly rules: Pick<PostgresSource, 'requireAuth' | 'channelBinding'>,
  ) {
    super(config);
  }

  override attachListeners(stream: Duplex): void {
    const guarded = (listener: (data: Buffer) => void) => (data: Buffer) => {
      try {
        listener(data);
      } catch (error) {
        this.emit('error', explained(error as Error));
        stream.destroy();
      }
    };
    // pg only listens to it.
    const on = (event: string, listener: (data: Buffer) => void) =>
      stream.on(event, event === 'data' ? guarded(listener) : listener);
    super.attachListeners({on} as unknown as Duplex);
  }

  override emit(event: string, message?: unknown, more?: unknown): boolean {
    const reason = this.refusal(event, message as {mechanisms?: readonly string[]} | undefined);
    if (reason === null) return super.emit(event, message, more);
    super.emit('error', new LoginRefused(reason));
    this.stream.destroy();
    return true;
  }

  private refusal(event: string, message: {mechanisms?: readonly string[]} | undefined): string | null {
    const {requireAuth, channelBinding} = this.rules;
    const asked = METHODS[event];
    if (event === 'authenticationSASLFinal') this.isProved = true;
    if (asked === undefined && event !== 'authenticationOk') return null;
    this.method = asked ?? this.method;
    const {method} = this;
    const words = method === 'none' ? 'no password' : `the method "${method}"`;
    if (requireAuth && !requireAuth.includes(method))
      return `the server asks for ${words}, but require_auth excludes it`;
    const isScram = method === 'scram-sha-256';
    const mustProve = channelBinding === 'require' || (requireAuth !== null && isScram);
    if (asked === undefined)
      return mustProve && !this.isProved ? 'the server did not prove that it knows the password' : null;
    const isEncrypted = (this.stream as {encrypted?: boolean}).encrypted === true;
    const isBindable = isScram && isEncrypted && message?.mechanisms?.includes('SCRAM-SHA-256-PLUS');
    return channelBinding === 'require' && !isBindable
      ? `the server asks for ${words} without channel binding, but channel_binding=require demands it`
      : null;
  }
}

function explained(error: Error): Error {
  const code = /^Unknown authenticationOk message type (\d+)$/.exec(error.message)?.[1];
  if (code === undefined) return new NotUnderstood(error.message, {cause: error});
  return new LoginRefused(
    `the server asks for ${UNKNOWN_METHODS[code] ?? `method ${code}`}, which agno-trace does not support`,
  );
}
