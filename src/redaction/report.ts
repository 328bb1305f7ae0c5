import type {Redaction} from './kinds.ts';

/** What no pattern finds. */
const PROSE = ['names', 'postal addresses', 'birth dates'] as const;
const NO_FORM = ['passwords that are words in a sentence'] as const;
export const OUT_OF_REACH: Readonly<Record<Redaction, readonly string[]>> = {
  secrets: NO_FORM,
  pii: PROSE,
  all: [...NO_FORM, ...PROSE],
};

/** What was found or replaced where, without any of it. */
export class RedactionReport {
  private readonly counts = new Map<string, Map<string, number>>();
  private readonly places = new Set<string>();
  /** Values that OpenInference's settings had hidden before they were stored. */
  takenOut = 0;

  /** @param place a column, or the name of an attribute with its numbers as `*` */
  add(detector: string, place: string): void {
    const known = this.places.has(place) || this.places.size < MOST_PLACES;
    const where = known ? place : OTHER_PLACES;
    this.places.add(where);
    const ofDetector = this.counts.get(detector) ?? new Map<string, number>();
    ofDetector.set(where, (ofDetector.get(where) ?? 0) + 1);
    this.counts.set(detector, ofDetector);
  }

  /** By detector, then by frequency. */
  get findings(): readonly RedactionCount[] {
    return [...this.counts]
      .flatMap(([detector, places]) => [...places].map(([place, count]) => ({detector, place, count})))
      .sort(
        (a, b) =>
          (a.detector < b.detector ? -1 : a.detector > b.detector ? 1 : 0) ||
          b.count - a.count ||
          (a.place < b.place ? -1 : 1),
      );
  }

  /** How often each detector found something. */
  get totals(): ReadonlyMap<string, number> {
    return new Map([...this.counts].map(([name, places]) => [name, [...places.values()].reduce((a, b) => a + b, 0)]));
  }
}

export interface RedactionCount {
  readonly detector: string;
  readonly place: string;
  readonly count: number;
}

/** Names of attributes are data: a table can have any number of them. */
const MOST_PLACES = 500;
const OTHER_PLACES = '(other places)';
