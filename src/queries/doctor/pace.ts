import {setTimeout as sleep} from 'node:timers/promises';
import type {ConnectionFacts} from '../../store/facts.ts';

/** How long one statement should take: on SQLite a writer may wait that long. */
const TARGET_MS = {sqlite: 25, postgres: 500} as const;
const LEAST_ROWS = 100;

/**
 * Long work in short statements: sizes them by what the last one took, rests as long as they took where a writer waits for
 * them (SQLite's rollback journal; design section 4), and ends when its time is up.
 */
export class Pace {
  private readonly rests: boolean;
  private readonly targetMs: number;
  private readonly start = performance.now();
  private asked = performance.now();

  /** @param limitMs infinite: no limit */
  constructor(
    {dialect, journalMode, copyReason}: ConnectionFacts,
    readonly limitMs: number,
    public rows: number,
    private readonly mostRows: number,
  ) {
    this.rests = dialect === 'sqlite' && journalMode !== 'wal' && copyReason === null;
    this.targetMs = TARGET_MS[dialect];
  }

  get isOver(): boolean {
    return performance.now() - this.start >= this.limitMs;
  }

  /** Before a statement of `rows` rows. */
  begin(): void {
    this.asked = performance.now();
  }

  /** After it. */
  async end(): Promise<void> {
    const took = performance.now() - this.asked;
    const factor = Math.min(4, Math.max(0.25, this.targetMs / Math.max(took, 0.5)));
    this.rows = Math.min(this.mostRows, Math.max(LEAST_ROWS, Math.round(this.rows * factor)));
    if (this.rests) await sleep(took);
  }
}
