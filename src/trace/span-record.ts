import type {Kind} from './kind.ts';
import type {JudgedRun} from './record.ts';
import type {Judgement} from './state.ts';
import type {State} from './states.ts';
import {isoTime} from './time.ts';
import {criticalPath, selfMs} from './timing.ts';
import {NO_TOKENS, SubtreeTokens, type Tokens} from './tokens.ts';
import type {Node} from './tree.ts';

/** A span in drawn order, as the JSON contract has it. */
export interface SpanRecord extends Tokens {
  readonly spanId: string;
  readonly traceId: string;
  readonly parentSpanId: string | null;
  /** The span it is drawn under; differs from the parent where delegation was regrouped. */
  readonly drawnUnder: string | null;
  readonly depth: number;
  readonly name: string | null;
  readonly kind: Kind | null;
  readonly state: State | null;
  readonly stateReason: string | null;
  readonly spanStatus: string | null;
  readonly statusMessage: string | null;
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly durationMs: number | null;
  readonly selfMs: number | null;
  readonly critical: boolean;
  readonly missing: boolean;
  readonly surroundings: boolean;
  readonly detached: boolean;
  readonly runId: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly toolName: string | null;
  readonly problems: readonly string[];
}

/** Single rows of a run as `drawnSpans` would have them, drawn from the top of its trace: a few out of many. */
export function spanRecords(judged: JudgedRun, nodes: readonly Node[]): SpanRecord[] {
  const {run} = judged;
  const path = run.isMissing || nodes.length === 0 ? new Map<Node, number>() : criticalPath(run);
  return nodes.map(node => {
    let depth = 0;
    let runId = node.span?.runId ?? null;
    for (let up = node; up.parent; up = up.parent, depth++) runId ??= up.parent.span?.runId ?? null;
    return spanRecord(judged, node, {
      depth,
      isTop: node.parent === null,
      runId: runId ?? node.run?.runId ?? null,
      isCritical: path.has(node),
      tokens: new SubtreeTokens([node]).of(node),
    });
  });
}

interface Drawn {
  readonly depth: number;
  readonly isTop: boolean;
  readonly runId: string | null;
  readonly isCritical: boolean;
  readonly tokens: Tokens;
}

/** Null for a ghost of which nothing is known. */
export function judgementOf({run, judge, judgement}: JudgedRun, node: Node): Judgement | null {
  const isGhostOfRun = node.span === null && run.tops.includes(node);
  return isGhostOfRun || node === run.root ? judgement : judge.node(node);
}

/** The record of one row, with what only the rows around it tell. */
export function spanRecord(judged: JudgedRun, node: Node, drawn: Drawn): SpanRecord {
  const {span} = node;
  const own = judgementOf(judged, node);
  return {
    spanId: node.id,
    traceId: node.traceId,
    parentSpanId: span?.parentSpanId ?? null,
    drawnUnder: drawn.isTop ? null : (node.parent?.id ?? null),
    depth: drawn.depth,
    name: span?.name ?? null,
    kind: span?.kind ?? null,
    state: own?.state ?? null,
    stateReason: own?.reason || null,
    spanStatus: span?.spanStatus ?? null,
    statusMessage: span?.statusMessage ?? null,
    startTime: isoTime(span?.startMicros ?? null),
    endTime: isoTime(span?.endMicros ?? null),
    durationMs: span?.durationMs ?? null,
    selfMs: span ? selfMs(node) : null,
    critical: drawn.isCritical,
    missing: span === null,
    surroundings: node.run === null,
    detached: node.isDetached,
    runId: drawn.runId,
    model: span?.model ?? null,
    provider: span?.provider ?? null,
    toolName: span?.toolName ?? null,
    // Surroundings count into nothing of the run's (docs/design.md, Runs).
    ...(node.run === null && !judged.run.isTraffic ? NO_TOKENS : drawn.tokens),
    problems: span?.problems ?? [],
  };
}
