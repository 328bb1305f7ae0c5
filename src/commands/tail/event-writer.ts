import type {RunChange} from '../../follow/live-runs.ts';
import type {RunRecord} from '../../trace/record.ts';

/** Writes what happens, in one of tail's formats. */
export interface EventWriter {
  change(change: RunChange, isBacklog: boolean, nowMicros: number): void;
  /** @param connection the new state, where that is what it is about */
  notice(text: string, connection?: 'live' | 'waiting' | 'reconnecting'): void;
  heartbeat(pulse: Pulse): void;
}

/** How things stand. */
export interface Pulse {
  readonly connection: 'connecting' | 'live' | 'waiting' | 'reconnecting';
  /** Largest time from a span being written to it being here, ms, since the last heartbeat; null: nothing came. */
  readonly lagMs: number | null;
  /** Runs written so far that have not ended. */
  readonly runsOpen: number;
  /** Runs that ended while they were followed. */
  readonly runsEnded: number;
  /** Spans written so far. */
  readonly spans: number;
  /** Traces without a run, which are not written. */
  readonly hiddenTraffic: number;
}

/** The run span is there now, and was not when the run was written last. */
export function endsNow({before, judged}: RunChange): boolean {
  return judged !== null && !judged.record.missing && (before === null || before.missing);
}

/** The state differs from what was written last. */
export function turnsNow({before, judged}: RunChange): boolean {
  return before !== null && judged !== null && before.state !== judged.record.state;
}

export function isWholeRun(record: RunRecord): boolean {
  return !record.part && !record.traffic;
}
