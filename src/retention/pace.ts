/** The limits of batches for one kind of database. */
export interface PaceLimits {
  /** Target duration of one batch, ms: a writer may wait that long. */
  readonly targetMs: number;
  readonly fewestSpans: number;
  readonly mostSpans: number;
}

/**
 * On SQLite every writer waits during a batch, and then sleeps for up to 25 ms more before it asks again; including
 * its own commits, it should be done in 150 ms. On Postgres no writer waits, and a batch only locks its own rows
 * (docs/measurements.md, Deleting beside a writer).
 */
export const PACE = {
  sqlite: {targetMs: 75, fewestSpans: 20, mostSpans: 4000},
  postgres: {targetMs: 250, fewestSpans: 50, mostSpans: 10_000},
} as const satisfies Record<string, PaceLimits>;

/** Weight of earlier batches, per later batch. */
const MEMORY = 0.85;
const LONGEST_GROWTH = 1.5;
const FIRST_SPANS = 200;
/**
 * A commit that waits long for the disk takes that time however small the batch is; then a batch may exceed its
 * target up to these factors.
 */
const MOST_OF_FIXED = 1.7;
const MOST_OF_TARGET = 2;

/**
 * Decides the size of the next batch. A batch has a fixed cost, the commit, which waits for the disk, and a cost per
 * row; both are fitted to the last batches. Pure, except for its memory.
 */
export class BatchPace {
  /** Sums over the last batches, with the highest weight on the newest: 1, n, ms, n², n·ms. */
  private sums = [0, 0, 0, 0, 0];
  /** Number of spans for the next batch. */
  spans: number;

  constructor(private readonly limits: PaceLimits) {
    this.spans = Math.min(FIRST_SPANS, limits.mostSpans);
  }

  /** Records that a batch of this many spans took this long. */
  took(spans: number, ms: number): void {
    const n = Math.max(1, spans);
    this.sums = [1, n, ms, n * n, n * ms].map((value, i) => value + MEMORY * this.sums[i]!);
    const {fixedMs, perSpanMs} = this.fitted();
    const {targetMs} = this.limits;
    const budgetMs = Math.max(targetMs, Math.min(MOST_OF_FIXED * fixedMs, MOST_OF_TARGET * targetMs));
    // If the fixed part alone is too long, tiny batches would save nothing.
    const fitting = Math.max(budgetMs - fixedMs, 0.3 * fixedMs) / perSpanMs;
    this.set(Math.min(fitting, this.spans * LONGEST_GROWTH));
  }

  /** A batch timed out while it waited for a lock or its statement. */
  failed(): void {
    this.set(this.spans / 2);
  }

  /** The line through the last batches; if they were all similar, one through zero. */
  private fitted(): {fixedMs: number; perSpanMs: number} {
    const [w, n, ms, nn, nms] = this.sums.map(sum => sum / this.sums[0]!) as [number, number, number, number, number];
    const proportional = Math.max(ms / n, 1e-6);
    const variance = nn - n * n;
    const slope = variance > (0.05 * n) ** 2 * w ? (nms - n * ms) / variance : proportional;
    const perSpanMs = Math.min(proportional, Math.max(0.1 * proportional, slope));
    return {fixedMs: ms - perSpanMs * n, perSpanMs};
  }

  private set(spans: number): void {
    this.spans = Math.round(Math.max(this.limits.fewestSpans, Math.min(this.limits.mostSpans, spans)));
  }
}
