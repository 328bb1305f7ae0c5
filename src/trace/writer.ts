import {isFailedCall} from './model-call.ts';
import type {Span} from './span.ts';
import {isAnswerWithoutModel} from './state.ts';
import {isContinuation, isRunSpan, type Node} from './tree.ts';

/** Instrumentors up to 1.0.3, and later ones. */
export type Writer = 'old' | 'new';

/**
 * Which habits the instrumentor had that wrote a span: up to 1.0.3 it stored OK whatever happened, later ones say so when
 * a call or a run failed (docs/agno.md, Stored status). Null: this span does not tell.
 */
export function writerOf(span: Span): Writer | null {
  if (isRunSpan(span)) return isContinuation(span) || span.statusMessage === 'run status: error' ? 'new' : null;
  if (span.kind !== 'llm' || !isFailedCall(span) || !/\.a?invoke(_stream)?$/.test(span.name)) return null;
  return span.spanStatus === 'OK' ? 'old' : 'new';
}

/** True where a run can be judged only by who wrote it: it has an answer, and no model was asked for it. */
export function dependsOnWriter(nodes: Iterable<Node>): boolean {
  for (const node of nodes) if (isAnswerWithoutModel(node)) return true;
  return false;
}
