import {isRunSpan, type Node} from './tree.ts';

/**
 * Two streams that one thread reads in turn, the second begun before the first asked its model: the second run's span stands
 * in the first one's and outlives it, in a session of its own. What belongs inside a run that gave its answer ended before
 * it: an agent of a hook, one that reasons, a judge. Members have their team's session.
 */
export function isBegunBeside({span, parent}: Node): boolean {
  const outer = parent?.span;
  if (!span || !outer || !isRunSpan(span) || (outer.kind !== 'agent' && outer.kind !== 'team')) return false;
  if (outer.spanStatus !== 'OK' || !outer.hasOutput || outer.endMicros === null || span.endMicros === null)
    return false;
  if (span.sessionId === null || outer.sessionId === null || span.sessionId === outer.sessionId) return false;
  return span.startMicros !== null && span.startMicros <= outer.endMicros && span.endMicros > outer.endMicros;
}
