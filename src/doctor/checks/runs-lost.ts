import {defineRunCheck} from '../checkup.ts';
import {runsInState} from '../runs-in-state.ts';

export default defineRunCheck(survey =>
  runsInState(survey, 'lost', 'warning', {
    one: 'never finished: the process was killed, or its event loop closed before the last spans were written',
    many: 'never finished: the process was killed, or its event loop closed before the last spans were written',
    none: 'No run was lost.',
  }),
);
