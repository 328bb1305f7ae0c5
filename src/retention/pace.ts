/** What batches are to be like on one kind of database. */
export interface PaceLimits {
  /** Time that one batch should take, ms: a writer may wait for so long. */
  readonly targetMs: number;
  readonly fewestSpans: number;
  readonly mostSpans: number;
}

/**
 * On SQLite every writer waits while a batch is under way; on Postgres none does, and a batch holds its rows only.
 * Measured: reliability of both, 1.3 and 1.4.
 */
export const PACE = {
  sqlite: {targetMs: 70, fewestSpans: 20, mostSpans: 4000},
  postgres: {targetMs: 250, fewestSpans: 50, mostSpans: 10_000},
} as const satisfies Record<string, PaceLimits>;

/** How much one look back counts against all before it. */
const WEIGHT = 0.3;
const LONGEST_GROWTH = 1.5;
const FIRST_SPANS = 200;
const SHORTEST_PAUSE_MS = 50;

/** How large the next batch should be, from how long the last ones took. Pure but for what it remembers. */
export class Pace {
  private msPerSpan: number | null = null;
  /** Spans that the next batch should have. */
  spans: number;

  constructor(private readonly limits: PaceLimits) {
    this.spans = Math.min(FIRST_SPANS, limits.mostSpans);
  }

  /** A batch of so many spans took so long. */
  took(spans: number, ms: number): void {
    const cost = ms / Math.max(1, spans);
    this.msPerSpan = this.msPerSpan === null ? cost : this.msPerSpan * (1 - WEIGHT) + cost * WEIGHT;
    // One that took far too long counts at once.
    const expected = Math.max(this.msPerSpan, ms > 2 * this.limits.targetMs ? cost : 0);
    const fitting = this.limits.targetMs / Math.max(expected, 1e-6);
    this.set(Math.min(fitting, this.spans * LONGEST_GROWTH));
  }

  /** A batch had to wait in vain: for a lock, or for its statement. */
  failed(): void {
    this.set(this.spans / 2);
  }

  /** How long to leave the database to others after a batch, ms. */
  pauseMs(batchMs: number): number {
    return Math.max(SHORTEST_PAUSE_MS, batchMs);
  }

  private set(spans: number): void {
    this.spans = Math.round(Math.max(this.limits.fewestSpans, Math.min(this.limits.mostSpans, spans)));
  }
}
