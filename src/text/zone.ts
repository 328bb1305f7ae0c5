import {usageError} from '../errors.ts';
import {smallest} from '../lists.ts';

/* The time zone of times for people, both shown and read. Machine formats are always UTC. */

/** Null: UTC, which loads nothing. */
let zone: {readonly name: string; readonly format: Intl.DateTimeFormat} | null = null;

/** Sets it once for the process: an IANA name, `local` or `UTC`. @throws UserError exit 2 for an invalid name */
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
  // Before year 1, years count down.
  const year = of.era === 'BC' ? 1 - Number(of.year) : Number(of.year);
  const wall = new Date(0);
  wall.setUTCFullYear(year, Number(of.month) - 1, Number(of.day));
  wall.setUTCHours(Number(of.hour), Number(of.minute), Number(of.second));
  const ahead = Math.round((wall.getTime() - Math.floor(ms / 1000) * 1000) * 1000);
  return Number.isFinite(ahead) ? ahead : 0;
}

/** The local time of a moment in the zone, counted as if it were UTC; and its offset: `UTC`, `+01:00`. */
export function inZone(micros: number): {readonly wallMicros: number; readonly offset: string} {
  if (zone === null) return {wallMicros: micros, offset: 'UTC'};
  const ahead = aheadMicros(micros);
  const minutes = Math.round(Math.abs(ahead) / MINUTE_MICROS);
  const two = (n: number) => String(n).padStart(2, '0');
  const offset = `${ahead < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
  return {wallMicros: micros + ahead, offset};
}

/**
 * The moment of this local time in the zone; the first if there are two; if there is none, the one that the skipped
 * time would have had.
 */
export function fromZone(wallMicros: number): number {
  if (zone === null) return wallMicros;
  // A clock changes by less than a day, and rarely twice within two days.
  const offsets = [aheadMicros(wallMicros - DAY_MICROS), aheadMicros(wallMicros + DAY_MICROS)];
  const fitting = offsets
    .map(ahead => wallMicros - ahead)
    .filter(micros => micros + aheadMicros(micros) === wallMicros);
  return fitting.length > 0 ? smallest(fitting) : wallMicros - offsets[0]!;
}
