/**
 * Times as Agno stores them: ISO text in UTC with six digits, no fraction on whole seconds (docs/agno.md, Times).
 * Other writers and older schemas use other forms, which are read too: `Z`, offsets, a blank for `T`, no zone,
 * nanoseconds, epoch numbers. Inside the program a time is microseconds since 1970 as a number, exact until the year
 * 2255.
 */
const ISO =
  /^\s*([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?\s*$/i;

const AGNO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?\+00:00$/;

let lastSecond = {text: '', micros: 0};

/** @returns microseconds since 1970, or null if it is not a time (`""`, `"None"`, words). Never throws. */
export function parseTime(value: unknown): number | null {
  if (typeof value === 'number' || typeof value === 'bigint') return fromEpoch(Number(value));
  if (typeof value !== 'string') return null;
  if (AGNO.test(value)) {
    // A fast path for Agno's own form: every row has three of them, mostly in the same second.
    const second = value.slice(0, 19);
    if (second !== lastSecond.text) lastSecond = {text: second, micros: Date.parse(`${second}Z`) * 1000};
    const {micros} = lastSecond;
    if (Number.isSafeInteger(micros)) return value.length === 25 ? micros : micros + Number(value.slice(20, 26));
  }
  const match = ISO.exec(value);
  if (!match) return /^\s*-?\d{9,19}(\.\d+)?\s*$/.test(value) ? fromEpoch(Number(value)) : null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = 'Z'] = match;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  // A leap second (:60) becomes the next minute, as on every clock without leap seconds.
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  const millis = date.getTime();
  if (Number.isNaN(millis) || Number(month) > 12 || Number(day) > 31) return null;
  if (Number(hour) * 60 + Number(minute) > 24 * 60 || Number(minute) > 59 || Number(second) > 60) return null;
  const micros = millis * 1000 + Number(fraction.padEnd(6, '0').slice(0, 6));
  // Beyond the exact range of a number (datetime.max is) the fraction is cut, so that it cannot round up into another
  // year.
  const exact = Number.isSafeInteger(micros) ? micros : (millis + Number(fraction.padEnd(3, '0').slice(0, 3))) * 1000;
  return exact - offsetMinutes(zone) * 60_000_000;
}

/** Epoch numbers in s, ms, µs or ns, distinguished by size: each is read as a year between 1973 and 5138. */
function fromEpoch(value: number): number | null {
  const size = Math.abs(value);
  if (!Number.isFinite(value) || size < 1e8) return null;
  if (size < 1e11) return Math.round(value * 1e6);
  if (size < 1e14) return Math.round(value * 1e3);
  if (size < 1e17) return Math.round(value);
  return Math.round(value / 1e3);
}

function offsetMinutes(zone: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  if (!match) return 0;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3] ?? 0));
}

/** Nanoseconds since 1970, including digits that `parseTime` drops; null if it is not a time. */
export function unixNanos(value: unknown): bigint | null {
  const micros = parseTime(value);
  if (micros === null) return null;
  const text = String(value).trim();
  if (/^-?\d{18,19}$/.test(text)) return BigInt(text);
  const beyond = /[.,]\d{6}(\d{1,3})/.exec(text)?.[1] ?? '0';
  return BigInt(Math.round(micros)) * 1000n + BigInt(beyond.padEnd(3, '0'));
}

let lastWritten = {seconds: Number.NaN, text: ''};

/** ISO 8601 in UTC with microseconds, as the JSON contract has it; null if the time is unknown or out of range. */
export function isoTime(micros: number | null): string | null {
  if (micros === null) return null;
  const whole = Math.round(micros);
  const seconds = Math.floor(whole / 1e6);
  if (seconds !== lastWritten.seconds) {
    const date = new Date(seconds * 1000);
    if (Number.isNaN(date.getTime())) return null;
    lastWritten = {seconds, text: date.toISOString().slice(0, -5)};
  }
  return `${lastWritten.text}.${String(whole - seconds * 1e6).padStart(6, '0')}Z`;
}

/**
 * A bound in Agno's form, so that texts compare like times: `2026-11-22T06:22:35+00:00`, fraction only if there is
 * one.
 */
export function agnoTime(micros: number): string {
  const iso = isoTime(micros);
  if (iso === null) throw new RangeError(`time out of range: ${micros}`);
  return iso.replace(/\.000000Z$/, 'Z').replace('Z', '+00:00');
}
