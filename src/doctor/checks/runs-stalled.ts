import {defineRunCheck} from '../checkup.ts';
import {runsInState} from '../runs-in-state.ts';

export default defineRunCheck(survey =>
  runsInState(survey, 'stalled', 'warning', {
    one: 'has written nothing for 5 minutes and is not finished',
    many: 'have written nothing for 5 minutes and are not finished',
    none: 'No run is stalled.',
  }),
);
