import {EXIT, UserError} from '../errors.ts';

/** The connection broke, or the disk failed, while the commit was under way: it may have taken place or not. */
export class CommitError extends UserError {
  /** @param cause the error in words */
  constructor(cause: unknown) {
    const isKnown = cause instanceof UserError;
    super(isKnown ? cause.exitCode : EXIT.failed, isKnown ? cause.message : (cause as Error).message, {
      hint: 'Whether the last commit took place is not known; run it again: it goes on from what is there.',
      cause,
    });
    this.name = 'CommitError';
  }
}
