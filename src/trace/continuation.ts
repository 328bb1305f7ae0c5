import type {Run} from './runs.ts';

/** What is known of a `continue_run` span. */
export type Continuation = Pick<Run, 'runId' | 'sessionId' | 'agentId' | 'teamId' | 'startMicros'>;

/**
 * Whether what was continued is this run: the same id, component and session. An id alone may be the one of several
 * runs, as a caller can give it and a retry uses it again.
 */
export function isContinuationOf(run: Run, other: Continuation): boolean {
  return run.runId !== null && run.runId === other.runId && isSamePlace(run, other);
}

/** The same component in the same session; what one of them does not say contradicts nothing. */
export function isSamePlace(
  a: Pick<Run, 'sessionId' | 'agentId' | 'teamId'>,
  b: Pick<Run, 'sessionId' | 'agentId' | 'teamId'>,
): boolean {
  return (['sessionId', 'agentId', 'teamId'] as const).every(
    key => a[key] === null || b[key] === null || a[key] === b[key],
  );
}
