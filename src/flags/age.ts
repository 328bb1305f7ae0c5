import {usageError} from '../errors.ts';
import {parseLength, parseMoment} from './values.ts';

const HOUR_MS = 3_600_000;

export interface AgeFlags {
  olderThan?: string;
  before?: string;
  force?: boolean;
}

/**
 * The moment before which rows are old, microseconds since 1970; null if no age was given. Stricter than elsewhere,
 * because old rows are deleted.
 * @throws UserError exit 2 for an age without a unit, an ambiguous one, one below an hour, or a moment in the future
 */
export function cutoffMicrosOf({olderThan, before, force}: AgeFlags, nowMicros: number): number | null {
  if (olderThan !== undefined && before !== undefined)
    throw usageError('--older-than and --before both set the age.', 'Pass one of them.');
  if (olderThan !== undefined) {
    const micros = nowMicros - parseAge(olderThan) * 1000;
    return checked(micros, `--older-than "${olderThan}"`, nowMicros, force);
  }
  return before === undefined
    ? null
    : checked(parseBefore(before, nowMicros), `--before "${before}"`, nowMicros, force);
}

/**
 * An age in ms: hours, days or weeks; `30` has no unit, and `m` means a minute to some people and a month to others.
 */
function parseAge(text: string): number {
  const plain = text.trim().toLowerCase().replace(/\s+/g, '');
  if (/^-/.test(plain)) throw usageError(`--older-than "${text}" is negative.`, 'Write 30d.');
  if (/^\d+(\.\d+)?$/.test(plain))
    throw usageError(`--older-than "${text}" has no unit.`, `Write ${plain}d for days, ${plain}h for hours.`);
  if (/\dm(?![a-z])/.test(plain))
    throw usageError(`--older-than "${text}" is ambiguous: minutes or months?`, 'Write min for minutes, or days: 90d.');
  return parseLength('--older-than', text);
}

function parseBefore(text: string, nowMicros: number): number {
  // A duration would be read as a time before now, which is what --older-than is for.
  if (/^\s*\d+(\.\d+)?\s*([a-z].*)?$/i.test(text))
    throw usageError(
      `--before "${text}" is not a time.`,
      'Write 2026-10-01 or 2026-10-01T14:00; for an age use --older-than 30d.',
    );
  return parseMoment('--before', text, nowMicros);
}

function checked(micros: number, said: string, nowMicros: number, force = false): number {
  if (micros > nowMicros) throw usageError(`${said} is in the future.`, 'Write a time in the past.');
  if (micros > nowMicros - HOUR_MS * 1000 && !force)
    throw usageError(
      `${said} is less than an hour ago: runs may still be written.`,
      'Write 1h or more, or add --force.',
    );
  if (micros < 0) throw usageError(`${said} is too far in the past.`, 'Write 30d.');
  return micros;
}
