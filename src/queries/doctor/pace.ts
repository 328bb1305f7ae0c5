import {setTimeout as sleep} from 'node:timers/promises';
import type {ConnectionFacts} from '../../store/facts.ts';

/** How long one statement should take: on SQLite a writer may wait that long. */
const TARGET_MS = {sqlite: 25, postgres: 500} as const;
const LEAST_ROWS = 100;

interface PaceOptions {
  /** Longest time of the whole work, ms; infinite: no limit. */
  readonly limitMs: number;
  /** Rows of the first statement, and the most of any. */
  readonly firstRows: number;
  readonly mostRows: number;
}

/**
 * Long work in short statements: sizes them by what the last one took, rests as long as they took where a writer waits for
 * them (SQLite's rollback journal; design section 4), and ends when its time is up.
 */
export class Pace {
  /** Rows that the next statement should walk over. */
  rows: number;
  private readonly rests: boolean;
  private readonly targetMs: number;
  private readonly start = performance.now();

  constructor(
    {dialect, journalMode, copyReason}: ConnectionFacts,
    private readonly options: PaceOptions,
  ) {
    this.rows = options.firstRows;
    this.rests = dialect === 'sqlite' && journalMode !== 'wal' && copyReason === null;
    this.targetMs = TARGET_MS[dialect];
  }

  get isOver(): boolean {
    return performance.now() - this.start >= this.options.limitMs;
  }

  /** Does `work` on `rows` rows, rests, and sizes the next. */
  async step<T>(work: (rows: number) => Promise<T>): Promise<T> {
    const begin = performance.now();
    const answer = await this.rested(() => work(this.rows));
    const took = this.rests ? (performance.now() - begin) / 2 : performance.now() - begin;
    const factor = Math.min(4, Math.max(0.25, this.targetMs / Math.max(took, 0.5)));
    this.rows = Math.min(this.options.mostRows, Math.max(LEAST_ROWS, Math.round(this.rows * factor)));
    return answer;
  }

  /** Does `work`, whose size is given, and rests. */
  async rested<T>(work: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    const answer = await work();
    if (this.rests) await sleep(performance.now() - begin);
    return answer;
  }
}
