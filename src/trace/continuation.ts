import type {Run} from './runs.ts';

/** The facts about a `continue_run` span. */
export type Continuation = Pick<Run, 'runId' | 'sessionId' | 'agentId' | 'teamId' | 'startMicros'>;

/**
 * Whether it continues this run: the same id, component and session. The id alone is not enough: several runs may
 * share it, because a caller can choose it and a retry reuses it.
 */
export function isContinuationOf(run: Run, other: Continuation): boolean {
  return run.runId !== null && run.runId === other.runId && isSamePlace(run, other);
}

/** The same component in the same session; an unknown value matches everything. */
export function isSamePlace(
  a: Pick<Run, 'sessionId' | 'agentId' | 'teamId'>,
  b: Pick<Run, 'sessionId' | 'agentId' | 'teamId'>,
): boolean {
  return (['sessionId', 'agentId', 'teamId'] as const).every(
    key => a[key] === null || b[key] === null || a[key] === b[key],
  );
}
