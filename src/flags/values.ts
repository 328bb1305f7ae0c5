import parseDuration from 'parse-duration';
import {closest} from '../closest.ts';
import {usageError} from '../errors.ts';
import {fromZone, inZone} from '../text/zone.ts';
import {parseTime} from '../trace/time.ts';

const MINUTE_MICROS = 60_000_000;
const DAY_MICROS = 24 * 60 * MINUTE_MICROS;

const UNITS: Readonly<Record<string, string>> = {ms: 'ms', s: 's', m: 'm', min: 'm', h: 'h', d: 'd', w: 'w'};
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|min|h|d|w)(?:(\d+(?:\.\d+)?)(ms|s|m|min|h|d|w))*$/;

/** A duration with its unit (`500ms`, `90m`, `1h30m`, `7d`), in ms. The library alone would read `30` as 30 ms. */
export function parseLength(flag: string, text: string): number {
  const plain = text.trim().toLowerCase().replace(/\s+/g, '');
  if (/^\d+(\.\d+)?$/.test(plain))
    throw usageError(
      `${flag} "${text}" has no unit.`,
      `Write ${plain}ms, ${plain}s, ${plain}m, ${plain}h or ${plain}d.`,
    );
  if (!DURATION.test(plain))
    throw usageError(`${flag} "${text}" is not a valid duration.`, 'Write 30m, 24h, 7d or 2w.');
  const spelled = plain.replace(
    /(\d)(ms|min|s|m|h|d|w)/g,
    (_, digit: string, unit: string) => `${digit}${UNITS[unit]}`,
  );
  const ms = parseDuration(spelled);
  if (ms === null || ms === undefined || !Number.isFinite(ms))
    throw usageError(`${flag} "${text}" is not a valid duration.`, 'Write 30m, 24h, 7d or 2w.');
  return ms;
}

/**
 * A moment: ISO 8601, a date, `HH:MM` of today, `today`, `yesterday`, `now`, or a duration before now. A time without
 * an offset is in the zone of `--tz`: UTC by default.
 */
export function parseMoment(flag: string, text: string, nowMicros: number): number {
  const plain = text.trim();
  // In the zone's local time.
  const midnight = Math.floor(inZone(nowMicros).wallMicros / DAY_MICROS) * DAY_MICROS;
  if (plain === 'now') return nowMicros;
  if (plain === 'today') return fromZone(midnight);
  if (plain === 'yesterday') return fromZone(midnight - DAY_MICROS);
  const clock = /^(\d{1,2}):(\d{2})$/.exec(plain);
  if (clock && Number(clock[1]) < 24 && Number(clock[2]) < 60)
    return fromZone(midnight + (Number(clock[1]) * 60 + Number(clock[2])) * MINUTE_MICROS);
  if (/^\d{4}-\d{2}-\d{2}/.test(plain)) {
    const micros = parseTime(plain);
    const hasOffset = /(Z|UTC|T.*[+-]\d\d(:?\d\d)?)$/i.test(plain.replace(' ', 'T'));
    if (micros !== null && isRealDate(plain)) return hasOffset ? micros : fromZone(micros);
  } else if (/^\d+(\.\d+)?\s*([a-z].*)?$/i.test(plain)) return nowMicros - parseLength(flag, plain) * 1000;
  throw usageError(
    `${flag} "${text}" is not a time.`,
    'Write 2026-11-22, 2026-11-22T14:00, 14:00, today, yesterday, or a length back such as 24h.',
  );
}

/** Refuses 2026-02-31, which Date would move to March. */
function isRealDate(text: string): boolean {
  const [year, month, day] = text.slice(0, 10).split('-').map(Number);
  const date = new Date(Date.UTC(year!, month! - 1, day!));
  return date.getUTCMonth() === month! - 1 && date.getUTCDate() === day;
}

export function parseCount(flag: string, text: string): number {
  if (!/^\d+$/.test(text.trim()) || !Number.isSafeInteger(Number(text)))
    throw usageError(`${flag} "${text}" is not a whole number.`, `Write a number such as ${flag} 20.`);
  return Number(text);
}

/** A whole number that may have a short form: `500`, `50k`, `2M`. */
export function parseLargeCount(flag: string, text: string): number {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([km]?)\s*$/i.exec(text) ?? [];
  const count = Math.round(Number(digits) * {'': 1, k: 1e3, m: 1e6}[(unit ?? '').toLowerCase() as '' | 'k' | 'm']);
  if (!Number.isSafeInteger(count)) throw usageError(`${flag} "${text}" is no number.`, `Write ${flag} 500, or 50k.`);
  return count;
}

/** A share from 0 to 1: `5%`, `0.05`. */
export function parseShare(flag: string, text: string): number {
  const [, digits, sign] = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*$/.exec(text) ?? [];
  const share = Number(digits) / (sign === '%' ? 100 : 1);
  if (!(share >= 0 && share <= 1))
    throw usageError(`${flag} "${text}" is no share.`, `Write ${flag} 5%, or ${flag} 0.05.`);
  return share;
}

/** An amount in US dollars: `10`, `$0.5`. */
export function parseAmount(flag: string, text: string): number {
  const [, digits] = /^\s*\$?(\d+(?:\.\d+)?|\.\d+)\s*$/.exec(text) ?? [];
  if (digits === undefined || !Number.isFinite(Number(digits)))
    throw usageError(`${flag} "${text}" is no amount.`, `Write ${flag} 0.5, in US dollars.`);
  return Number(digits);
}

/** One of a fixed list; an error names a similar one. */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find(choice => choice === text.trim().toLowerCase());
  if (found) return found;
  const near = closest(text, choices);
  throw usageError(
    `${flag} "${text}" is not known.`,
    near ? `Did you mean ${near}? It is one of ${choices.join(', ')}.` : `It is one of ${choices.join(', ')}.`,
  );
}

/** Several of a fixed list, separated by commas. */
export function parseChoices<T extends string>(flag: string, texts: readonly string[], choices: readonly T[]): T[] {
  return texts.flatMap(text => text.split(',')).map(text => parseChoice(flag, text, choices));
}
