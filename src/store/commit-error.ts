/**
 * The connection broke, or the disk failed, while the commit was under way: it may have taken place or not. Its cause is
 * the error in words.
 */
export class CommitError extends Error {
  constructor(cause: unknown) {
    super('it is not known whether the last commit took place', {cause});
    this.name = 'CommitError';
  }
}
