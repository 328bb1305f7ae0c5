import {type UserError, usageError} from '../errors.ts';
import {queryError, type Value} from './query-syntax.ts';
import {parseMoment} from './values.ts';

/* Values of the keys of `-q`: figures, amounts, moments, ranges. */

/** The query being parsed, and the time. */
export interface Reading {
  readonly text: string;
  readonly nowMicros: number;
}

/** Runs `work` on a value; an error gets the value's place. */
export function placed<T>({at}: Value, {text}: Reading, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const {message, hint} = error as UserError;
    if (!(error instanceof Error && 'exitCode' in error)) throw error;
    throw queryError(text, at, message.trim(), hint);
  }
}

/** Both ends of `a..b`; one of them may be missing. */
export function rangeOf(text: string): RegExpExecArray | null {
  const match = /^(.*?)\.\.(.*)$/s.exec(text);
  return match && !(isOpen(match[1]!) && isOpen(match[2]!)) ? match : null;
}

export function isOpen(end: string): boolean {
  return end === '' || end === '*';
}

/** Null: it is no number. */
export function numberIn(text: string): number | null {
  const number = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(number) ? number : null;
}

export function parseCountOf(key: string): (text: string) => number {
  return text => {
    const match = /^(\d+(?:\.\d+)?)(k|m)?$/i.exec(text);
    const count = match ? Number(match[1]) * (match[2] ? (match[2].toLowerCase() === 'k' ? 1e3 : 1e6) : 1) : Number.NaN;
    if (!Number.isFinite(count))
      throw usageError(`"${text}" is not a number.`, `Write ${key}:>500, ${key}:>5k or ${key}:100..200.`);
    return count;
  };
}

/** A number of tokens, or with `%` their share of the prompt, 0 to 1. */
export function parseCached(text: string): number {
  if (!text.endsWith('%')) return parseCountOf('cached')(text);
  const share = /^\d+(?:\.\d+)?$/.test(text.slice(0, -1)) ? Number(text.slice(0, -1)) / 100 : Number.NaN;
  if (!(share <= 1))
    throw usageError(
      `"${text}" is not a share of the prompt.`,
      'Write cached:<20% or cached:50%..90%; without %, tokens.',
    );
  return share;
}

export function parseUsd(text: string): number {
  const match = /^\$?(\d+(?:\.\d+)?|\.\d+)$/.exec(text);
  if (!match || !Number.isFinite(Number(match[1])))
    throw usageError(`"${text}" is not an amount.`, 'Write cost:>0.05, in US dollars.');
  return Number(match[1]);
}

/** A moment within the range that can be written. */
export function momentOf(key: string, value: Value, text: string, reading: Reading): number {
  return placed(value, reading, () => {
    const micros = parseMoment(key, text, reading.nowMicros);
    if (Math.abs(micros) > LAST_MICROS) throw usageError(`"${text}" is too far in the past.`, 'Write 7d, or a date.');
    return Math.round(micros);
  });
}
/** Year 5138, and as far back. */
const LAST_MICROS = 1e17;
