import {EXIT, UserError} from '../../errors.ts';
import {quoteIdentifier} from '../../sql/sql.ts';
import {explainNetwork} from '../network-errors.ts';
import {labelOf, type PostgresSource} from '../source.ts';

interface DriverError {
  code?: string;
  message?: string;
  /** Set if the server sent the error; absent if the connection failed. */
  severity?: string;
  hint?: string;
}

/** Longest part of a server's own words that is shown. */
const LONGEST_WORDS = 200;

/** Puts an error of a driver or a server into words; any other error is a defect of ours and is returned unchanged. */
export function explainPostgres(error: unknown, source: PostgresSource): unknown {
  if (error instanceof UserError) return error;
  const {code = '', message = '', severity} = error as DriverError;
  const label = labelOf(source);
  const at = `${source.host}:${source.port}`;
  const fail = (text: string, hint: string) => new UserError(EXIT.unreachable, text, {hint, cause: error});
  const ofNetwork = explainNetwork(error, {server: 'Postgres', host: source.host, at});
  if (ofNetwork) return ofNetwork;
  switch (code) {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return fail(
        `no Postgres answered at ${at} (database "${source.database}").`,
        'Is the server up? Check the address.',
      );
    case '28P01':
    case '28000':
      if (/no encryption/.test(message))
        return fail(
          `"${label}" accepts user "${source.user}" only with TLS, but sslmode is "${source.sslMode}".`,
          'Pass sslmode=require.',
        );
      return fail(
        `"${label}" refused the login of user "${source.user}".`,
        source.askPassword
          ? "Check the user, and the output of the profile's password_command."
          : 'Check the user and the password: in the URL, PGPASSWORD or ~/.pgpass.',
      );
    case '3D000':
      return fail(`there is no database "${source.database}" at ${at}.`, 'Check the last part of the URL.');
    case '3F000':
    case '42P01':
      return new UserError(EXIT.schema, `a table has disappeared from "${label}".`, {
        hint: 'Was it just renamed or dropped? Try again.',
        cause: error,
      });
    // Our statements fit Agno's column types; these errors mean that a column has another type.
    case '42883':
    case '42804':
    case '22P02':
      return new UserError(EXIT.schema, `a column of the tables in "${label}" has a type that cannot be read.`, {
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
        'Even deleting writes to the log first: free some space, then rerun the command.',
      );
    case '25006':
      return fail(`"${label}" is read-only: a standby, or a role that may only read.`, 'Connect to the primary.');
    case '53300':
      return fail(`"${label}" has no free connection.`, 'Try again, or connect through a pooler.');
    case '57014':
      return fail(
        `"${label}" took too long and was stopped by its statement timeout.`,
        'Narrow the window (--last 24h), or allow more with --timeout 2m.',
      );
    // A standby cancels reads of rows that its primary has cleaned up.
    case '40001':
    case '40P01':
      return fail(`"${label}" stopped the statement because it conflicted with another one.`, 'Try again.');
    case '57P01':
    case '57P02':
    case '57P03':
      return fail(`"${label}" is starting up or shutting down.`, 'Try again in a moment.');
  }
  if (/client password must be a/i.test(message)) {
    return fail(
      `"${label}" asks for a password, but none is given.`,
      'Set it in the URL, in PGPASSWORD or in ~/.pgpass.',
    );
  }
  if (/does not support SSL/.test(message)) {
    return fail(
      `"${label}" offers no TLS, but sslmode is "${source.sslMode}".`,
      'sslmode=prefer uses TLS only if the server offers it.',
    );
  }
  if (/establishing an SSL connection/.test(message))
    return fail(`the server at ${at} is not Postgres.`, 'Check the host and the port in --db or AGNO_TRACE_DB.');
  if (/^ERR_OSSL/.test(code))
    return fail(
      'the certificate or the key for TLS cannot be used.',
      'Check sslcert, sslkey, sslpassword and sslrootcert.',
    );
  if (severity === undefined && isOfCertificate(error as DriverError)) {
    return fail(
      `the certificate of "${label}" was not accepted (sslmode "${source.sslMode}").`,
      'Name its authority with sslrootcert=FILE, or encrypt without checking it: sslmode=require.',
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
    return fail(`the connection to "${label}" was lost.`, 'Try again.');
  }
  if (severity === undefined && /^ERR_(SSL|TLS)|^EPROTO$/.test(code))
    return fail(
      `TLS with "${label}" could not be started (${shortened(message)}).`,
      'Check sslmode, ssl_min_protocol_version and ssl_max_protocol_version.',
    );
  // A system error of a socket has a number.
  if (severity === undefined && typeof (error as {errno?: unknown}).errno === 'number')
    return fail(`"${label}" cannot be reached (${code}).`, 'Check the host and the port in --db or AGNO_TRACE_DB.');
  if (error instanceof LoginRefused || /^SASL/.test(message))
    return fail(
      `"${label}" could not complete the login: ${shortened(message.replace(/^SASL: /, ''))}.`,
      'pg_hba.conf on the server decides how this user logs in; agno-trace supports scram-sha-256, md5, password and certificates.',
    );
  if (severity !== undefined) return fail(wordsOf(error as DriverError, label), hintOf(error as DriverError));
  if (error instanceof NotUnderstood)
    return fail(
      `the answer of "${label}" cannot be understood (${shortened(message)}).`,
      'Is it Postgres, or a pooler for it? Check the host and the port in --db or AGNO_TRACE_DB.',
    );
  return error;
}

/** The server asks for a login method that the user excludes, or that this program does not know. */
export class LoginRefused extends Error {}

/** The data on the connection is not Postgres' protocol. */
export class NotUnderstood extends Error {}

/** If neither the server nor the system nor pg has a name for an error from pg, it is about the data that was read. */
export function ofTheDriver(error: unknown): unknown {
  const {code, severity, message = ''} = error as DriverError;
  const isKnown =
    severity !== undefined ||
    typeof code === 'string' ||
    error instanceof LoginRefused ||
    error instanceof NotUnderstood ||
    /timeout|terminated|queryable|SASL|SSL|password must/i.test(message);
  return isKnown ? error : new NotUnderstood(message, {cause: error});
}

/** The server's own words. If the server could not answer, a pooler uses words of its own. */
function wordsOf({code, message = ''}: DriverError, label: string): string {
  const state = code ? ` (SQLSTATE ${shortened(code)})` : '';
  return `"${label}" answered: ${shortened(message) || 'an error without a message'}${state}.`;
}

/** The server's own hint, or else one for the class of its SQLSTATE. */
function hintOf({code = '', hint}: DriverError): string {
  if (hint) return shortened(hint);
  if (code === '0A000' || code === '42P22')
    return 'A column may have a collation or type that Agno does not use; agno-trace doctor shows the columns.';
  if (code === '42601') return 'Is it Postgres 13 or later? If so, please report this with the output of --debug.';
  return HINTS[code.slice(0, 2)] ?? 'This is the message of the server; its log may say more.';
}

const HINTS: Readonly<Record<string, string>> = {
  '08': 'A pooler or the network may be the cause; check the log of the pooler.',
  '0A': 'Is it Postgres 13 or later, and did Agno create these tables?',
  '22': 'A value in the tables cannot be read; agno-trace doctor finds such rows.',
  '25': 'The server or a pooler ended the transaction; try again.',
  '28': 'The server decides who may log in, and how: pg_hba.conf, or the settings of the pooler.',
  '42': 'Did Agno create these tables? --debug shows the statement.',
  '53': 'The server is short of memory, disk or connections.',
  '54': 'A limit of the server was reached: narrow the window (--last 24h).',
  '57': 'Somebody stopped this on the server; its log may say who.',
  '58': 'The server lacks a file: a library is not installed, or a disk is damaged.',
  F0: 'The server has a configuration error.',
  XX: 'The server has an internal error, such as damaged data or a bug; its log says more.',
};

/** One line, not longer than people read. */
function shortened(text: string): string {
  const line = text.replace(/\s+/g, ' ').replace(/\.$/, '').trim();
  return line.length > LONGEST_WORDS ? `${line.slice(0, LONGEST_WORDS)}…` : line;
}

function isOfCertificate({message = '', code = ''}: DriverError): boolean {
  return /certificate|self.signed|altnames|CERT_|DEPTH_ZERO/i.test(`${message} ${code}`);
}

/**
 * True if an attempt failed because of TLS, or because TLS was missing: `prefer` and `allow` then try the other way,
 * like libpq.
 */
export function isTlsRefused(error: unknown): boolean {
  const {message = '', code = '', severity} = error as DriverError;
  if (severity !== undefined) return code === '28000';
  return /SSL|TLS|EPROTO/i.test(`${message} ${code}`) || isOfCertificate(error as DriverError);
}
