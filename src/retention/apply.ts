import {setTimeout as sleep} from 'node:timers/promises';
import {EXIT, UserError} from '../errors.ts';
import type {Changes} from '../store/changes.ts';
import {CommitError} from '../store/commit-error.ts';
import {isStopped, isTimeout} from '../store/timeout.ts';
import {type BatchOutcome, type BatchRules, deleteBatch, deleteInParts} from './batch.ts';
import {type Busy, busyWith} from './busy.ts';
import {BatchPace, PACE} from './pace.ts';
import type {OldTrace} from './survey.ts';

export interface PruneBatchesOptions {
  readonly rules: BatchRules;
  /** Maximum number of spans and traces to delete, but at least one trace; null: all. */
  readonly maxRows: number | null;
  readonly maxRuntimeMs: number | null;
  /** No batch before this time (`performance.now`): the candidates must have been examined long enough ago. */
  readonly notBeforeMs: number;
  /** Aborted: the current batch is the last one. */
  readonly stop: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress extends BatchOutcome {
  readonly waitsFor: string | null;
}

/** Why it ended before everything was deleted. */
export type StoppedBy = 'signal' | 'max-rows' | 'max-runtime' | 'busy' | 'failure';

export interface Applied {
  traces: number;
  spans: number;
  changed: number;
  batches: number;
  longestBatchMs: number;
  stoppedBy: StoppedBy | null;
  /** With `failure`: what failed; the earlier batches are done, the current one is not. */
  failure: unknown;
}

export const NOTHING_APPLIED: Readonly<Applied> = {
  traces: 0,
  spans: 0,
  changed: 0,
  batches: 0,
  longestBatchMs: 0,
  stoppedBy: null,
  failure: null,
};

/** Give up once batches have failed one after another for this long. */
const PATIENCE_MS = 60_000;
/** If a trigger takes too long for this many batches in a row, smaller ones will not help. */
const MOST_STOPPED = 3;
/** Maximum size of the rows of one transaction; a run can have a million bytes in a span. */
const MOST_BYTES = 8 * 1024 ** 2;
/** More ids in one statement could make Postgres read the whole table instead. */
const MOST_TRACES = 1000;
/** How often to check whether others need the database more. */
const ASK_EVERY_MS = 2000;
/** A vacuum may take hours, and our batches do not harm it: it only gets a head start. */
const LONGEST_YIELD_MS = 60_000;

/**
 * Deletes the candidates in short transactions with pauses between them. Whatever happens, a batch is deleted
 * completely or not at all; running it again resumes.
 */
export async function applyPrune(
  changes: Changes,
  candidates: readonly OldTrace[],
  options: PruneBatchesOptions,
): Promise<Applied> {
  const applied: Applied = {...NOTHING_APPLIED};
  try {
    applied.stoppedBy = await new Pruning(changes, options, applied).run(candidates);
  } catch (error) {
    applied.stoppedBy = 'failure';
    applied.failure = error;
  }
  return applied;
}

class Pruning {
  private readonly pace: BatchPace;
  private readonly startMs = performance.now();
  private inVainSinceMs: number | null = null;
  /** Transactions that took too long and were rolled back. */
  private stoppedInARow = 0;
  private askedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly changes: Changes,
    private readonly options: PruneBatchesOptions,
    private readonly applied: Applied,
  ) {
    this.pace = new BatchPace(PACE[changes.dialect]);
  }

  async run(candidates: readonly OldTrace[]): Promise<StoppedBy | null> {
    await this.settle();
    for (let at = 0; at < candidates.length; ) {
      const stopped = this.reasonToStop() ?? (await this.yieldToOthers());
      if (stopped) return stopped;
      const batch = this.nextBatch(candidates, at);
      if (batch.length === 0) return 'max-rows';
      const start = performance.now();
      try {
        const first = batch[0]!;
        if (this.isTooLarge(first)) {
          const outcome = await this.inParts(first);
          this.take(outcome, 0);
          if (outcome.traces + outcome.changed === 0) return this.reasonToStop();
        } else {
          const outcome = await deleteBatch(this.changes, batch, this.options.rules);
          const ms = performance.now() - start;
          this.take(outcome, ms);
          this.pace.took(outcome.spans + outcome.traces, ms);
        }
        at += batch.length;
        this.inVainSinceMs = null;
        if (at < candidates.length) await this.changes.giveWay(performance.now() - start, this.options.stop);
      } catch (error) {
        await this.afterFailure(error);
      }
    }
    return null;
  }

  /** Traces for one transaction: as many as the pace allows, but at least one; none if `--max-rows` is reached. */
  private nextBatch(candidates: readonly OldTrace[], at: number): OldTrace[] {
    const {maxRows} = this.options;
    const done = this.applied.traces + this.applied.spans;
    const batch: OldTrace[] = [];
    let [rows, bytes] = [0, 0];
    for (let i = at; i < candidates.length; i++) {
      const candidate = candidates[i]!;
      const isFirst = batch.length === 0;
      const more = rows + candidate.spans + 1;
      if (maxRows !== null && done + more > maxRows && !(isFirst && done === 0)) break;
      const isFull = more > this.pace.spans || bytes + candidate.bytes > MOST_BYTES || batch.length >= MOST_TRACES;
      if (!isFirst && isFull) break;
      batch.push(candidate);
      [rows, bytes] = [more, bytes + candidate.bytes];
      if (this.isTooLarge(candidate)) return isFirst ? batch : batch.slice(0, -1);
    }
    return batch;
  }

  private isTooLarge({spans, bytes}: OldTrace): boolean {
    return spans > 1 && (spans > PACE[this.changes.dialect].mostSpans || bytes > 2 * MOST_BYTES);
  }

  private inParts(candidate: OldTrace): Promise<BatchOutcome> {
    const perPart = Math.max(1, Math.floor((candidate.spans * MOST_BYTES) / candidate.bytes));
    return deleteInParts(this.changes, candidate, this.options.rules, {
      spans: () => Math.min(this.pace.spans, perPart),
      attempt: async work => {
        for (;;) {
          const start = performance.now();
          try {
            const spans = await work();
            this.inVainSinceMs = null;
            const ms = performance.now() - start;
            this.pace.took(spans, ms);
            this.take({traces: 0, spans, changed: 0}, ms);
            await this.changes.giveWay(ms, this.options.stop);
            return this.reasonToStop() === null;
          } catch (error) {
            await this.afterFailure(error);
          }
        }
      },
    });
  }

  private take({traces, spans, changed}: BatchOutcome, ms: number): void {
    const {applied} = this;
    applied.traces += traces;
    applied.spans += spans;
    applied.changed += changed;
    if (ms > 0) applied.batches++;
    applied.longestBatchMs = Math.max(applied.longestBatchMs, ms);
    this.stoppedInARow = 0;
    this.report(null);
  }

  /** A lock that is not granted in time is normal: repeat the batch, smaller. Every other error ends the work. */
  private async afterFailure(error: unknown): Promise<void> {
    if (isStopped(error) && !(error instanceof CommitError)) {
      // Either the user stopped it, which is no failure, or the work was too slow, and a smaller batch may do.
      if (this.options.stop.aborted) return;
      if (++this.stoppedInARow < MOST_STOPPED) {
        this.pace.failed();
        return;
      }
    }
    if (error instanceof CommitError || !isPassing(error)) throw error;
    const now = performance.now();
    this.inVainSinceMs ??= now;
    if (now - this.inVainSinceMs > PATIENCE_MS) {
      throw new UserError(EXIT.unreachable, `"${this.changes.label}" was busy for ${PATIENCE_MS / 1000} s.`, {
        hint: 'Rerun the command when the database is less busy; what was deleted stays deleted.',
        cause: error,
      });
    }
    this.pace.failed();
    await this.rest(250, 'a lock that somebody else holds');
  }

  private reasonToStop(): StoppedBy | null {
    if (this.options.stop.aborted) return 'signal';
    const {maxRuntimeMs} = this.options;
    return maxRuntimeMs !== null && performance.now() - this.startMs >= maxRuntimeMs ? 'max-runtime' : null;
  }

  /** Standbys that fall behind and a vacuum of the same tables come first. */
  private async yieldToOthers(): Promise<StoppedBy | null> {
    if (performance.now() - this.askedMs < ASK_EVERY_MS) return null;
    const since = performance.now();
    for (let busy: Busy | null = await busyWith(this.changes); busy; busy = await busyWith(this.changes)) {
      if (busy.mayBePassed && performance.now() - since > LONGEST_YIELD_MS) break;
      await this.rest(ASK_EVERY_MS, busy.words);
      const stopped = this.reasonToStop();
      if (stopped) return stopped;
    }
    this.askedMs = performance.now();
    return null;
  }

  /** Waits, second by second, until the candidates were examined long enough ago. */
  private async settle(): Promise<void> {
    const {notBeforeMs, stop} = this.options;
    while (!stop.aborted) {
      const leftMs = notBeforeMs - performance.now();
      if (leftMs <= 0) return;
      await this.rest(Math.min(leftMs, 1000), `late spans, ${Math.ceil(leftMs / 1000)} s left`);
    }
  }

  private async rest(ms: number, waitsFor: string | null): Promise<void> {
    if (ms <= 0) return;
    if (waitsFor) this.report(waitsFor);
    await sleep(ms, undefined, {signal: this.options.stop}).catch(error => {
      if (!this.options.stop.aborted) throw error;
    });
  }

  private report(waitsFor: string | null): void {
    const {traces, spans, changed} = this.applied;
    this.options.onProgress?.({traces, spans, changed, waitsFor});
  }
}

/** A lock, a deadlock or a conflict: a retry may succeed. */
function isPassing(error: unknown): boolean {
  if (isTimeout(error)) return !isStopped(error);
  const {code} = ((error as {cause?: unknown}).cause ?? error) as {code?: unknown};
  return code === '40P01' || code === '40001';
}
