import type {Changes} from '../store/changes.ts';
import type {Planned} from './plan.ts';
import type {MigrationSubject} from './subject.ts';

export interface Done {
  readonly object: string;
  readonly action: string;
  readonly elapsedMs: number;
}

export interface AppliedSteps {
  readonly done: Done[];
  stoppedBy: 'signal' | 'failure' | null;
  failure: unknown;
}

export interface ApplyOptions {
  /** Aborted: the current step is the last one. */
  readonly stop: AbortSignal;
  readonly report: (text: string) => void;
}

/** Applies one step after the other. Completed steps stay; running it again continues. */
export async function apply(
  changes: Changes,
  subject: MigrationSubject,
  {steps}: Planned,
  {stop, report}: ApplyOptions,
): Promise<AppliedSteps> {
  const applied: AppliedSteps = {done: [], stoppedBy: null, failure: null};
  for (const {object, step} of steps) {
    if (step.blocked) continue;
    if (stop.aborted) {
      applied.stoppedBy = 'signal';
      break;
    }
    const start = performance.now();
    report(`${step.action} ${object}`);
    try {
      await step.apply({changes, subject, report});
      await changes.tidy();
    } catch (error) {
      applied.stoppedBy = 'failure';
      applied.failure = error;
      break;
    }
    applied.done.push({object, action: step.action, elapsedMs: Math.round(performance.now() - start)});
  }
  return applied;
}
