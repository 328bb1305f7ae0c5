import {setTimeout as sleep} from 'node:timers/promises';
import {EXIT, UserError} from '../errors.ts';
import type {Changes, Transaction, TransactionLimits} from '../store/changes.ts';
import {isStopped, isTimeout} from '../store/timeout.ts';

/** Everybody queues behind DDL that waits for a strong lock, so it waits only briefly, but often. */
const STRONG: TransactionLimits = {lockMs: 500, statementMs: 15_000};
/** Weaker locks block nobody; a validation reads the whole table. */
const WEAK: TransactionLimits = {lockMs: 5000, statementMs: 12 * 3_600_000};
const TRIES = 12;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8000;

/**
 * Runs `work` until it gets its locks, with growing pauses that differ between processes.
 * @throws UserError exit 4 if it never does
 */
export async function untilUnlocked<T>(
  changes: Pick<Changes, 'label'>,
  what: string,
  report: (text: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      if (tries === TRIES)
        throw new UserError(
          EXIT.unreachable,
          `${what} tried ${TRIES} times without getting a lock in "${changes.label}".`,
          {
            hint: 'A long transaction is open somewhere; rerun the command when it has ended.',
            cause: error,
          },
        );
      const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1)) * (0.5 + Math.random());
      report(`${what}: locked by somebody else, try ${tries + 1} of ${TRIES} in ${(pauseMs / 1000).toFixed(1)} s`);
      await sleep(pauseMs);
    }
  }
}

/** A short transaction that may need strong locks. */
export function briefly<T>(
  changes: Changes,
  what: string,
  report: (text: string) => void,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return untilUnlocked(changes, what, report, () => changes.transaction(STRONG, work));
}

/** A transaction whose locks harm nobody, and that may take long. */
export function lengthily<T>(
  changes: Changes,
  what: string,
  report: (text: string) => void,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return untilUnlocked(changes, what, report, () => changes.transaction(WEAK, work));
}

/** A lock that was not granted, or a deadlock. A statement that exceeded its time limit is neither. */
export function isPassing(error: unknown): boolean {
  const {code} = ((error as {cause?: unknown}).cause ?? error) as {code?: unknown};
  return code === '40P01' || (code !== '57014' && isTimeout(error) && !isStopped(error));
}
