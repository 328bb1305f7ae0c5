import type {Walk} from '../runs/stretches.ts';
import type {Store} from '../store/store.ts';

/**
 * How long one statement should take: on SQLite a writer may wait that long; on a server it must be possible to stop
 * the work.
 */
const FITTING_MS = {sqlite: 25, postgres: 500, clickhouse: 500} as const;

/** How a long walk over a table proceeds, and whether its time is up. */
export interface Pace {
  readonly walk: Pick<Walk, 'first' | 'fittingMs'>;
  readonly isOver: () => boolean;
}

/**
 * @param limitMs longest time of the whole work; infinite: no limit
 * @param first rows in the first statement
 */
export function paceFor({dialect}: Store, {limitMs, first}: {limitMs: number; first: number}): Pace {
  const startMs = performance.now();
  return {
    walk: {first, fittingMs: FITTING_MS[dialect]},
    isOver: () => performance.now() - startMs >= limitMs,
  };
}
