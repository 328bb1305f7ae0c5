import {answerOf, endsWithAnswer, isAnswerOf, isFailedCall, isStoppedCall} from './model-call.ts';
import {isRedacted} from './redacted.ts';
import {type Failures, type InnerRun, isAgnoRun, type PausedMember, type RunSigns} from './run-signs.ts';
import type {Span} from './span.ts';
import type {State} from './states.ts';
import {isRefusedAtLimit} from './told-calls.ts';
import type {ToolCall} from './tool-calls.ts';
import {displayName, isContinuation, isDelegation, isStreamed, type Node} from './tree.ts';
import {stoppingStep} from './workflow-steps.ts';

export interface Judgement {
  readonly state: State;
  /** Why, in words a person would use. */
  readonly reason: string;
}

/** What is known about a run from outside its spans. */
export interface Evidence {
  /** Agno's own status of the run (`agno_runs`, or `agno_sessions.runs` of 2.x); null if there is none. */
  readonly agnoStatus: string | null;
  /** When the run continued after a pause, ISO text; null if no continuation is known. */
  readonly continuedAt: string | null;
  /** The search for a continuation did not examine everything after the pause. */
  readonly isSearchCut?: boolean;
  /** What failed among the loose parts that continued it, in words. */
  readonly partFailure?: {readonly text: string; readonly isLast: boolean} | null;
}
export const NO_EVIDENCE: Evidence = {agnoStatus: null, continuedAt: null};

/** The state of a run span, with its reason; the rules are in the order in which they decide. */
export function judgeRunSpan(signs: RunSigns, evidence: Evidence): Judgement {
  return (
    judgeCancelled(signs, evidence) ??
    judgeError(signs, evidence) ??
    judgePaused(signs, evidence) ??
    judgeBelow(signs.below, storyOf(signs, evidence)) ??
    judgeOk(signs, evidence)
  );
}

const CANCELLED_OUTPUT = /^(?:Team |Workflow )?[Rr]un (\S+) was cancelled$/;
/** Agno's output after a KeyboardInterrupt. */
export const INTERRUPTED_OUTPUT = 'Operation cancelled by user';

function judgeCancelled(signs: RunSigns, {agnoStatus}: Evidence): Judgement | null {
  const {span, last, pending, tools, members, isAgno} = signs;
  const cancelled = (reason: string): Judgement => ({state: 'cancelled', reason});
  const output = span.output?.trim() ?? '';
  const match = CANCELLED_OUTPUT.exec(output);
  if (match && (span.runId === null || match[1] === span.runId)) return cancelled('cancelled by request');
  if (!isAgno || span.spanStatus === 'ERROR') return null;
  // A workflow repeats its step's words although it continued; an agent's own model may have said these words.
  if (output === INTERRUPTED_OUTPUT && span.kind !== 'workflow' && !endsWithAnswer(last))
    return cancelled('stopped by Ctrl-C');
  if (agnoStatus === 'ERROR') return null;
  if (span.spanStatus === 'UNSET') return judgeUnset(signs, agnoStatus);
  if (last && isStoppedCall(last) && !isAskedPause(span))
    return cancelled(span.hasOutput ? 'cancelled while the model was answering' : leftStream(agnoStatus));
  // Up to 1.0.3 a failed call and a call whose reader left are stored alike. If a reader leaves, the run ends before
  // the call; a failing call ends before its run.
  if (!span.hasOutput && last && isFailedCall(last) && last.spanStatus !== 'ERROR') {
    const outlived = (last.endMicros ?? 0) > (span.endMicros ?? 0);
    if (outlived || agnoStatus === 'CANCELLED') return cancelled(leftStream(agnoStatus));
  }
  if (span.kind === 'workflow' && !span.hasOutput && signs.openStep)
    return cancelled(`${leftStream(agnoStatus)} during step "${displayName(signs.openStep)}"`);
  // A pause has Agno's words as its output. Without them, a call that nothing followed was abandoned.
  if (!isAskedPause(span) && agnoStatus !== 'PAUSED' && agnoStatus !== 'COMPLETED') {
    const member = members.find(({state}) => state === 'cancelled');
    if (member && (pending.length > 0 || !span.output))
      return cancelled(`cancelled while ${displayName(member.span)} was working`);
    // The last event that was read came from a member, and the team never called its model again.
    const read = span.kind === 'team' && span.runId !== null && members.find(inner => inner.span.runId === span.runId);
    if (read) return cancelled(`${leftStream(agnoStatus)} while ${displayName(read.span)} was working`);
    const open = pending[0]?.name ?? tools.find(tool => (tool.endMicros ?? 0) > (span.endMicros ?? 0))?.toolName;
    if (!span.hasOutput && open) return cancelled(`${leftStream(agnoStatus)} while ${open} was running`);
    if (endsInMiddle(signs)) return cancelled(`stopped after asking for ${last!.toolCalls[0]!.name}: nothing followed`);
  }
  if (agnoStatus !== 'CANCELLED') return null;
  const waits = waitsFor(signs);
  return cancelled(waits === null ? 'Agno says CANCELLED' : `paused, ${waits}; then rejected, Agno says CANCELLED`);
}

function leftStream(agnoStatus: string | null): string {
  return agnoStatus === 'CANCELLED' ? 'cancelled, or the client disconnected' : 'the client disconnected';
}

/**
 * A run span without a status: an exception passed through it that Agno does not catch. That may be the cancellation
 * of an asyncio task, or the end of a generator whose reader left; a plain `.run` can only have raised.
 */
function judgeUnset(signs: RunSigns, agnoStatus: string | null): Judgement | null {
  const {span, last, calls, pending} = signs;
  // Other writers leave successful runs UNSET.
  if (span.hasOutput) return null;
  const where = pending.length > 0 ? ` while ${pending[0]!.name} was running` : '';
  const isStream = last ? isStreamed(last) : signs.node.children.some(child => child.span && isStreamed(child.span));
  if (isStream) return {state: 'cancelled', reason: `${leftStream(agnoStatus)}${where}`};
  if (isAsync(span)) {
    const unless = agnoStatus === 'CANCELLED' ? '' : ', or an exception ended it';
    return {
      state: 'cancelled',
      reason: `stopped from outside${where}: its task was cancelled or the client disconnected${unless}`,
    };
  }
  if (calls.length === 0 && span.kind !== 'workflow')
    return {
      state: 'cancelled',
      reason: 'stopped before its first model call: the client disconnected, or an exception ended it',
    };
  return agnoStatus === 'CANCELLED'
    ? {state: 'cancelled', reason: `Agno says CANCELLED${where}`}
    : {state: 'error', reason: `ended${where} by an exception that Agno does not catch, such as SystemExit`};
}

function isAsync(span: Span): boolean {
  return /\.(arun|acontinue_run|_aexecute(_stream)?)$/.test(span.name);
}

/** Less time than any model takes, with nothing recorded below: the model was never called. */
export const TOO_SHORT_FOR_A_MODEL_MS = 100;
const BLOCKED = 'blocked before the first model call';

/** It has an output and nothing below, and was too short for a model call; what that means depends on the writer. */
export function isAnswerWithoutModel({span, children}: Node): boolean {
  if (!span || span.kind === 'workflow' || !isAgnoRun(span) || isContinuation(span) || children.length > 0)
    return false;
  return (
    span.spanStatus === 'OK' && span.hasOutput && span.durationMs !== null && span.durationMs < TOO_SHORT_FOR_A_MODEL_MS
  );
}

function judgeError(signs: RunSigns, {agnoStatus}: Evidence): Judgement | null {
  const {node, span, last, hasAnswer, pending, isAgno, members} = signs;
  const error = (reason: string): Judgement => ({state: 'error', reason});
  if (span.spanStatus === 'ERROR') return error(causeOf(signs));
  if (span.kind === 'workflow' || !isAgno) return null;
  const lastFailed = last !== null && isFailedCall(last) && !isStoppedCall(last);
  if (lastFailed && (!hasAnswer || !span.hasOutput)) return error(failedCallText(signs));
  const dead = deadMember(signs);
  if (dead) return error(`${displayName(dead.span)} failed, and its error is the answer`);
  if (!span.hasOutput) {
    if (signs.stoppedBy && agnoStatus !== 'ERROR') return null;
    if (endsWithAnswer(last))
      return error('stopped after its answer: by an output check, or because the client disconnected');
    const isOpen = pending.length > 0 || members.length > 0 || last !== null;
    if (isOpen && agnoStatus !== 'ERROR') return null;
    return error(node.children.length === 0 ? BLOCKED : 'stopped before any output');
  }
  if (!isAnswerWithoutModel(node)) return null;
  // Up to 1.0.3 a blocked run is stored like one that answered: OK, with the guard's words as its output.
  if (agnoStatus === 'ERROR' || (agnoStatus === null && signs.writer === 'old'))
    return error(`${BLOCKED}: ${errorText(span.output)}`);
  return null;
}

/** A team that passes on its member's answer, and whose only member at the end failed. */
function deadMember({span, last, tools, members, pending}: RunSigns): InnerRun | null {
  if (span.kind !== 'team' || last === null || last.toolCalls.length === 0 || members.length === 0) return null;
  if (pending.length > 0 || !tools.every(isDelegation)) return null;
  return members.every(({state}) => state === 'error') ? members[0]! : null;
}

/** Why a run span has ERROR: its failed step, its failed call, its output, or the exception. */
function causeOf(signs: RunSigns): string {
  const {node, span, last, hasAnswer} = signs;
  if (span.kind === 'workflow') {
    const step = node.children.findLast(child => child.span?.spanStatus === 'ERROR')?.span;
    return step
      ? `step "${displayName(step)}" failed: ${errorText(step.statusMessage)}`
      : errorText(span.statusMessage);
  }
  if (last && isFailedCall(last) && !hasAnswer) return failedCallText(signs);
  const how = node.children.length === 0 ? BLOCKED : 'failed';
  if (span.statusMessage !== null && span.statusMessage !== 'run status: error')
    return `${how}: ${errorText(span.statusMessage)}`;
  if (endsWithAnswer(last) && isAnswerOf(last!, span.output)) return 'stopped by an output check after its answer';
  // A failed continuation keeps the words of the pause.
  return `${how}: ${errorText(isAskedPause(span) ? null : span.output)}`;
}

function failedCallText({span, calls, last}: RunSigns): string {
  let attempts = 0;
  while (attempts < calls.length && isFailedCall(calls.at(-1 - attempts)!)) attempts++;
  // Up to 1.0.3 only the run has the error text, and only if the call was not streamed; otherwise the text is the
  // part of the answer that had arrived.
  const inRun = last?.spanStatus === 'OK' && !isStreamed(last) ? span.output : null;
  const text = last?.statusMessage?.replace(/^[A-Za-z]+(Error|Exception): /, '') ?? inRun;
  const how = attempts > 1 ? `model call failed ${attempts}×` : 'model call failed, not retried';
  return text ? `${how}: ${errorText(text)}` : how;
}

/** Agno's outputs for a waiting run (agno/utils/response.py, agno/team/_hooks.py). */
const PAUSED_OUTPUT =
  /^(I have tools to execute, but (I need|it needs) |Team run paused\b|Member '.*' requires human input)/;
/** A paused workflow stores the Python repr of its output object. */
const PAUSED_WORKFLOW =
  /^WorkflowRunOutput\([\s\S]*(status=<RunStatus\.paused|paused_step_name='|pause_kind=<PauseKind)/;

/** Its output is one of Agno's texts for a waiting run. */
function isAskedPause(span: Span): boolean {
  return (span.kind === 'workflow' ? PAUSED_WORKFLOW : PAUSED_OUTPUT).test(span.output ?? '');
}

const SEARCH_CUT = '; the search for a continuation stopped early';

function judgePaused(signs: RunSigns, evidence: Evidence): Judgement | null {
  const {agnoStatus, continuedAt, isSearchCut, partFailure} = evidence;
  const waits = waitsFor(signs) ?? (agnoStatus === 'PAUSED' ? unseenPause(signs) : null);
  if (waits === null) return null;
  const isOver = continuedAt !== null || (agnoStatus !== null && agnoStatus !== 'PAUSED');
  if (!isOver) return {state: 'paused', reason: `${waits}${isSearchCut ? SEARCH_CUT : ''}`};
  const reason = `paused, ${waits}; ${continuedAt === null ? `continued since, Agno says ${agnoStatus}` : `continued ${continuedAt}`}`;
  const judged = judgeBelow(signs.below, reason) ?? {state: 'ok', reason};
  if (partFailure)
    return {state: partFailure.isLast ? 'error' : 'degraded', reason: `${judged.reason}; ${partFailure.text}`};
  // The continuation of a workflow has no span that shows how it ended.
  const hasFailed = signs.span.kind === 'workflow' && continuedAt === null && agnoStatus === 'ERROR';
  return hasFailed ? {state: 'error', reason} : judged;
}

function waitsFor(signs: RunSigns): string | null {
  const {span, pending, pausedMembers, isAgno} = signs;
  const isAsked = isAskedPause(span);
  // Which output other writers give a waiting run is unknown.
  if (pending.length > 0 && (isAsked || !isAgno)) return `waits for ${pending.map(callText).join(', ')}`;
  if (span.kind === 'workflow' && isAsked) {
    const step = /paused_step_name='([^']*)'/.exec(span.output!)?.[1];
    return step ? `waits for a person before step "${step}"` : 'waits for a person';
  }
  if (pausedMembers.length > 0 && (isAsked || !span.output || isRedacted(span.output)))
    return membersText(pausedMembers);
  return isAsked ? 'waits for a person' : null;
}

const NAMED_MEMBERS = 4;

function membersText(members: readonly PausedMember[]): string {
  const named = members.slice(0, NAMED_MEMBERS).map(({name, waits}) => `${name} ${waits}`);
  const more = members.length - named.length;
  return [...named, ...(more > 0 ? [`${more} more are waiting`] : [])].join('; ');
}

function unseenPause({span}: RunSigns): string {
  return isRedacted(span.output) ? 'waits, Agno says PAUSED; what it waits for is hidden' : 'waits, Agno says PAUSED';
}

function refusals({children}: Node): string[] {
  const refused = children.filter(isRefusedAtLimit).length;
  return refused === 0 ? [] : [`${refused} tool ${refused === 1 ? 'call' : 'calls'} refused at the tool call limit`];
}

function callText(call: ToolCall): string {
  return call.arguments && call.arguments.length <= 80 ? `${call.name}(${call.arguments})` : call.name;
}

/** Degraded: something below failed and the run continued. Null if nothing did. */
export function judgeBelow({texts, more}: Failures, then = ''): Judgement | null {
  if (texts.size === 0) return null;
  const list = [...texts].map(([text, count]) => (count > 1 ? `${text} ${count}×` : text));
  const failed = `${list.join(', ')}${more > 0 ? `, ${more} more` : ''}; the run continued`;
  return {state: 'degraded', reason: then === '' ? failed : `${failed}; ${then}`};
}

/** What to say about a run that ended, whatever failed in it. */
function storyOf({stoppedBy}: RunSigns, {continuedAt}: Evidence): string {
  return [
    ...(stoppedBy ? [stoppedText(stoppedBy)] : []),
    ...(continuedAt === null ? [] : [`continued ${continuedAt}`]),
  ].join('; ');
}

function stoppedText(tool: Span): string {
  const text = tool.statusMessage ? `: ${errorText(tool.statusMessage)}` : '';
  return `stopped by tool ${tool.toolName ?? tool.name}${text}`;
}

function judgeOk(signs: RunSigns, {agnoStatus, continuedAt}: Evidence): Judgement {
  const {node, span, calls, pending, pausedMembers, stoppedBy} = signs;
  const then = continuedAt === null ? '' : `; continued ${continuedAt}`;
  const ok = (reason: string): Judgement => ({state: 'ok', reason: `${reason}${then}`});
  const start = isContinuation(span) ? 'continued after a pause and ' : '';
  if (stoppedBy) return ok(`${start}${stoppedText(stoppedBy)}`);
  const stop = span.kind === 'workflow' ? stoppingStep(node) : null;
  if (stop) {
    const [first, ...more] = stop.skipped;
    return ok(
      `${start}stopped by step "${displayName(stop.step)}": "${first}"${more.length > 0 ? ` and ${more.length} more` : ''} did not run`,
    );
  }
  if (!span.output) return ok(`${start}finished without text`);
  const unseen =
    span.kind === 'workflow' || calls.length > 0
      ? []
      : [isAnswerWithoutModel(node) ? withoutModel(signs, agnoStatus) : 'no model call is recorded'];
  const lost = pending.length > 0 ? [`a tool call has no span: ${pending.map(call => call.name).join(', ')}`] : [];
  const inside = pausedMembers.length > 0 ? [membersText(pausedMembers)] : [];
  const hidden =
    isRedacted(span.output) && continuedAt === null ? ['outputs are hidden, so a pause cannot be seen'] : [];
  return ok([`${start}finished`, ...unseen, ...lost, ...refusals(node), ...inside, ...hidden].join('; '));
}

function withoutModel({writer}: RunSigns, agnoStatus: string | null): string {
  const text = 'answered without a model call';
  return writer === 'new' || agnoStatus !== null
    ? text
    : `${text}; up to instrumentor 1.0.3 a guardrail that blocked the run looks the same`;
}

/** Its only text came with its last tool calls: neither a result nor an answer followed. */
function endsInMiddle({span, last, stoppedBy}: RunSigns): boolean {
  if (!last || last.toolCalls.length === 0 || stoppedBy || !span.output || span.kind === 'workflow') return false;
  const said = answerOf(last);
  return said !== null && said !== '' && (isAnswerOf(last, span.output) || span.output.trim().endsWith(said));
}

/** What a person sees of an error: its first line, or a note that it is hidden. */
function errorText(text: string | null): string {
  if (isRedacted(text?.trim() ?? null)) return 'its text is hidden';
  const line = (text ?? '').trim().split('\n', 1)[0]!;
  if (line === '') return 'no message';
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
