import type {Store} from '../store/store.ts';

/** How long one statement should take: on SQLite a writer may wait that long, on Postgres the work must be able to end. */
const TARGET_MS = {sqlite: 25, postgres: 500} as const;
const LEAST_ROWS = 100;

interface PaceOptions {
  /** Longest time of the whole work, ms; infinite: no limit. */
  readonly limitMs: number;
  /** Rows of the first statement. */
  readonly firstRows: number;
}

/**
 * Long work in short statements: sizes them by what the last one took, and ends when its time is up. Pauses for a writer
 * are the store's own.
 */
export class Pace {
  /** Rows that the next statement should walk over. */
  private rows: number;
  private readonly start = performance.now();

  constructor(
    private readonly store: Store,
    private readonly options: PaceOptions,
  ) {
    this.rows = options.firstRows;
  }

  get isOver(): boolean {
    return performance.now() - this.start >= this.options.limitMs;
  }

  /** Does `work` on so many rows, its last statement the one that reads them, and sizes the next. */
  async step<T>(work: (rows: number) => Promise<T>): Promise<T> {
    const answer = await work(this.rows);
    const {dialect, lastStatementMs, spansPerStatement} = this.store;
    const factor = Math.min(4, Math.max(0.25, TARGET_MS[dialect] / Math.max(lastStatementMs, 0.5)));
    this.rows = Math.min(spansPerStatement, Math.max(LEAST_ROWS, Math.round(this.rows * factor)));
    return answer;
  }
}
