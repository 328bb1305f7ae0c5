import {largest} from '../lists.ts';
import {finish, type Work} from '../turns.ts';
import {costsByModel, type ModelCost} from './cost.ts';
import type {Judge} from './judge.ts';
import type {Kind} from './kind.ts';
import {isFailedCall, isStoppedCall} from './model-call.ts';
import type {Run} from './runs.ts';
import type {Span} from './span.ts';
import {type Evidence, type Judgement, NO_EVIDENCE} from './state.ts';
import type {State} from './states.ts';
import {isoTime} from './time.ts';
import {modelCalls, modelsOf, sumTokens, type Tokens} from './tokens.ts';
import {isFailedTool} from './tool-failure.ts';
import {displayName, isRunSpan, type Node, walk} from './tree.ts';

/** A run, a loose part or (with `traffic`) a plain request, in the form of the JSON contract. Unknown is null. */
export interface RunRecord extends Tokens {
  readonly runId: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string | null;
  readonly kind: Kind | null;
  readonly state: State;
  readonly stateReason: string;
  readonly storedStatus: string | null;
  readonly spanStatus: string | null;
  readonly startTime: string | null;
  readonly endTime: string | null;
  readonly durationMs: number | null;
  readonly agentId: string | null;
  readonly teamId: string | null;
  readonly workflowId: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly models: readonly string[];
  readonly costs: readonly ModelCost[];
  readonly spanCount: number;
  readonly errorCount: number;
  /** Calls of models and tools right after a failed call of the same one. */
  readonly retryCount: number;
  readonly missing: boolean;
  readonly part: boolean;
  readonly traffic: boolean;
  readonly detached: boolean;
  /** How many parts this record covers, if pauses divided the run; 1 if each part has a record of its own. */
  readonly parts: number;
}

/** Keys of a run in JSON and in formats with a header, in order. */
export const RUN_FIELDS = [
  ...['runId', 'traceId', 'spanId', 'name', 'kind', 'state', 'stateReason', 'storedStatus', 'spanStatus'],
  ...['startTime', 'endTime', 'durationMs', 'agentId', 'teamId', 'workflowId', 'userId', 'sessionId'],
  ...['model', 'provider', 'models', 'costs', 'spanCount', 'errorCount'],
  ...['promptTokens', 'completionTokens', 'cachedTokens', 'totalTokens'],
  ...['costUsd', 'costSource', 'costDate', 'costUnknownCalls'],
  ...['cacheWriteTokens', 'grossPromptTokens', 'grossPromptEstimated'],
  ...['missing', 'part', 'traffic', 'detached', 'parts', 'retryCount'],
] as const satisfies readonly (keyof RunRecord)[];

/** A run with everything that was found out about it. */
export interface JudgedRun {
  readonly run: Run;
  readonly judge: Judge;
  readonly judgement: Judgement;
  readonly evidence: Evidence;
  readonly record: RunRecord;
  /** Of a folded run: the run and its continuations, which have no rows of their own, by start. */
  readonly parts?: readonly JudgedRun[];
  /**
   * Of an unfinished run: the name of other runs that did the same (`likely-name.ts`). A guess, always shown as one.
   */
  readonly likelyName?: string;
}

export function judgedRun(run: Run, judge: Judge, judgement: Judgement, evidence: Evidence): JudgedRun {
  return finish(judgingRun(run, judge, judgement, evidence));
}

export function* judgingRun(run: Run, judge: Judge, judgement: Judgement, evidence: Evidence): Work<JudgedRun> {
  return {run, judge, judgement, evidence, record: yield* runRecord(run, judgement)};
}

function* runRecord(run: Run, {state, reason}: Judgement): Work<RunRecord> {
  const nodes = nodesOf(run);
  yield;
  const calls = modelCalls(run.tops);
  yield;
  const ownCalls = modelsOf(ownModelCalls(run));
  const all = modelsOf(calls);
  yield;
  const tokens = sumTokens(calls);
  yield;
  return {
    runId: run.runId,
    traceId: run.traceId,
    spanId: run.root.id,
    name: run.name,
    kind: run.kind,
    state,
    stateReason: reason,
    storedStatus: run.storedStatus,
    spanStatus: run.root.span?.spanStatus ?? null,
    startTime: isoTime(run.startMicros),
    endTime: isoTime(run.endMicros),
    durationMs: run.root.span?.durationMs ?? null,
    agentId: run.agentId,
    teamId: run.teamId,
    workflowId: run.workflowId,
    userId: run.userId,
    sessionId: run.sessionId,
    model: ownCalls.model ?? all.model,
    provider: ownCalls.model ? ownCalls.provider : all.provider,
    models: all.models,
    spanCount: nodes.filter(({span}) => span !== null).length,
    errorCount: nodes.filter(({span, told, isPlumbing}) => !isPlumbing && isFailedSpan(span ?? told)).length,
    retryCount: retryCountOf(nodes),
    ...tokens,
    costs: costsByModel(calls),
    missing: run.isMissing,
    part: run.isPart,
    traffic: run.isTraffic,
    detached: run.isDetached,
    parts: 1,
  };
}

/**
 * A run and all its continuations as one: it ends as its last part did; spans, tokens, costs and working time are
 * those of all parts.
 * @param parts by start, including `first`: the run's own parts and those of its members, without parts that were
 * only tied to it
 */
export function foldedRun(first: JudgedRun, parts: readonly JudgedRun[]): JudgedRun {
  const {runId} = first.record;
  const judgement = lastState(first, parts.findLast(part => part.record.runId === runId) ?? first);
  const calls = parts.flatMap(part => modelCalls(part.run.tops));
  const sum = (figure: (record: RunRecord) => number | null) =>
    parts.reduce<number | null>((total, {record}) => {
      const value = figure(record);
      return value === null ? total : (total ?? 0) + value;
    }, null);
  const ends = parts.flatMap(part => part.run.endMicros ?? []);
  return {
    ...first,
    judgement,
    parts,
    record: {
      ...first.record,
      state: judgement.state,
      stateReason: judgement.reason,
      endTime: isoTime(ends.length === 0 ? null : largest(ends)),
      durationMs: sum(({durationMs}) => durationMs),
      models: modelsOf(calls).models,
      spanCount: sum(({spanCount}) => spanCount) ?? 0,
      errorCount: sum(({errorCount}) => errorCount) ?? 0,
      retryCount: sum(({retryCount}) => retryCount) ?? 0,
      ...sumTokens(calls),
      costs: costsByModel(calls),
      parts: parts.length,
    },
  };
}

/** When a run is shown, its parts are read again, so the same part is another object. */
export function isSamePart(a: RunRecord, b: RunRecord): boolean {
  return a.traceId === b.traceId && a.spanId === b.spanId;
}

function lastState({record}: JudgedRun, last: JudgedRun): Judgement {
  const {state, stateReason} = last.record;
  if (isSamePart(last.record, record)) return {state, reason: stateReason};
  const isWorse = record.state === 'degraded' && state === 'ok';
  return {state: isWorse ? 'degraded' : state, reason: `${record.stateReason}; ${stateReason}`};
}

/** The spans of a run and of the parts that were folded into it. */
export function spansOfParts(judged: JudgedRun): Span[] {
  return (judged.parts ?? [judged]).flatMap(({run}) => spansOf(run));
}

/** The same for tool calls without a span, as messages report them. */
export function toldOfParts(judged: JudgedRun): Span[] {
  return (judged.parts ?? [judged]).flatMap(({run}) => nodesOf(run).flatMap(node => node.told ?? []));
}

/** The spans that belong to the run: without its surroundings and the runs that leaked into it. */
export function spansOf(run: Run): Span[] {
  return nodesOf(run).flatMap(node => node.span ?? []);
}

export function nodesOf(run: Run): Node[] {
  return walk(run.tops, node => node.isDetached && node !== run.root);
}

/**
 * A span with an error status, a model call without a result, or a tool that Agno reports as failed; a stopped span
 * did not fail.
 */
export function isFailedSpan(span: Span | null): boolean {
  if (!span) return false;
  return (
    span.spanStatus === 'ERROR' ||
    (span.kind === 'llm' && isFailedCall(span) && !isStoppedCall(span)) ||
    isFailedTool(span)
  );
}

/** Children that repeat a call that has just failed: the same tool or model, under the same parent. */
export function retriesOf(parent: Node): ReadonlySet<Node> {
  const retries = new Set<Node>();
  const failed = new Map<string, boolean>();
  for (const child of parent.children) {
    const span = child.span ?? child.told;
    if (!span || (span.openInferenceKind !== 'TOOL' && span.kind !== 'llm')) continue;
    const asked = `${span.kind} ${displayName(span)}`;
    if (failed.get(asked)) retries.add(child);
    failed.set(asked, isFailedSpan(span));
  }
  return retries;
}

function retryCountOf(nodes: readonly Node[]): number {
  const inside = new Set(nodes);
  const parents = new Set(nodes.flatMap(({parent}) => parent ?? []));
  let count = 0;
  for (const parent of parents) for (const retry of retriesOf(parent)) if (inside.has(retry)) count++;
  return count;
}

function ownModelCalls(run: Run): Span[] {
  return run.root.children.flatMap(child => (child.span?.kind === 'llm' ? [child.span] : []));
}

/** Presents one span of a run as a run of its own, to show a member, a step or a single call. */
export function subRun(judged: JudgedRun, node: Node): JudgedRun {
  const span = node.span!;
  const isRun = isRunSpan(span);
  const run: Run = {
    ...judged.run,
    root: node,
    tops: [node],
    startSpan: span,
    isMissing: false,
    isPart: !isRun,
    isDetached: false,
    runId: isRun ? span.runId : judged.run.runId,
    sessionId: span.sessionId ?? judged.run.sessionId,
    userId: span.userId ?? judged.run.userId,
    agentId: span.agentId,
    teamId: span.teamId,
    workflowId: span.workflowId,
    name: displayName(span),
    kind: span.kind,
    startMicros: span.startMicros,
    endMicros: span.endMicros,
  };
  return judgedRun(run, judged.judge, judged.judge.node(node)!, NO_EVIDENCE);
}
