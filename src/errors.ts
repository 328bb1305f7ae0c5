/** Exit codes, a public contract (`agno-trace help exit-codes`). */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unreachable: 4,
  schema: 5,
  stopped: 6,
  different: 7,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Exit codes of a command that a signal ended, as in shells: 128 plus the signal's number. */
export const SIGNAL_CODES = {SIGHUP: 129, SIGINT: 130, SIGTERM: 143} as const;
export type SignalCode = (typeof SIGNAL_CODES)[keyof typeof SIGNAL_CODES];

/** Where something is wrong in a text that the user wrote; the place is shown below the message. */
export interface TextPlace {
  readonly text: string;
  /** In JavaScript's units, from 0; inside the text, or 0 if it is empty. */
  readonly at: number;
}

interface Details {
  /** The next thing to type or to check; one line. */
  hint?: string;
  /** Why it happened, for `--debug`; never printed otherwise. */
  cause?: unknown;
  place?: TextPlace;
}

/**
 * The only error shown without a stack: one line that quotes the bad value, and a hint. Everything else that is
 * thrown is a defect and keeps its stack.
 */
export class UserError extends Error {
  readonly exitCode: ExitCode;
  /** What to type next; callers that know more add to it. */
  hint: string | undefined;
  readonly place: TextPlace | undefined;

  constructor(exitCode: ExitCode, message: string, {hint, cause, place}: Details = {}) {
    super(message, cause === undefined ? undefined : {cause});
    this.name = 'UserError';
    this.exitCode = exitCode;
    this.hint = hint;
    this.place = place;
  }
}

/** Wrong usage: a flag or an argument that cannot be understood. */
export function usageError(message: string, hint?: string, place?: TextPlace): UserError {
  return new UserError(EXIT.usage, message, {hint, place});
}

const FILE_REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota is used up',
  ENAMETOOLONG: 'the name is too long',
  EEXIST: 'it has just been made by another program',
  ELOOP: 'it is a link',
  EIO: 'the disk reported an error',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of its path is not a folder',
  EISDIR: 'it is a folder',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
  ENXIO: 'nobody reads or writes at its other end',
};

/**
 * The name of a variable, for a message. If the text is not a valid name, it may be the secret itself, typed by
 * mistake.
 */
export function shownVariable(name: string): string {
  return /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)+$/.test(name) ? name : '…';
}

/** A file that is not used although the system would allow it: the message says why, like `fileReason`. */
export class FileRefused extends Error {
  readonly code = 'EREFUSED';
}

/** Why the file system refused, in words if there are any. */
export function fileReason(error: unknown): string {
  if (error instanceof FileRefused) return error.message;
  const {code = 'unknown'} = error as NodeJS.ErrnoException;
  return FILE_REASONS[code] ?? code;
}
