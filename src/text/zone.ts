import {usageError} from '../errors.ts';
import {smallest} from '../lists.ts';

/*
 * The time zone in which times are told to people, and read from them. Machine formats are UTC whatever it is.
 */

/** Null: UTC, for which nothing has to be loaded. */
let zone: {readonly name: string; readonly format: Intl.DateTimeFormat} | null = null;

/** Decides it once for the process: an IANA name, `local` or `UTC`. @throws UserError exit 2 for a name that is none */
export function setZone(name: string | undefined, from: string): void {
  zone = null;
  if (name === undefined || name === '' || /^utc$/i.test(name)) return;
  try {
    zone = {
      name: name === 'local' ? new Intl.DateTimeFormat().resolvedOptions().timeZone : name,
      format: new Intl.DateTimeFormat('en-US', {
        ...(name === 'local' ? {} : {timeZone: name}),
        calendar: 'iso8601',
        numberingSystem: 'latn',
        hourCycle: 'h23',
        ...{year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit'},
        era: 'short',
      }),
    };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw usageError(`${from} "${name}" is no time zone.`, 'Write UTC, local, or a name such as Europe/Berlin.');
  }
}

export function zoneName(): string {
  return zone?.name ?? 'UTC';
}

const MINUTE_MICROS = 60_000_000;
const DAY_MICROS = 24 * 60 * MINUTE_MICROS;

/** How far the zone is ahead of UTC at a moment, microseconds. */
function aheadMicros(micros: number): number {
  if (zone === null) return 0;
  const ms = Math.floor(micros / 1000);
  const of: Record<string, string> = {};
  for (const {type, value} of zone.format.formatToParts(ms)) of[type] = value;
  // Before the year 1 years count down.
  const year = of.era === 'BC' ? 1 - Number(of.year) : Number(of.year);
  const wall = new Date(0);
  wall.setUTCFullYear(year, Number(of.month) - 1, Number(of.day));
  wall.setUTCHours(Number(of.hour), Number(of.minute), Number(of.second));
  const ahead = Math.round((wall.getTime() - Math.floor(ms / 1000) * 1000) * 1000);
  return Number.isFinite(ahead) ? ahead : 0;
}

/** A moment as a clock in the zone shows it, counted as if it were UTC; with how far that is from it: `UTC`, `+01:00`. */
export function inZone(micros: number): {readonly wallMicros: number; readonly offset: string} {
  if (zone === null) return {wallMicros: micros, offset: 'UTC'};
  const ahead = aheadMicros(micros);
  const minutes = Math.round(Math.abs(ahead) / MINUTE_MICROS);
  const two = (n: number) => String(n).padStart(2, '0');
  const offset = `${ahead < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return {wallMicros: micros + ahead, offset};
}

/** The moment at which a clock in the zone shows this; of two the first, of none the one that it would have been. */
export function fromZone(wallMicros: number): number {
  if (zone === null) return wallMicros;
  // A clock is changed by less than a day, and seldom twice in two.
  const offsets = [aheadMicros(wallMicros - DAY_MICROS), aheadMicros(wallMicros + DAY_MICROS)];
  const fitting = offsets
    .map(ahead => wallMicros - ahead)
    .filter(micros => micros + aheadMicros(micros) === wallMicros);
  return fitting.length > 0 ? smallest(fitting) : wallMicros - offsets[0]!;
}
