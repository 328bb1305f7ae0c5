import {EXIT, UserError} from '../errors.ts';
import type {StatementPlace} from '../sql/ad-hoc.ts';

/** A database's complaint about a user's statement, in one line with its place. */
export function refusedStatement(
  message: string,
  place: StatementPlace | null,
  hint: string | undefined,
  cause: unknown,
): UserError {
  const near = place?.near ? `, near "${place.near}"` : ', at its end';
  const at = place ? ` at ${place.line}:${place.column}${near}` : '';
  const oneLine = message.replace(/\s+/g, ' ').replace(/[\s.]+$/, '');
  return new UserError(EXIT.usage, `the statement was refused${at}: ${oneLine}${/[?!]$/.test(oneLine) ? '' : '.'}`, {
    hint:
      hint?.replace(/\s+/g, ' ') ??
      'agno-trace sql "select * from spans limit 1" --views shows which columns there are.',
    cause,
  });
}
