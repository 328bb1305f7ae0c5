import type {Kind} from './kind.ts';
import type {Purpose} from './purpose.ts';
import type {JudgedRun} from './record.ts';
import type {Judgement} from './state.ts';
import type {State} from './states.ts';
import {isoTime} from './time.ts';
import {criticalPath, selfMs} from './timing.ts';
import {NO_TOKENS, SubtreeTokens, type Tokens} from './tokens.ts';
import type {Node} from './tree.ts';
import {type Container, conditionsNotTaken, placesIn} from './workflow-steps.ts';

/** A span in drawn order, in the form of the JSON contract. */
export interface SpanRecord extends Tokens {
  readonly spanId: string;
  readonly traceId: string;
  readonly parentSpanId: string | null;
  /** The span it is drawn under; differs from the parent if delegations were regrouped. */
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
  /**
   * A tool call without a span, known from the messages of model calls. `missing` is then true too, and `spanId` is
   * not the id of a span.
   */
  readonly fromMessages: boolean;
  readonly surroundings: boolean;
  readonly detached: boolean;
  /** Several runs were at work, and nothing shows which of them made this call. */
  readonly ownerUnknown: boolean;
  /** A span that a client library wrote for the call above it. */
  readonly plumbing: boolean;
  readonly runId: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly toolName: string | null;
  /**
   * Of a model call that Agno makes in addition to the run's own: `memory`, `summary`, `parser`, `follow-ups`,
   * `judge`, …
   */
  readonly purpose: Purpose | null;
  readonly problems: readonly string[];
  /** Of a step: the container without a span in which it ran; several: one of them, unknown which. */
  readonly containers: readonly Container[];
  /** Of a step in a loop: the round; null elsewhere. */
  readonly iteration: number | null;
  /** Of a workflow: conditions that it passed without running anything. */
  readonly conditionsNotTaken: readonly string[];
}

/** Keys of a span as JSON has them, in order. */
export const SPAN_FIELDS = [
  ...['spanId', 'traceId', 'parentSpanId', 'drawnUnder', 'depth', 'name', 'kind', 'state', 'stateReason'],
  ...['spanStatus', 'statusMessage', 'startTime', 'endTime', 'durationMs', 'selfMs', 'critical', 'missing'],
  ...['fromMessages', 'surroundings', 'detached', 'ownerUnknown', 'plumbing', 'runId', 'model', 'provider'],
  ...['toolName', 'purpose', 'promptTokens', 'completionTokens', 'cachedTokens', 'totalTokens'],
  ...['costUsd', 'costSource', 'costDate', 'costUnknownCalls'],
  ...['cacheWriteTokens', 'grossPromptTokens', 'grossPromptEstimated'],
  ...['problems', 'containers', 'iteration', 'conditionsNotTaken'],
] as const satisfies readonly (keyof SpanRecord)[];

/** Selected rows of a run as `drawnSpans` would return them, drawn from the top of its trace. */
export function spanRecords(judged: JudgedRun, nodes: readonly Node[]): SpanRecord[] {
  const {run} = judged;
  if (nodes.length === 0) return [];
  const path = run.isMissing ? new Map<Node, number>() : criticalPath(run);
  const tokens = new SubtreeTokens(run.tops);
  const places = new Map<Node, Place>();
  return nodes.map(node => {
    const {depth, runId} = placeOf(node, places);
    return spanRecord(judged, node, {
      depth,
      isTop: node.parent === null,
      runId: runId ?? node.run?.runId ?? null,
      isCritical: path.has(node),
      tokens: tokensIn(judged, node, tokens),
    });
  });
}

/** Surroundings add nothing to the run's figures (docs/design.md, Runs), and may hold thousands of other spans. */
export function tokensIn({run}: JudgedRun, node: Node, tokens: SubtreeTokens): Tokens {
  return node.run === null && !run.isTraffic ? NO_TOKENS : tokens.of(node);
}

interface Place {
  readonly depth: number;
  /** Of the innermost run span around it, or its own. */
  readonly runId: string | null;
}

/** Found once for each node on the way up: the spans of a long chain share them. */
function placeOf(node: Node, known: Map<Node, Place>): Place {
  const path: Node[] = [];
  let up: Node | null = node;
  for (; up && !known.has(up); up = up.parent) path.push(up);
  let place: Place = up ? known.get(up)! : {depth: -1, runId: null};
  for (let i = path.length - 1; i >= 0; i--) {
    place = {depth: place.depth + 1, runId: path[i]!.span?.runId ?? place.runId};
    known.set(path[i]!, place);
  }
  return place;
}

interface Drawn {
  readonly depth: number;
  readonly isTop: boolean;
  readonly runId: string | null;
  readonly isCritical: boolean;
  readonly tokens: Tokens;
}

/** Null for a ghost about which nothing is known. */
export function judgementOf({run, judge, judgement}: JudgedRun, node: Node): Judgement | null {
  const isGhostOfRun = !node.span && !node.told && (run.isTraffic || (run.isMissing && node.run === run.root.run));
  return isGhostOfRun || node === run.root ? judgement : judge.node(node);
}

/** The record of one row, with the values that depend on the rows around it. */
export function spanRecord(judged: JudgedRun, node: Node, drawn: Drawn): SpanRecord {
  const {span} = node;
  const known = span ?? node.told;
  const own = judgementOf(judged, node);
  return {
    spanId: node.id,
    traceId: node.traceId,
    parentSpanId: span?.parentSpanId ?? null,
    drawnUnder: drawn.isTop ? null : (node.parent?.id ?? null),
    depth: drawn.depth,
    name: known?.name ?? null,
    kind: known?.kind ?? null,
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
    fromMessages: node.told !== null,
    surroundings: node.run === null,
    detached: node.isDetached,
    ownerUnknown: node.isOwnerUnknown,
    plumbing: node.isPlumbing,
    runId: drawn.runId,
    model: span?.model ?? null,
    provider: span?.provider ?? null,
    toolName: known?.toolName ?? null,
    purpose: span?.purpose ?? null,
    // Surroundings add nothing to the run's figures (docs/design.md, Runs).
    ...(node.run === null && !judged.run.isTraffic ? NO_TOKENS : drawn.tokens),
    problems: span?.problems ?? [],
    ...placeOfStep(node),
    conditionsNotTaken: span?.kind === 'workflow' ? conditionsNotTaken(node) : [],
  };
}

const NOWHERE: Container[] = [];

function placeOfStep(node: Node): Pick<SpanRecord, 'containers' | 'iteration'> {
  const place = node.parent?.span?.kind === 'workflow' ? placesIn(node.parent).get(node) : undefined;
  return place ?? {containers: NOWHERE, iteration: null};
}
