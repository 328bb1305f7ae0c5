import {usageError} from '../errors.ts';
import type {JudgedRun} from '../trace/record.ts';
import {cursorAfter, type RunPage} from './page.ts';

/** Where the next page of a database starts: null at its newest run, false if the database has been read to its end. */
export type ListPlace = string | null | false;

/** What one of several databases returned for a page; null: it could not be read. */
export interface OwnPage {
  readonly profile: string;
  readonly before: ListPlace;
  readonly page: RunPage | null;
}

export interface MergedPage {
  readonly runs: readonly {readonly profile: string; readonly judged: JudgedRun}[];
  readonly next: string | null;
  /** As for one page; `some` if a database's page was cut, because its number would count beyond this page. */
  readonly trafficLeftOut: number | 'some' | null;
}

/**
 * Merges one page from each database into one page, newest first by start. Each database keeps its own order, so one
 * cursor still marks a place in it. A database that could not be read keeps its place and comes with the next page.
 * @param limit runs wanted; 0: all
 */
export function mergePages(own: readonly OwnPage[], limit: number): MergedPage {
  const taken = own.map(() => 0);
  const runs: MergedPage['runs'][number][] = [];
  while (limit === 0 || runs.length < limit) {
    let newest = -1;
    own.forEach(({page}, i) => {
      const head = page?.runs[taken[i]!];
      if (head && (newest < 0 || startOf(head) > startOf(own[newest]!.page!.runs[taken[newest]!]!))) newest = i;
    });
    if (newest < 0) break;
    const {profile, page} = own[newest]!;
    runs.push({profile, judged: page!.runs[taken[newest]!]!});
    taken[newest]!++;
  }
  const places = own.map(({profile, before, page}, i): [string, ListPlace] => [
    profile,
    placeAfter(before, page, taken[i]!),
  ]);
  const isCut = own.some(({page}, i) => page !== null && taken[i]! < page.runs.length);
  const traffic = own.map(({page}) => page?.trafficLeftOut ?? null).filter(count => count !== null);
  const total = traffic.reduce((sum, count) => sum + count, 0);
  return {
    runs,
    next: places.some(([, place]) => place !== false) ? encode(places) : null,
    trafficLeftOut: traffic.length === 0 ? null : isCut && total > 0 ? 'some' : total,
  };
}

function startOf({run}: JudgedRun): number {
  return run.startMicros ?? Number.NEGATIVE_INFINITY;
}

function placeAfter(before: ListPlace, page: RunPage | null, taken: number): ListPlace {
  if (page === null || before === false) return before;
  if (taken === page.runs.length && page.next === null) return false;
  return cursorAfter(page, taken, before);
}

/** The first number distinguishes it from the cursor of one database. */
const VERSION = 2;

function encode(places: readonly (readonly [string, ListPlace])[]): string {
  return Buffer.from(JSON.stringify([VERSION, ...places])).toString('base64url');
}

function decode(cursor: string): Map<string, ListPlace> | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return null;
  }
  if (!Array.isArray(value) || value[0] !== VERSION) return null;
  const places = value.slice(1);
  const isPlace = (item: unknown): item is [string, ListPlace] =>
    Array.isArray(item) &&
    item.length === 2 &&
    typeof item[0] === 'string' &&
    (item[1] === null || item[1] === false || typeof item[1] === 'string');
  return places.every(isPlace) ? new Map(places) : null;
}

/**
 * Finds where the next page of each profile starts.
 * @throws UserError exit 2 for a cursor of other profiles, or of one database
 */
export function listPlacesOf(cursor: string | null, profiles: readonly string[]): Map<string, ListPlace> {
  if (cursor === null) return new Map(profiles.map(name => [name, null]));
  const places = decode(cursor);
  if (!places)
    throw usageError(`--cursor "${cursor}" is not a cursor of several profiles.`, 'Pass the cursor that list printed.');
  const isSame = places.size === profiles.length && profiles.every(name => places.has(name));
  if (!isSame) throw ofOthers(cursor, places);
  return places;
}

/** @throws UserError exit 2 when the cursor of several profiles is given to one database */
export function refuseMergedCursor(cursor: string | null): void {
  const places = cursor === null ? null : decode(cursor);
  if (places) throw ofOthers(cursor!, places);
}

function ofOthers(cursor: string, places: ReadonlyMap<string, ListPlace>) {
  const names = [...places.keys()];
  return usageError(
    `--cursor "${cursor}" belongs to the profiles ${names.map(name => `"${name}"`).join(', ')}.`,
    `Pass the same profiles again: ${names.map(name => `--profile ${name}`).join(' ')}`,
  );
}
