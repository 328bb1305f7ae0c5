import type {State} from '../trace/states.ts';
import type {Finding, Severity} from './finding.ts';
import type {RunSurvey} from './survey.ts';

/** Runs in one of the states that only time distinguishes, as `trace/` judged them. */
export function runsInState(
  {runs, isComplete, covered}: RunSurvey,
  state: State,
  severity: Severity,
  words: {one: string; many: string; none: string},
): Finding {
  const found = runs.filter(run => run.state === state && !run.part);
  const count = found.length;
  return {
    severity: count > 0 ? severity : 'ok',
    count,
    isComplete,
    covered,
    sample: found[0]?.traceId ?? null,
    text: count === 0 ? words.none : `${count} ${count === 1 ? `run ${words.one}` : `runs ${words.many}`}.`,
    command: count === 0 ? null : ['list', '--state', state],
    repair: null,
  };
}
