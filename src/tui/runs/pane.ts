import type {Action} from '../keys.ts';
import type {Pane} from '../pane.ts';
import {runsLines} from './lines.ts';
import {
  actOnRuns,
  FIRST_RUNS_STATE,
  matchingRuns,
  newRuns,
  pickRun,
  type RunsInput,
  type RunsState,
  searchRuns,
  settleRuns,
} from './state.ts';

/** The list of runs. */
export const runsPane: Pane<RunsState, RunsInput> = {
  start: FIRST_RUNS_STATE,
  act: actOnRuns,
  pick: pickRun,
  search: searchRuns,
  matches: matchingRuns,
  settle: settleRuns,
  lines: runsLines,
  actions: (state, input) => {
    const actions: Action[] = [];
    if (newRuns(state, input) > 0) actions.push('newest');
    if (input.runs.length > 0) actions.push('down', 'up', 'open');
    if (input.isLive) actions.push('follow');
    if (input.runs.some(({judged}) => judged.record.state === 'error')) actions.push('nextError', 'previousError');
    if (input.runs.length > 0) actions.push('search');
    if (state.search !== '') actions.push('nextMatch', 'previousMatch');
    if (input.runs.length > 1)
      actions.push('first', 'last', 'newest', 'pageUp', 'pageDown', 'halfUp', 'halfDown', 'order');
    return actions;
  },
  isTicking: ({runs}) => runs.some(({judged}) => judged.record.state === 'running'),
};
