import {EXIT, UserError} from '../../errors.ts';
import {quoteIdentifier} from '../../sql/sql.ts';
import {labelOf, type PostgresSource} from '../source.ts';

interface DriverError {
  code?: string;
  message?: string;
  /** Set on what the server said; absent on what happened to the connection. */
  severity?: string;
}

/** A driver's error in words, or the error itself when it is a defect of ours (bad SQL). */
export function explainPostgres(error: unknown, source: PostgresSource): unknown {
  if (error instanceof UserError) return error;
  const {code = '', message = '', severity} = error as DriverError;
  const label = labelOf(source);
  const at = `${source.host}:${source.port}`;
  const fail = (text: string, hint: string) => new UserError(EXIT.unreachable, text, {hint, cause: error});
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return fail(
        `no Postgres answered at ${at} (database "${source.database}").`,
        'Is the server up? Check --db or AGNO_TRACE_DB.',
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return fail(`host "${source.host}" is not known.`, 'Check the host in --db or AGNO_TRACE_DB.');
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return fail(`no Postgres answered at ${at} in time.`, 'Check the network, the port and the firewall.');
    case '28P01':
    case '28000':
      if (/no encryption/.test(message))
        return fail(
          `"${label}" takes user "${source.user}" only with TLS, but sslmode is "${source.sslMode}".`,
          'Pass sslmode=require.',
        );
      return fail(
        `"${label}" refused the login of user "${source.user}".`,
        source.askPassword
          ? 'Check the user, and what password_command of the profile prints.'
          : 'Check the user and the password: in the URL, PGPASSWORD or ~/.pgpass.',
      );
    case '3D000':
      return fail(`there is no database "${source.database}" at ${at}.`, 'Check the last part of the URL.');
    case '3F000':
    case '42P01':
      return new UserError(EXIT.schema, `a table is gone from "${label}".`, {
        hint: 'Try again; was it renamed or dropped just now?',
        cause: error,
      });
    // Our statements fit the types that Agno makes; these say that a column is of another one.
    case '42883':
    case '42804':
    case '22P02':
      return new UserError(EXIT.schema, `a column of the tables in "${label}" is of a type that is not understood.`, {
        hint: "Is it Agno's table? --debug says what the server refused.",
        cause: error,
      });
    case '55P03':
      return fail(`a table of "${label}" is locked.`, 'Is a migration running? Try again when it is done.');
    case '42501':
      if (/for database/.test(message))
        return fail(
          `user "${source.user}" may not connect to "${label}".`,
          `GRANT CONNECT ON DATABASE ${quoteIdentifier(source.database)} TO ${quoteIdentifier(source.user)};`,
        );
      return fail(
        `user "${source.user}" may not read the tables at "${label}".`,
        'It needs USAGE on the schema and SELECT on both tables.',
      );
    case '53100':
      return fail(
        `the disk of "${label}" is full.`,
        'Even a deletion writes its log first: free some, then run it again.',
      );
    case '25006':
      return fail(`"${label}" is read-only: a standby, or a role that may only read.`, 'Connect to the primary.');
    case '53300':
      return fail(`"${label}" has no connection left.`, 'Try again, or connect through a pooler.');
    case '57014':
      return fail(
        `"${label}" took too long and was stopped by its statement timeout.`,
        'Narrow the window (--last 24h), or allow more with --timeout 2m.',
      );
    // A standby takes the rows back that its primary has cleaned up.
    case '40001':
    case '40P01':
      return fail(`"${label}" stopped the statement: it was in the way of another one.`, 'Try again.');
    case '57P01':
    case '57P02':
    case '57P03':
      return fail(`"${label}" is starting up or shutting down.`, 'Try again in a moment.');
  }
  if (/SASL|client password must be a string/i.test(message)) {
    return fail(
      `"${label}" asks for a password and none is given.`,
      'Set it in the URL, in PGPASSWORD or in ~/.pgpass.',
    );
  }
  if (/does not support SSL/.test(message)) {
    return fail(
      `"${label}" offers no TLS, but sslmode is "${source.sslMode}".`,
      'sslmode=prefer takes TLS only where there is some.',
    );
  }
  if (/establishing an SSL connection/.test(message))
    return fail(`what answers at ${at} is no Postgres.`, 'Check the host and the port in --db or AGNO_TRACE_DB.');
  if (/^ERR_OSSL/.test(code))
    return fail(
      'the certificate or the key for TLS cannot be used.',
      'Check sslcert, sslkey, sslpassword and sslrootcert.',
    );
  if (/certificate|self.signed|altnames|CERT_|DEPTH_ZERO/i.test(`${message} ${code}`)) {
    return fail(
      `the certificate of "${label}" was not accepted (sslmode "${source.sslMode}").`,
      'Give its authority: sslrootcert=FILE; sslmode=require encrypts without checking it.',
    );
  }
  if (/timeout/i.test(message) && severity === undefined)
    return fail(`"${label}" did not answer in time.`, 'Check the network, or allow more with --timeout 2m.');
  if (
    code === 'ECONNRESET' ||
    code === 'EPIPE' ||
    /Connection terminated|Connection ended|not queryable/.test(message) ||
    code.startsWith('08')
  ) {
    return fail(`the connection to "${label}" broke off.`, 'Try again.');
  }
  return error;
}

/** True when a TLS attempt failed because there is no TLS to be had, the one case in which `prefer` goes on without. */
export function isTlsRefused(error: unknown): boolean {
  const {message = '', code = '', severity} = error as DriverError;
  if (severity !== undefined) return code === '28000';
  return /does not support SSL|SSL|TLS|EPROTO/i.test(`${message} ${code}`);
}
