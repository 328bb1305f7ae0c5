import type {Walk} from '../runs/stretches.ts';
import type {Store} from '../store/store.ts';

/** How long one statement should take: on SQLite a writer may wait that long, on a server the work must be able to end. */
const FITTING_MS = {sqlite: 25, postgres: 500, clickhouse: 500} as const;

/** How a long look walks over a table, and whether its time is up. */
export interface Pace {
  readonly walk: Pick<Walk, 'first' | 'fittingMs'>;
  readonly isOver: () => boolean;
}

/**
 * @param limitMs longest time of the whole work; infinite: no limit
 * @param first rows of the first statement
 */
export function paceFor({dialect}: Store, {limitMs, first}: {limitMs: number; first: number}): Pace {
  const startMs = performance.now();
  return {
    walk: {first, fittingMs: FITTING_MS[dialect]},
    isOver: () => performance.now() - startMs >= limitMs,
  };
}
