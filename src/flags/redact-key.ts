import type {Context} from '../context.ts';
import {shownVariable, usageError} from '../errors.ts';

/** A shorter key could be found by trying. */
const SHORTEST_KEY = 16;

/** The key of `--redact-key`; null: none. */
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
