import {EXIT, UserError} from '../../errors.ts';
import {explainNetwork} from '../network-errors.ts';
import {type ClickhouseSource, labelOf} from '../source.ts';

/** An error from the client: the server's, with its number, or the connection's, with the system's code. */
interface ClientError {
  readonly code?: string;
  readonly type?: string;
  readonly message?: string;
}

/** Longest part of a server's own words that is shown. */
const LONGEST_WORDS = 200;

/** We stopped it: the server did not end it within its time. */
export class OutOfTime extends Error {
  readonly code = 'CLICKHOUSE_TIMEOUT';
}

/** The answer is not one of ClickHouse's, or is larger than any answer. */
export class NotUnderstood extends Error {}

/** Those numbers in ClickHouse's list of errors that need their own message. */
export const CODE = {
  unknownTable: '60',
  syntax: '62',
  unknownDatabase: '81',
  unknownSetting: '115',
  tooManyRowsRead: '158',
  timeout: '159',
  readonly: '164',
  noPassword: '194',
  busy: '202',
  memory: '241',
  tooManyRows: '396',
  refusedSetting: '452',
  noSuchPart: '232',
  accessDenied: '497',
  login: '516',
} as const;

export function codeOf(error: unknown): string {
  return String((error as ClientError | null)?.code ?? '');
}

/**
 * Puts an error of the client or the server into words; any other error is a defect of ours and is returned
 * unchanged.
 * @param grant the rights that the work needs beyond reading
 */
export function explainClickhouse(error: unknown, source: ClickhouseSource, grant: string | null = null): unknown {
  if (error instanceof UserError) return error;
  const {code = '', message = ''} = error as ClientError;
  const label = labelOf(source);
  const host = source.host.includes(':') ? `[${source.host}]` : source.host;
  const at = `${host}:${source.port}`;
  const fail = (text: string, hint: string) => new UserError(EXIT.unreachable, text, {hint, cause: error});
  const ofNetwork = explainNetwork(error, {server: 'ClickHouse', host: source.host, at});
  if (ofNetwork) return ofNetwork;
  switch (code) {
    case 'ECONNREFUSED':
      return fail(
        `no ClickHouse server answered at ${at}.`,
        'Is the server up? This tool reads over HTTP: port 8123, with TLS 8443.',
      );
    case 'ECONNRESET':
    case 'EPIPE':
      return fail(
        `the connection to "${label}" broke off.`,
        source.isTls ? 'Try again; does this port use TLS?' : 'Try again; does this port need TLS (clickhouses://)?',
      );
    case CODE.login:
    case CODE.noPassword:
      return fail(
        `"${label}" refused the login of user "${source.user}".`,
        source.askPassword
          ? "Check the user, and the output of the profile's password_command."
          : 'Check the user and the password: in the URL, or CLICKHOUSE_PASSWORD.',
      );
    case CODE.unknownDatabase:
      return fail(
        `there is no database "${source.database}" at ${at}.`,
        "Check the last part of the URL; Agno's default is agno.",
      );
    case CODE.unknownTable:
      return new UserError(EXIT.schema, `a table has disappeared from "${label}".`, {
        hint: 'Try again; was it renamed or dropped just now?',
        cause: error,
      });
    case CODE.readonly:
      if (grant === null) break;
      return fail(
        `user "${source.user}" may only read at "${label}".`,
        'Its settings profile has readonly; name a user whose profile has not.',
      );
    case CODE.accessDenied:
      if (grant !== null)
        return fail(
          `user "${source.user}" may not change this at "${label}".`,
          `GRANT ${grant} ON ${source.database}.* TO ${source.user};`,
        );
      return fail(
        `user "${source.user}" may not read this at "${label}".`,
        `GRANT SELECT ON ${source.database}.* TO ${source.user}; and on system.tables, system.columns and system.parts.`,
      );
    case CODE.timeout:
    case 'CLICKHOUSE_TIMEOUT':
      return fail(
        `"${label}" took too long and was stopped.`,
        'Narrow the window (--last 24h), or allow more with --timeout 2m.',
      );
    case CODE.memory:
      return fail(
        `a statement at "${label}" needed more memory than allowed.`,
        "Narrow the window (--last 24h); max_memory_usage of the user's profile is the limit.",
      );
    case CODE.tooManyRows:
    case CODE.tooManyRowsRead:
      return fail(
        `a statement at "${label}" read or returned more rows than allowed.`,
        "Narrow the window (--last 24h); the limits are those of the user's profile.",
      );
    case CODE.busy:
      return fail(`"${label}" is already running as many statements as allowed.`, 'Try again in a moment.');
  }
  if (/^\d+$/.test(code)) return fail(`"${label}" answered: ${wordsOf(message)} (error ${code}).`, hintOf(code));
  if (isOfCertificate(`${code} ${message}`))
    return fail(
      `the certificate of "${label}" was not accepted.`,
      'Name its certificate authority at the end of the URL: ?ca_cert=FILE.',
    );
  if (/EPROTO|^ERR_(SSL|TLS)|wrong version number/i.test(`${code} ${message}`))
    return fail(`could not start TLS with "${label}".`, 'Does this port use TLS? If not, write clickhouse://.');
  if (/timeout/i.test(message))
    return fail(`"${label}" did not answer in time.`, 'Check the network, or allow more with --timeout 2m.');
  if (/socket hang up|aborted|terminated|premature/i.test(message))
    return fail(`the connection to "${label}" broke off.`, 'Try again.');
  if (typeof (error as {errno?: unknown}).errno === 'number')
    return fail(`"${label}" cannot be reached (${code}).`, 'Check the host and the port in --db or AGNO_TRACE_DB.');
  if (error instanceof NotUnderstood)
    return fail(
      `the answer of "${label}" cannot be understood (${wordsOf(message)}).`,
      'Is it ClickHouse? Its HTTP port is 8123, with TLS 8443.',
    );
  return error;
}

/** The server's words without the number, which is added after them, and without its version. */
export function wordsOf(message: string): string {
  const line = message
    .slice(0, 4 * LONGEST_WORDS)
    .replace(/\s+/g, ' ')
    .replace(/^Code: \d+\. /, '')
    .replace(/^DB::Exception: /, '')
    .replace(/ \(version [^)]*\)?\)*$/, '')
    .replace(/[\s.]+$/, '')
    .trim();
  const words = line.length > LONGEST_WORDS ? `${line.slice(0, LONGEST_WORDS)}…` : line;
  return words || 'an error without a message';
}

function hintOf(code: string): string {
  if (code === CODE.syntax || code === '46' || code === '47')
    return 'Is it ClickHouse 24.8 or later? If it is, please report this with the output of --debug.';
  if (code === '53' || code === '43')
    return "Are these the tables that Agno made? agno-trace doctor shows the columns' types.";
  return "The words are the server's; its log may say more.";
}

function isOfCertificate(text: string): boolean {
  return /certificate|self.signed|altnames|CERT_|DEPTH_ZERO/i.test(text);
}
