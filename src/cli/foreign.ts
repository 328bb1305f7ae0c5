import {EXIT, type ExitCode, fileReason, UserError} from '../errors.ts';

interface Foreign {
  readonly name?: string;
  readonly message?: string;
  readonly code?: unknown;
  /** For a system error: the call, and its file. */
  readonly syscall?: string;
  readonly path?: string;
  /** Set in an error from a Postgres server. */
  readonly severity?: string;
  /** Set in an error of `node:sqlite`. */
  readonly errcode?: number;
}

/**
 * Puts errors of the system, a library or a server into words if nobody did so before. A full disk is not a defect of
 * ours, even if the code at that place did not expect it.
 * @returns null for everything else: our own mistakes
 */
export function explainForeign(error: unknown): UserError | null {
  if (typeof error !== 'object' || error === null) return null;
  const {name = '', message = '', syscall, path, severity, errcode, ...rest} = error as Foreign;
  const code = typeof rest.code === 'string' ? rest.code : '';
  const say = (exitCode: ExitCode, text: string, hint: string) => new UserError(exitCode, text, {hint, cause: error});
  const words = message.replace(/\s+/g, ' ').slice(0, LONGEST).replace(/\.$/, '');
  if (name === 'AbortError' || code === 'ABORT_ERR')
    return say(EXIT.stopped, 'the command was stopped.', 'Run it again.');
  if (name === 'TimeoutError')
    return say(EXIT.unreachable, 'no answer arrived in time.', 'Try again, or allow more with --timeout 2m.');
  if (severity !== undefined && /^[0-9A-Z]{5}$/.test(code))
    return say(EXIT.unreachable, `the server answered: ${words} (SQLSTATE ${code}).`, 'Its log may say more.');
  if (/^SQLITE_/.test(code) || errcode !== undefined) {
    // In these cases our own SQL is wrong.
    if (/^SQLITE_(ERROR|MISUSE|RANGE|INTERNAL)$/.test(code) && !OF_THE_FILE.test(message)) return null;
    if (errcode !== undefined && [1, 2, 21, 25].includes(errcode & 0xff) && !OF_THE_FILE.test(message)) return null;
    return say(
      EXIT.unreachable,
      `SQLite failed: ${words}.`,
      'Check the file and its disk; agno-trace doctor checks the file.',
    );
  }
  if (isOfTls(code, message))
    return say(
      EXIT.unreachable,
      `TLS failed: ${words}.`,
      'Check the certificates, and whether the other side uses TLS.',
    );
  if (NETWORK.test(code) && (syscall !== undefined || code.startsWith('UND_')))
    return say(EXIT.unreachable, `the network failed: ${words}.`, 'Check host, port and network, then try again.');
  if (syscall !== undefined && /^E[A-Z0-9]+$/.test(code)) {
    const what = path === undefined ? `"${syscall}"` : `"${path}"`;
    return say(EXIT.failed, `the system refused ${what}: ${fileReason(error)}.`, 'Check the permissions and the disk.');
  }
  if (/^Z_[A-Z_]+$/.test(code))
    return say(
      EXIT.failed,
      `compressed data is damaged and cannot be unpacked (${code}).`,
      'Do you have another copy?',
    );
  if (TOO_LARGE.test(code) || (error instanceof RangeError && /allocation failed|Invalid string length/.test(message)))
    return say(
      EXIT.failed,
      `a value is too large for this program: ${words}.`,
      'Read less, for example with --last 24h.',
    );
  if (
    /^ERR_(STREAM_PREMATURE_CLOSE|STREAM_DESTROYED|STREAM_WRITE_AFTER_END|SOCKET_CLOSED|IPC_CHANNEL_CLOSED)$/.test(code)
  )
    return say(EXIT.failed, `the other side closed the connection too early (${code}).`, 'Try again.');
  if (error instanceof SyntaxError && /\bJSON\b/.test(message))
    return say(EXIT.failed, `invalid JSON: ${words}.`, '--debug shows where it was read.');
  return null;
}

const LONGEST = 300;
/** SQLite's messages about the contents of the file, under the code of bad SQL. */
const OF_THE_FILE =
  /malformed JSON|no such (collation sequence|module|tokenizer)|malformed database schema|integer overflow/;
const NETWORK =
  /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ENOTFOUND|EAI_[A-Z]+|ETIMEDOUT|EHOST(UNREACH|DOWN)|ENET(UNREACH|DOWN)|EADDR[A-Z]+|ENOTCONN|UND_ERR_[A-Z_]+)$/;
const TOO_LARGE =
  /^ERR_(STRING_TOO_LONG|BUFFER_TOO_LARGE|FS_FILE_TOO_LARGE|OUT_OF_RANGE_MEMORY|MEMORY_ALLOCATION_FAILED)$/;

function isOfTls(code: string, message: string): boolean {
  return (
    /^(ERR_(SSL|TLS|OSSL)_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_MISMATCH|CRL_|EPROTO$)/.test(code) ||
    /^(error:[0-9A-F]+:SSL routines|Client network socket disconnected before secure TLS)/.test(message)
  );
}
