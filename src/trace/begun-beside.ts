import {isRunSpan, type Node} from './tree.ts';

/**
 * Two streams that one thread reads in turn, where the second began before the first called its model. Then the
 * second run's span is inside the first one's and outlives it, in a session of its own. A run that belongs inside
 * another one (an agent of a hook, a reasoning agent, a judge) ends before the outer run gives its answer. Members
 * have their team's session.
 */
export function isBegunBeside({span, parent}: Node): boolean {
  const outer = parent?.span;
  if (!span || !outer || !isRunSpan(span) || (outer.kind !== 'agent' && outer.kind !== 'team')) return false;
  if (outer.spanStatus !== 'OK' || !outer.hasOutput || outer.endMicros === null || span.endMicros === null)
    return false;
  if (span.sessionId === null || outer.sessionId === null || span.sessionId === outer.sessionId) return false;
  return span.startMicros !== null && span.startMicros <= outer.endMicros && span.endMicros > outer.endMicros;
}
