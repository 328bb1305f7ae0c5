import {EXIT, UserError} from '../errors.ts';

/** The connection broke, or the disk failed, during the commit: it may have happened or not. */
export class CommitError extends UserError {
  /** @param cause the error in words */
  constructor(cause: unknown) {
    const isKnown = cause instanceof UserError;
    super(isKnown ? cause.exitCode : EXIT.failed, isKnown ? cause.message : (cause as Error).message, {
      hint: 'It is unknown whether the last commit was saved. Rerun the command: it continues from the current state.',
      cause,
    });
    this.name = 'CommitError';
  }
}
