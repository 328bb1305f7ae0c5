import {WIDER_MICROS} from './postgres-rows.ts';

/**
 * How far back by `created_at` each lane looks for rows, and how often: rows just written at once, rows from clocks
 * that are slightly behind a little later, rows of long transactions and of clocks that are far off within a minute.
 */
export const LANES = [
  {windowMs: 15_000, everyMs: 0},
  {windowMs: 300_000, everyMs: 5000},
  {windowMs: 86_400_000, everyMs: 60_000},
] as const;

export interface Lane {
  /** Every row of this lane with a lower transaction id was visible at the last look. */
  lowXid: number;
  /** Lower bound of `created_at`, inclusive, up to the lane before it; null: no bound. */
  fromMicros: number | null;
  dueMs: number;
}

/** A span that was delivered, or known before. */
export interface Seen {
  readonly xid: number;
  readonly createdMicros: number | null;
}

/** True while a lane that may hold the row would still return it. */
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
