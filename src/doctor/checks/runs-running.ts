import {defineRunCheck} from '../checkup.ts';
import {runsInState} from '../runs-in-state.ts';

export default defineRunCheck(survey =>
  runsInState(survey, 'running', 'info', {
    one: 'is not finished: its run span is not written yet',
    many: 'are not finished: their run spans are not written yet',
    none: 'No run is running.',
  }),
);
