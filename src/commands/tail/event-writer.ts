import type {RunChange} from '../../follow/live-runs.ts';
import type {RunRecord} from '../../trace/record.ts';

/** Writes events, in one of tail's formats. */
export interface EventWriter {
  change(change: RunChange, isBacklog: boolean, nowMicros: number): void;
  /** @param connection the new state, if the notice is about that */
  notice(text: string, connection?: 'live' | 'waiting' | 'reconnecting'): void;
  heartbeat(pulse: Pulse): void;
}

/** The current status. */
export interface Pulse {
  readonly connection: 'connecting' | 'live' | 'waiting' | 'reconnecting';
  /** Longest time from writing a span to receiving it, ms, since the last heartbeat; null: nothing arrived. */
  readonly lagMs: number | null;
  /** Number of runs written so far that have not ended. */
  readonly runsOpen: number;
  /** Number of runs that ended while they were followed. */
  readonly runsEnded: number;
  /** Number of spans written so far. */
  readonly spans: number;
  /** Number of traces without a run, which are not written. */
  readonly hiddenTraffic: number;
}

/** The run span exists now, and did not when the run was last written. */
export function endsNow({before, judged}: RunChange): boolean {
  return judged !== null && !judged.record.missing && (before === null || before.missing);
}

/** The state differs from the last written one. */
export function turnsNow({before, judged}: RunChange): boolean {
  return before !== null && judged !== null && before.state !== judged.record.state;
}

export function isWholeRun(record: RunRecord): boolean {
  return !record.part && !record.traffic;
}
