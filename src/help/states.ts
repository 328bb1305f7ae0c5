import {stateText} from '../render/states.ts';
import {PATIENCE} from '../trace/runs.ts';
import {STATES, type State} from '../trace/states.ts';
import type {Topic} from './topic.ts';

const stalledAfter = `${PATIENCE.stalledAfterMs / 60_000} minutes`;
const lostAfter = PATIENCE.lostAfterMs === 3_600_000 ? 'an hour' : `${PATIENCE.lostAfterMs / 60_000} minutes`;

const MEANINGS: Readonly<Record<State, readonly string[]>> = {
  running: ['its run span is not written yet; its last activity is', `less than ${stalledAfter} ago`],
  stalled: ['the same, but the last activity is older (--stalled-after)'],
  lost: [`the same, but older than ${lostAfter}: its process was most`, 'likely killed (--lost-after)'],
  cancelled: ['stopped by request, or the client disconnected'],
  error: ['it failed, or stopped before any output; the reason says', 'where: model, guardrail, step, exception'],
  paused: ['waits for a person or an outside tool, and no continuation', 'is known'],
  degraded: ['something below it failed (a tool, a member, a step, a', 'retried model call), and the run continued'],
  ok: ['finished, and nothing below it failed'],
};

const indent = ' '.repeat(15);
const rows = STATES.map(
  state => `  ${stateText(state, {ascii: false}).padEnd(13)}${MEANINGS[state].join(`\n${indent}`)}`,
);

const topic: Topic = {
  summary: 'the states of a run and what they mean',
  text: `States of a run

Agno stores the status of the last batch of spans, which can be wrong in both
directions. A running or killed run has not written the span that says how it
ended. So agno-trace computes the state. The first match is used:

${rows.join('\n')}

Each state has a reason. JSON also has storedStatus (from the trace row) and
spanStatus (from the run span). If Agno's own run table is in the same database,
it helps confirm the state; contradictions are shown.

  agno-trace list --state error,degraded --last 24h
  agno-trace list --state running,stalled
  agno-trace list --failed              short for --state error
  agno-trace list --status ERROR        the stored status, not the computed one
`,
};
export default topic;
