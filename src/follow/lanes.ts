import {WIDER_MICROS} from './postgres-rows.ts';

/**
 * How far back by `created_at` rows are looked for, and how often: what was just written at once, rows of clocks that are
 * behind a little later, rows of long transactions and of clocks far off within a minute.
 */
export const LANES = [
  {windowMs: 15_000, everyMs: 0},
  {windowMs: 300_000, everyMs: 5000},
  {windowMs: 86_400_000, everyMs: 60_000},
] as const;

export interface Lane {
  /** Every row of this lane whose transaction is below was visible when it was last looked at. */
  lowXid: number;
  /** `created_at` of its rows, inclusive, up to the lane before it; null: no bound. */
  fromMicros: number | null;
  dueMs: number;
}

/** A span that was delivered, or known before. */
export interface Seen {
  readonly xid: number;
  readonly createdMicros: number | null;
}

/** True while a lane that may hold the row would still take it. */
export function mayReturn(lanes: readonly Lane[], {xid, createdMicros}: Seen, hasXids: boolean): boolean {
  return lanes.some((lane, i) => {
    if (hasXids && xid < lane.lowXid) return false;
    if (createdMicros === null) return true;
    const {fromMicros} = lane;
    const untilMicros = lanes[i - 1]?.fromMicros ?? null;
    return (
      (fromMicros === null || createdMicros >= fromMicros - 2 * WIDER_MICROS) &&
      (untilMicros === null || createdMicros < untilMicros + 2 * WIDER_MICROS)
    );
  });
}
