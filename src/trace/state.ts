import type {Span} from './span.ts';
import type {State} from './states.ts';
import type {ToolCall} from './tool-calls.ts';
import {displayName, isContinuation, isRunSpan, isStreamed, type Node, startOf} from './tree.ts';

export interface Judgement {
  readonly state: State;
  /** Why, in words a person would use. */
  readonly reason: string;
}

/** What is known about a run from outside its spans. */
export interface Evidence {
  /** Agno's own status of the run (`agno_runs`, or `agno_sessions.runs` of 2.x); null when there is none. */
  readonly agnoStatus: string | null;
  /** When the run went on after a pause, ISO text; null when no continuation is known. */
  readonly continuedAt: string | null;
}
export const NO_EVIDENCE: Evidence = {agnoStatus: null, continuedAt: null};

/** What the rules ask about a run span. */
interface Facts {
  readonly node: Node;
  readonly span: Span;
  /** Written by Agno's instrumentor, whose habits the rules know; of others an absent output says nothing. */
  readonly isAgno: boolean;
  /** The run's own model calls in order; calls of members and tools are theirs. */
  readonly calls: readonly Span[];
  readonly last: Span | null;
  /** Some call of its own ended with words instead of tool calls. */
  readonly hasAnswer: boolean;
  /** Tool calls of the last answer that no tool span followed. */
  readonly pending: readonly ToolCall[];
  readonly below: Failures;
  readonly pausedMember: PausedMember | null;
}

export interface PausedMember {
  name: string;
  waits: string;
}

/** What failed below a node: the topmost failure of each branch, first ones kept, all counted. */
export interface Failures {
  readonly texts: ReadonlyMap<string, number>;
  readonly more: number;
}

/** The state of a run span and why; the rules in the order in which they decide. */
export function judgeRunSpan(facts: Facts, evidence: Evidence): Judgement {
  return (
    judgeCancelled(facts, evidence) ??
    judgeError(facts, evidence) ??
    judgePaused(facts, evidence) ??
    judgeBelow(facts.below) ??
    judgeOk(facts, evidence)
  );
}

/** Collects what the rules ask about a run span. */
export function gather(node: Node, below: Failures, pausedMember: PausedMember | null): Facts {
  const span = node.span!;
  const end = span.endMicros ?? Number.POSITIVE_INFINITY;
  const calls: Span[] = [];
  const tools: Span[] = [];
  const stack = [...node.children].reverse();
  while (stack.length > 0) {
    const child = stack.pop()!;
    const inner = child.span;
    if (!inner || isRunSpan(inner) || startOf(child) > end) continue;
    if (inner.kind === 'llm') calls.push(inner);
    else if (inner.openInferenceKind === 'TOOL') tools.push(inner);
    else for (let i = child.children.length - 1; i >= 0; i--) stack.push(child.children[i]!);
  }
  const last = calls.at(-1) ?? null;
  return {
    node,
    span,
    isAgno: span.nodeId !== null || span.agentId !== null || span.teamId !== null,
    calls,
    last,
    hasAnswer: calls.some(call => !isFailedCall(call) && call.toolCalls.length === 0),
    pending: last && !isFailedCall(last) ? unanswered(last, tools) : [],
    below,
    pausedMember,
  };
}

const AGNO_CALL = /\.a?invoke(_stream)?$/;

/**
 * A model call that brought nothing. Instrumentor 1.0.15 says ERROR, or UNSET when it was stopped; up to 1.0.3 such a
 * call is stored OK and only lacks output, messages and token counts (docs/agno.md, Stored status). Of other instrumentors an absent
 * output says nothing.
 */
export function isFailedCall(span: Span): boolean {
  if (span.spanStatus === 'ERROR') return true;
  return AGNO_CALL.test(span.name) && !span.hasOutput && span.toolCalls.length === 0 && span.totalTokens === null;
}

/** Tool calls without a tool span of that name after the answer; each span answers one call. */
function unanswered(call: Span, tools: readonly Span[]): ToolCall[] {
  const answers = new Map<string, number>();
  for (const tool of tools) {
    if ((tool.startMicros ?? 0) < (call.startMicros ?? 0)) continue;
    const name = tool.toolName ?? tool.name;
    answers.set(name, (answers.get(name) ?? 0) + 1);
  }
  return call.toolCalls.filter(({name}) => {
    const left = answers.get(name) ?? 0;
    answers.set(name, left - 1);
    return left <= 0;
  });
}

const CANCELLED_OUTPUT = /^(?:Team |Workflow )?[Rr]un (\S+) was cancelled$/;

function judgeCancelled({span, last, isAgno}: Facts, {agnoStatus}: Evidence): Judgement | null {
  const cancelled = (reason: string): Judgement => ({state: 'cancelled', reason});
  const match = span.output === null ? null : CANCELLED_OUTPUT.exec(span.output.trim());
  if (match && (span.runId === null || match[1] === span.runId)) return cancelled('cancelled by request');
  if (span.hasOutput || span.spanStatus === 'ERROR' || !isAgno) return null;
  const leftStream =
    agnoStatus === 'CANCELLED' ? 'cancelled, or its reader left the stream' : 'its reader left the stream';
  if (span.spanStatus === 'UNSET') {
    return cancelled(
      last && isStreamed(last) ? leftStream : 'stopped from outside: its task was cancelled or its client left',
    );
  }
  if (!last || !isFailedCall(last) || last.spanStatus === 'ERROR')
    return agnoStatus === 'CANCELLED' ? cancelled('Agno says CANCELLED') : null;
  // Up to 1.0.3 a call that failed and a call whose reader left are stored alike. A reader that leaves ends the run
  // first and the call after it; a failing call ends before its run does.
  const outlived = (last.endMicros ?? 0) > (span.endMicros ?? 0);
  return last.spanStatus === 'UNSET' || outlived || agnoStatus === 'CANCELLED' ? cancelled(leftStream) : null;
}

/** Less time than any model takes, with nothing recorded below: the model was never asked. */
const TOO_SHORT_FOR_A_MODEL_MS = 100;
const BLOCKED = 'blocked before the first model call';

function judgeError(facts: Facts, {agnoStatus}: Evidence): Judgement | null {
  const {node, span, last, hasAnswer, pending, isAgno} = facts;
  const error = (reason: string): Judgement => ({state: 'error', reason});
  if (span.spanStatus === 'ERROR') return error(causeOf(facts));
  if (span.kind === 'workflow' || !isAgno) return null;
  const lastFailed = last !== null && isFailedCall(last);
  if (lastFailed && (!hasAnswer || !span.hasOutput)) return error(failedCallText(facts));
  if (!span.hasOutput) {
    const isOpen = pending.length > 0 || (last !== null && last.toolCalls.length === 0);
    if (isOpen && agnoStatus !== 'ERROR') return null;
    return error(node.children.length === 0 ? BLOCKED : 'stopped before any output');
  }
  if (node.children.length > 0) return null;
  // Up to 1.0.3 a blocked run is stored like one that answered: OK, with the guard's words as its output.
  const isTooShort = span.durationMs !== null && span.durationMs < TOO_SHORT_FOR_A_MODEL_MS && !isContinuation(span);
  if (agnoStatus === 'ERROR' || (agnoStatus === null && isTooShort))
    return error(`${BLOCKED}: ${firstLine(span.output)}`);
  return null;
}

/** Why a run span says ERROR: its failed step, its failed call, what it said, or the exception. */
function causeOf(facts: Facts): string {
  const {node, span, last, hasAnswer} = facts;
  if (span.kind === 'workflow') {
    const step = node.children.findLast(child => child.span?.spanStatus === 'ERROR')?.span;
    return step
      ? `step "${displayName(step)}" failed: ${firstLine(step.statusMessage)}`
      : firstLine(span.statusMessage);
  }
  if (last && isFailedCall(last) && !hasAnswer) return failedCallText(facts);
  const said =
    span.statusMessage !== null && span.statusMessage !== 'run status: error' ? span.statusMessage : span.output;
  return `${node.children.length === 0 ? BLOCKED : 'failed'}: ${firstLine(said)}`;
}

function failedCallText({span, calls, last}: Facts): string {
  let attempts = 0;
  while (attempts < calls.length && isFailedCall(calls.at(-1 - attempts)!)) attempts++;
  const text = last?.statusMessage?.replace(/^[A-Za-z]+(Error|Exception): /, '') ?? span.output;
  const how = attempts > 1 ? `model call failed ${attempts}×` : 'model call failed, not retried';
  return text ? `${how}: ${firstLine(text)}` : how;
}

/** Texts with which Agno answers for a run that waits (agno/utils/response.py, agno/team/_hooks.py). */
const PAUSED_OUTPUT =
  /^(I have tools to execute, but (I need|it needs) |Team run paused\b|Member '.*' requires human input)/;
/** A paused workflow stores the Python repr of its output object. */
const PAUSED_WORKFLOW =
  /^WorkflowRunOutput\([\s\S]*(status=<RunStatus\.paused|paused_step_name='|pause_kind=<PauseKind)/;

function judgePaused(facts: Facts, {agnoStatus, continuedAt}: Evidence): Judgement | null {
  const waits = waitsFor(facts);
  if (waits === null) return null;
  const isOver = continuedAt !== null || (agnoStatus !== null && agnoStatus !== 'PAUSED');
  if (!isOver) return {state: 'paused', reason: waits};
  const reason = `paused, ${waits}; ${continuedAt === null ? `continued since, Agno says ${agnoStatus}` : `continued ${continuedAt}`}`;
  const failed = judgeBelow(facts.below);
  return failed ? {state: failed.state, reason: `${failed.reason}; ${reason}`} : {state: 'ok', reason};
}

function waitsFor({span, pending, pausedMember}: Facts): string | null {
  if (pending.length > 0) return `waits for ${pending.map(callText).join(', ')}`;
  const output = span.output ?? '';
  if (span.kind === 'workflow' && PAUSED_WORKFLOW.test(output)) {
    const step = /paused_step_name='([^']*)'/.exec(output)?.[1];
    return step ? `waits for a person before step "${step}"` : 'waits for a person';
  }
  if (pausedMember) return `${pausedMember.name} ${pausedMember.waits}`;
  return PAUSED_OUTPUT.test(output) ? 'waits for a person' : null;
}

function callText(call: ToolCall): string {
  return call.arguments && call.arguments.length <= 80 ? `${call.name}(${call.arguments})` : call.name;
}

/** Degraded: something below failed and the run went on. Null when nothing did. */
export function judgeBelow({texts, more}: Failures): Judgement | null {
  if (texts.size === 0) return null;
  const list = [...texts].map(([text, count]) => (count > 1 ? `${text} ${count}×` : text));
  return {state: 'degraded', reason: `${list.join(', ')}${more > 0 ? `, ${more} more` : ''}, went on`};
}

function judgeOk({span, calls}: Facts, {continuedAt}: Evidence): Judgement {
  const then = continuedAt === null ? '' : `; continued ${continuedAt}`;
  const start = isContinuation(span) ? 'continued after a pause and ' : '';
  if (!span.output) return {state: 'ok', reason: `${start}finished without text${then}`};
  const unseen = span.kind !== 'workflow' && calls.length === 0 ? '; no model call is recorded' : '';
  return {state: 'ok', reason: `${start}finished${unseen}${then}`};
}

function firstLine(text: string | null): string {
  const line = (text ?? '').trim().split('\n', 1)[0]!;
  if (line === '') return 'no message';
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
