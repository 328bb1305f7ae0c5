import {defineRunCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

/** Behind HTTP the request is the root, and Agno fills a trace row from the root (docs/agno.md, Behind HTTP). */
export default defineRunCheck(({traces, isComplete, covered}) => {
  const sessions = new Set(
    traces.flatMap(({hasEmptyRow, runs}) =>
      hasEmptyRow ? runs.flatMap(run => (run.sessionId === null ? [] : [run.sessionId])) : [],
    ),
  );
  const [first] = sessions;
  return {
    severity: first === undefined ? 'ok' : 'info',
    count: sessions.size,
    isComplete,
    covered,
    sample: first ?? null,
    text:
      first === undefined
        ? 'Every conversation is in its trace rows.'
        : `${counted(sessions.size, 'conversation has', 'conversations have')} work whose trace row names no session, which happens over HTTP and in killed programs: Agno does not find it, and agno-trace must scan the spans (--last limits that).`,
    command: first === undefined ? null : ['list', '--session', first],
    repair: null,
  };
});
