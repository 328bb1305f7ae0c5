import type {Context} from '../context.ts';
import {shownVariable, usageError} from '../errors.ts';

/** Shorter keys could be tried out. */
const SHORTEST_KEY = 16;

/** What `--redact-key` names; null: nothing. */
export function redactKeyOf({redactKey}: {redactKey?: string}, context: Context): Buffer | null {
  if (redactKey === undefined) return null;
  const value = context.env[redactKey];
  const hint = 'Create one with export NAME=$(openssl rand -hex 32), and pass --redact-key NAME.';
  if (!value) throw usageError(`--redact-key: the variable "${shownVariable(redactKey)}" is not set or empty.`, hint);
  context.secrets.push(value);
  if (value.length < SHORTEST_KEY)
    throw usageError(
      `--redact-key: the key in "${shownVariable(redactKey)}" is shorter than ${SHORTEST_KEY} characters.`,
      hint,
    );
  return Buffer.from(value);
}
