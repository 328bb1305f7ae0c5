import prettyMilliseconds from 'pretty-ms';
import type {Unit} from '../table/table.ts';
import {type Safe, safe, trusted} from '../text/safe.ts';
import {inZone, zoneName} from '../text/zone.ts';
import {isoTime, parseTime} from '../trace/time.ts';
import type {Tokens} from '../trace/tokens.ts';

/** A duration for people: `329ms`, `14.2s`, `2m 5s`; `–` if unknown. */
export function duration(ms: number | null): Safe {
  if (ms === null || !Number.isFinite(ms)) return trusted('–');
  if (Math.abs(ms) < 10) return trusted(`${Number(ms.toFixed(1))}ms`);
  // Rounded first: the library truncates, and 1,899 ms are not 1.8 s.
  const step = Math.abs(ms) < 1000 ? 1 : Math.abs(ms) < 60_000 ? 100 : 1000;
  const rounded = Math.round(ms / step) * step;
  const isShort = Math.abs(rounded) < 60_000;
  return trusted(
    prettyMilliseconds(rounded, {
      secondsDecimalDigits: isShort ? 1 : 0,
      keepDecimalsOnWholeSeconds: isShort,
      unitCount: 2,
    }),
  );
}

/** A whole number with thousands separators, averages rounded; toLocaleString would load Intl, 23 ms on first use. */
export function count(value: number | null): Safe {
  if (value === null) return trusted('–');
  return trusted(String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ','));
}

/** Prompt tokens including cached ones, marked if that is an estimate. */
export function promptTokens({grossPromptTokens, grossPromptEstimated}: PromptCount): Safe {
  return grossPromptEstimated ? trusted(`~${count(grossPromptTokens)}`) : count(grossPromptTokens);
}
type PromptCount = Pick<Tokens, 'grossPromptTokens' | 'grossPromptEstimated'>;

/** A number that may have a fraction: `0.4`, `58.3`, `1,204`. */
export function rate(value: number | null): Safe {
  return value === null || Math.abs(value) >= 99.95 ? count(value) : trusted(String(Number(value.toFixed(1))));
}

/** A share of 1 as percent: `7.3%`, `100%`; a value above 0 or below 1 is never shown as 0% or 100%. */
export function percent(value: number | null): Safe {
  if (value === null) return trusted('–');
  if (value > 0 && value < 0.0005) return trusted('<0.1%');
  if (value > 0.9995 && value < 1) return trusted('>99.9%');
  return trusted(`${Number((100 * value).toFixed(1))}%`);
}

/** A number with its unit. */
export function figure(value: number | null, unit: Unit): Safe {
  if (unit === 'ms') return duration(value);
  if (unit === 'usd') return usd(value);
  if (unit === 'ratio') return percent(value);
  if (unit === 'rate') return rate(value);
  if (unit === 'factor')
    return value === null ? trusted('–') : trusted(`${Number(value.toPrecision(value < 10 ? 2 : 3))}×`);
  if (unit === 'count') return count(value);
  return safe(String(value ?? '–'));
}

/** The start of a period: a date, with the time of day if periods are shorter than a day. */
export function stretchStart(micros: number | null, everyMicros: number): Safe {
  const iso = isoTime(micros);
  if (iso === null) return trusted('–');
  return trusted(everyMicros % 86_400_000_000 === 0 ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${iso.slice(11, 16)}`);
}

/** A count in about three characters: `410`, `3.1k`, `1.2M`. */
export function shortCount(value: number | null): Safe {
  if (value === null) return trusted('–');
  if (value < 1000) return trusted(String(value));
  if (value < 999_500) return trusted(`${trimmed(value / 1000)}k`);
  return trusted(`${trimmed(value / 1e6)}M`);
}

function trimmed(value: number): string {
  return value < 99.95 ? String(Number(value.toFixed(1))) : String(Math.round(value));
}

export function usd(value: number | null): Safe {
  if (value === null) return trusted('–');
  if (value > 0 && value < 1e-6) return trusted('<$0.000001');
  return trusted(`$${value >= 1 ? value.toFixed(2) : Number(value.toPrecision(2))}`);
}

/** How long ago, in one unit: `4s ago`, `3d ago`. Times ahead of the clock say so. */
export function ago(micros: number | null, nowMicros: number): Safe {
  if (micros === null) return trusted('–');
  const seconds = Math.round((nowMicros - micros) / 1e6);
  const size = Math.abs(seconds);
  const [value, unit] =
    size < 60
      ? [size, 's']
      : size < 3600
        ? [size / 60, 'm']
        : size < 86_400
          ? [size / 3600, 'h']
          : [size / 86_400, 'd'];
  return trusted(seconds < 0 ? `in ${Math.floor(value)}${unit}` : `${Math.floor(value)}${unit} ago`);
}

/** A moment for people: `2026-11-22 14:21:03 UTC`; in another zone (`--tz`) with its offset from UTC. */
export function moment(iso: string | null): Safe {
  const {text, offset} = clock(iso);
  // Years beyond 9999 have six digits and a sign.
  const [, date, time] = /^\+?0*(-?\d+-\d\d-\d\d)T(\d\d:\d\d:\d\d)/.exec(text ?? '') ?? [];
  return trusted(date === undefined ? '–' : `${date.padStart(10, '0')} ${time} ${offset}`);
}

/** A complete time, for a pipe: ISO 8601, in UTC or with the offset of the zone. */
export function wholeMoment(iso: string | null): Safe {
  const {text, offset} = clock(iso);
  return safe(text === null ? '–' : offset === 'UTC' ? text : text.replace(/Z$/, offset));
}

/** The time on a clock in the zone, as ISO. */
export function clock(iso: string | null): {readonly text: string | null; readonly offset: string} {
  const micros = iso === null || zoneName() === 'UTC' ? null : parseTime(iso);
  if (micros === null) return {text: iso, offset: 'UTC'};
  const {wallMicros, offset} = inZone(micros);
  return {text: isoTime(wallMicros), offset};
}

/** The first non-empty line of a text, for a cell. */
export function firstLine(text: string): Safe {
  return safe(
    text
      .split('\n')
      .find(line => line.trim() !== '')
      ?.trim() ?? '',
  );
}

/** A UUID or a hex id, shortened to a length that people compare by eye; other ids completely. */
export function shortId(id: string): Safe {
  return safe(isHex(id) ? id.slice(0, 8) : id);
}

export function isHex(id: string): boolean {
  return /^[0-9a-f]{8}[0-9a-f-]{8,}$/i.test(id);
}
