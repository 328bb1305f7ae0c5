import {EXIT, UserError} from '../errors.ts';
import {command} from '../text/shell.ts';

/** A SQLite file whose pages contradict each other. */
export function damaged(file: string, cause?: unknown): UserError {
  return new UserError(EXIT.unreachable, `"${file}" is damaged or cut off.`, {
    hint: `Often the data can be recovered: ${command`sqlite3 ${file} .recover`} | sqlite3 recovered.db`,
    cause,
  });
}
