import {append} from '../lists.ts';
import {parseJson} from './json.ts';
import {REDACTED} from './redacted.ts';
import type {Span} from './span.ts';
import type {State} from './states.ts';
import {isRefusedAtLimit} from './told-calls.ts';
import type {ToolCall} from './tool-calls.ts';
import {displayName, isContinuation, isDelegation, isRunSpan, isStreamed, type Node, startOf} from './tree.ts';
import {stoppingStep} from './workflow-steps.ts';
import type {Writer} from './writer.ts';

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
  /** Not all that came after it was looked at for a continuation. */
  readonly isSearchCut?: boolean;
}
export const NO_EVIDENCE: Evidence = {agnoStatus: null, continuedAt: null};

/** What the rules ask about a run span. */
export interface RunFacts {
  readonly node: Node;
  readonly span: Span;
  /** Written by Agno's instrumentor, whose habits the rules know; of others an absent output says nothing. */
  readonly isAgno: boolean;
  /** Up to 1.0.3 what failed is stored like what went well. Null: not known, or not needed. */
  readonly writer: Writer | null;
  /** The run's own model calls in order; calls of members and tools are theirs. */
  readonly calls: readonly Span[];
  readonly last: Span | null;
  /** Some call of its own ended with words instead of tool calls. */
  readonly hasAnswer: boolean;
  /** Tool calls of the last answer that no tool span followed. */
  readonly pending: readonly ToolCall[];
  /** Tool spans that the last answer asked for, in order. */
  readonly tools: readonly Span[];
  /** Runs right below that began after the last answer. */
  readonly members: readonly InnerRun[];
  /** Set where a tool ended the run with StopAgentRun. */
  readonly stoppedBy: Span | null;
  /** A step right below whose stream was not read to its end. */
  readonly openStep: Span | null;
  readonly below: Failures;
  readonly pausedMembers: readonly PausedMember[];
}

/** A run inside another one. */
export interface InnerRun {
  readonly span: Span;
  readonly state: State;
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
export function judgeRunSpan(facts: RunFacts, evidence: Evidence): Judgement {
  return (
    judgeCancelled(facts, evidence) ??
    judgeError(facts, evidence) ??
    judgePaused(facts, evidence) ??
    judgeBelow(facts.below, storyOf(facts, evidence)) ??
    judgeOk(facts, evidence)
  );
}

/** Collects what the rules ask about a run span. */
export function gather(
  node: Node,
  around: Pick<RunFacts, 'writer' | 'below' | 'pausedMembers'> & {stateOf(inner: Node): State},
): RunFacts {
  const span = node.span!;
  const end = span.endMicros ?? Number.POSITIVE_INFINITY;
  const calls: Span[] = [];
  const tools: Span[] = [];
  const inner: Node[] = [];
  const stack = [...node.children].reverse();
  while (stack.length > 0) {
    const child = stack.pop()!;
    const below = child.span;
    if (!below || child.isDetached || startOf(child) > end) continue;
    if (isRunSpan(below)) {
      inner.push(child);
      continue;
    }
    if (below.kind === 'llm') calls.push(below);
    else if (below.openInferenceKind === 'TOOL') {
      tools.push(below);
      // A member is drawn below the call that asked for it.
      if (isDelegation(below))
        append(
          inner,
          child.children.filter(grand => grand.span && isRunSpan(grand.span)),
        );
    } else for (let i = child.children.length - 1; i >= 0; i--) stack.push(child.children[i]!);
  }
  const last = calls.at(-1) ?? null;
  const asked = last === null || isFailedCall(last) ? [] : tools.filter(tool => isAfter(tool, last));
  return {
    node,
    span,
    isAgno: span.openInferenceKind !== null && isAgnoRun(span),
    writer: around.writer,
    calls,
    last,
    hasAnswer: calls.some(call => !isFailedCall(call) && call.toolCalls.length === 0),
    pending: last && !isFailedCall(last) ? unanswered(last, asked) : [],
    tools: asked,
    members:
      last === null
        ? []
        : inner
            .filter(member => isAfter(member.span!, last))
            .map(member => ({span: member.span!, state: around.stateOf(member)})),
    stoppedBy: stopperOf(span, last, asked),
    openStep: node.children.find(child => isOpenStep(child.span))?.span ?? null,
    below: around.below,
    pausedMembers: around.pausedMembers,
  };
}

export function isAgnoRun(span: Span): boolean {
  return span.openInferenceKind !== null && (span.nodeId !== null || span.agentId !== null || span.teamId !== null);
}

function isAfter(span: Span, call: Span): boolean {
  return (span.startMicros ?? 0) >= (call.startMicros ?? 0);
}

/**
 * The tool that ended its run with StopAgentRun: its span failed without a result, which a tool that merely failed has,
 * and the model was not asked again.
 */
export function stopperOf(run: Span, last: Span | null, tools: readonly Span[]): Span | null {
  const tool = tools.at(-1);
  if (!last || last.toolCalls.length === 0 || !tool || run.spanStatus === 'ERROR') return null;
  return tool.spanStatus === 'ERROR' && !tool.hasOutput ? tool : null;
}

function isOpenStep(span: Span | null): boolean {
  return (span?.kind === 'step' || span?.kind === 'parallel') && span.spanStatus === 'UNSET' && !span.hasOutput;
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

/** A model call that was stopped before it had answered: whoever waited for it had gone. */
export function isStoppedCall(span: Span): boolean {
  return span.spanStatus === 'UNSET' && isFailedCall(span);
}

/** Tool calls without a tool span of that name after the answer; each span answers one call. */
function unanswered(call: Span, tools: readonly Span[]): ToolCall[] {
  const answers = new Map<string, number>();
  for (const tool of tools) {
    const name = tool.toolName ?? tool.name;
    answers.set(name, (answers.get(name) ?? 0) + 1);
  }
  return call.toolCalls.filter(({name}) => {
    const left = answers.get(name) ?? 0;
    answers.set(name, left - 1);
    return left <= 0;
  });
}

/** What OpenInference writes in the place of a value that it was told to hide. */
function isHidden(text: string | null): boolean {
  return text === REDACTED;
}

const CANCELLED_OUTPUT = /^(?:Team |Workflow )?[Rr]un (\S+) was cancelled$/;
/** With which Agno answers after a KeyboardInterrupt. */
export const INTERRUPTED_OUTPUT = 'Operation cancelled by user';

function judgeCancelled(facts: RunFacts, {agnoStatus}: Evidence): Judgement | null {
  const {span, last, pending, tools, members, isAgno} = facts;
  const cancelled = (reason: string): Judgement => ({state: 'cancelled', reason});
  const output = span.output?.trim() ?? '';
  const match = CANCELLED_OUTPUT.exec(output);
  if (match && (span.runId === null || match[1] === span.runId)) return cancelled('cancelled by request');
  if (!isAgno || span.spanStatus === 'ERROR') return null;
  // A workflow hands on what its step said, and went on; an agent's own model may have said so.
  if (output === INTERRUPTED_OUTPUT && span.kind !== 'workflow' && !endsWithAnswer(last))
    return cancelled('stopped by Ctrl-C');
  if (agnoStatus === 'ERROR') return null;
  if (span.spanStatus === 'UNSET') return judgeUnset(facts, agnoStatus);
  if (last && isStoppedCall(last) && !isAskedPause(span))
    return cancelled(span.hasOutput ? 'cancelled while the model was answering' : leftStream(agnoStatus));
  // Up to 1.0.3 a call that failed and a call whose reader left are stored alike. A reader that leaves ends the run
  // first and the call after it; a failing call ends before its run does.
  if (!span.hasOutput && last && isFailedCall(last) && last.spanStatus !== 'ERROR') {
    const outlived = (last.endMicros ?? 0) > (span.endMicros ?? 0);
    if (outlived || agnoStatus === 'CANCELLED') return cancelled(leftStream(agnoStatus));
  }
  if (span.kind === 'workflow' && !span.hasOutput && facts.openStep)
    return cancelled(`${leftStream(agnoStatus)} during step "${displayName(facts.openStep)}"`);
  // A pause has Agno's words as its output. Without them a call that nothing followed was given up.
  if (!isAskedPause(span) && agnoStatus !== 'PAUSED' && agnoStatus !== 'COMPLETED') {
    const member = members.find(({state}) => state === 'cancelled');
    if (member && (pending.length > 0 || !span.output))
      return cancelled(`cancelled while ${displayName(member.span)} was working`);
    // The last event that was read was that of a member, and the team never asked its model again.
    const read = span.kind === 'team' && span.runId !== null && members.find(inner => inner.span.runId === span.runId);
    if (read) return cancelled(`${leftStream(agnoStatus)} while ${displayName(read.span)} was working`);
    const open = pending[0]?.name ?? tools.find(tool => (tool.endMicros ?? 0) > (span.endMicros ?? 0))?.toolName;
    if (!span.hasOutput && open) return cancelled(`${leftStream(agnoStatus)} while ${open} was running`);
    if (endsInMiddle(facts))
      return cancelled(`stopped after it had asked for ${last!.toolCalls[0]!.name}: nothing followed`);
  }
  if (agnoStatus !== 'CANCELLED') return null;
  const waits = waitsFor(facts);
  return cancelled(waits === null ? 'Agno says CANCELLED' : `paused, ${waits}; then rejected, Agno says CANCELLED`);
}

function leftStream(agnoStatus: string | null): string {
  return agnoStatus === 'CANCELLED' ? 'cancelled, or its reader left the stream' : 'its reader left the stream';
}

/**
 * A run span that was never given a status: an exception passed through it that Agno does not catch. That may be the
 * cancellation of an asyncio task, or the end of a generator whose reader left; a plain `.run` can only have raised.
 */
function judgeUnset(facts: RunFacts, agnoStatus: string | null): Judgement | null {
  const {span, last, calls, pending} = facts;
  // Others than Agno leave UNSET what went well.
  if (span.hasOutput) return null;
  const where = pending.length > 0 ? ` while ${pending[0]!.name} was running` : '';
  const isStream = last ? isStreamed(last) : facts.node.children.some(child => child.span && isStreamed(child.span));
  if (isStream) return {state: 'cancelled', reason: `${leftStream(agnoStatus)}${where}`};
  if (isAsync(span)) {
    const unless = agnoStatus === 'CANCELLED' ? '' : ', or an exception ended it';
    return {
      state: 'cancelled',
      reason: `stopped from outside${where}: its task was cancelled or its client left${unless}`,
    };
  }
  if (calls.length === 0 && span.kind !== 'workflow')
    return {
      state: 'cancelled',
      reason: 'stopped before its first model call: its reader left the stream, or an exception ended it',
    };
  return agnoStatus === 'CANCELLED'
    ? {state: 'cancelled', reason: `Agno says CANCELLED${where}`}
    : {state: 'error', reason: `ended${where} by an exception that Agno does not catch, such as SystemExit`};
}

function isAsync(span: Span): boolean {
  return /\.(arun|acontinue_run|_aexecute(_stream)?)$/.test(span.name);
}

/** Less time than any model takes, with nothing recorded below: the model was never asked. */
export const TOO_SHORT_FOR_A_MODEL_MS = 100;
const BLOCKED = 'blocked before the first model call';

/** It has an output and nothing below, and was too short for a model: what that means depends on who wrote it. */
export function isAnswerWithoutModel({span, children}: Node): boolean {
  if (!span || span.kind === 'workflow' || !isAgnoRun(span) || isContinuation(span) || children.length > 0)
    return false;
  return (
    span.spanStatus === 'OK' && span.hasOutput && span.durationMs !== null && span.durationMs < TOO_SHORT_FOR_A_MODEL_MS
  );
}

function judgeError(facts: RunFacts, {agnoStatus}: Evidence): Judgement | null {
  const {node, span, last, hasAnswer, pending, isAgno, members} = facts;
  const error = (reason: string): Judgement => ({state: 'error', reason});
  if (span.spanStatus === 'ERROR') return error(causeOf(facts));
  if (span.kind === 'workflow' || !isAgno) return null;
  const lastFailed = last !== null && isFailedCall(last) && !isStoppedCall(last);
  if (lastFailed && (!hasAnswer || !span.hasOutput)) return error(failedCallText(facts));
  const dead = deadMember(facts);
  if (dead) return error(`${displayName(dead.span)} failed, and what it says is the answer`);
  if (!span.hasOutput) {
    if (facts.stoppedBy && agnoStatus !== 'ERROR') return null;
    if (endsWithAnswer(last))
      return error('stopped after its answer: by a check of the output, or by a reader who left at its end');
    const isOpen = pending.length > 0 || members.length > 0 || last !== null;
    if (isOpen && agnoStatus !== 'ERROR') return null;
    return error(node.children.length === 0 ? BLOCKED : 'stopped before any output');
  }
  if (!isAnswerWithoutModel(node)) return null;
  // Up to 1.0.3 a blocked run is stored like one that answered: OK, with the guard's words as its output.
  if (agnoStatus === 'ERROR' || (agnoStatus === null && facts.writer === 'old'))
    return error(`${BLOCKED}: ${errorText(span.output)}`);
  return null;
}

/** A team that hands on what its member says, and whose only member at the end failed. */
function deadMember({span, last, tools, members, pending}: RunFacts): InnerRun | null {
  if (span.kind !== 'team' || last === null || last.toolCalls.length === 0 || members.length === 0) return null;
  if (pending.length > 0 || !tools.every(isDelegation)) return null;
  return members.every(({state}) => state === 'error') ? members[0]! : null;
}

/** Why a run span says ERROR: its failed step, its failed call, what it said, or the exception. */
function causeOf(facts: RunFacts): string {
  const {node, span, last, hasAnswer} = facts;
  if (span.kind === 'workflow') {
    const step = node.children.findLast(child => child.span?.spanStatus === 'ERROR')?.span;
    return step
      ? `step "${displayName(step)}" failed: ${errorText(step.statusMessage)}`
      : errorText(span.statusMessage);
  }
  if (last && isFailedCall(last) && !hasAnswer) return failedCallText(facts);
  const how = node.children.length === 0 ? BLOCKED : 'failed';
  if (span.statusMessage !== null && span.statusMessage !== 'run status: error')
    return `${how}: ${errorText(span.statusMessage)}`;
  if (endsWithAnswer(last) && isAnswerOf(last!, span.output))
    return 'stopped after its answer by a check of the output';
  // A continuation that failed keeps the words of the pause.
  return `${how}: ${errorText(isAskedPause(span) ? null : span.output)}`;
}

function failedCallText({span, calls, last}: RunFacts): string {
  let attempts = 0;
  while (attempts < calls.length && isFailedCall(calls.at(-1 - attempts)!)) attempts++;
  // Up to 1.0.3 the text stands in the run alone, and only of a call that was not streamed: else it is what came so far.
  const inRun = last?.spanStatus === 'OK' && !isStreamed(last) ? span.output : null;
  const text = last?.statusMessage?.replace(/^[A-Za-z]+(Error|Exception): /, '') ?? inRun;
  const how = attempts > 1 ? `model call failed ${attempts}×` : 'model call failed, not retried';
  return text ? `${how}: ${errorText(text)}` : how;
}

/** Texts with which Agno answers for a run that waits (agno/utils/response.py, agno/team/_hooks.py). */
const PAUSED_OUTPUT =
  /^(I have tools to execute, but (I need|it needs) |Team run paused\b|Member '.*' requires human input)/;
/** A paused workflow stores the Python repr of its output object. */
const PAUSED_WORKFLOW =
  /^WorkflowRunOutput\([\s\S]*(status=<RunStatus\.paused|paused_step_name='|pause_kind=<PauseKind)/;

/** Its output is what Agno says for a run that waits. */
function isAskedPause(span: Span): boolean {
  return (span.kind === 'workflow' ? PAUSED_WORKFLOW : PAUSED_OUTPUT).test(span.output ?? '');
}

const SEARCH_CUT = '; whether it went on was not looked for further';

function judgePaused(facts: RunFacts, {agnoStatus, continuedAt, isSearchCut}: Evidence): Judgement | null {
  const waits = waitsFor(facts) ?? (agnoStatus === 'PAUSED' ? unseenPause(facts) : null);
  if (waits === null) return null;
  const isOver = continuedAt !== null || (agnoStatus !== null && agnoStatus !== 'PAUSED');
  if (!isOver) return {state: 'paused', reason: `${waits}${isSearchCut ? SEARCH_CUT : ''}`};
  const reason = `paused, ${waits}; ${continuedAt === null ? `continued since, Agno says ${agnoStatus}` : `continued ${continuedAt}`}`;
  return judgeBelow(facts.below, reason) ?? {state: 'ok', reason};
}

function waitsFor(facts: RunFacts): string | null {
  const {span, pending, pausedMembers, isAgno} = facts;
  const isAsked = isAskedPause(span);
  // What others write as the output of a run that waits is not known.
  if (pending.length > 0 && (isAsked || !isAgno)) return `waits for ${pending.map(callText).join(', ')}`;
  if (span.kind === 'workflow' && isAsked) {
    const step = /paused_step_name='([^']*)'/.exec(span.output!)?.[1];
    return step ? `waits for a person before step "${step}"` : 'waits for a person';
  }
  if (pausedMembers.length > 0 && (isAsked || !span.output || isHidden(span.output))) return membersText(pausedMembers);
  return isAsked ? 'waits for a person' : null;
}

const NAMED_MEMBERS = 4;

function membersText(members: readonly PausedMember[]): string {
  const named = members.slice(0, NAMED_MEMBERS).map(({name, waits}) => `${name} ${waits}`);
  const more = members.length - named.length;
  return [...named, ...(more > 0 ? [`${more} more wait`] : [])].join('; ');
}

function unseenPause({span}: RunFacts): string {
  return isHidden(span.output) ? 'waits, Agno says PAUSED; what it waits for is hidden' : 'waits, Agno says PAUSED';
}

function refusals({children}: Node): string[] {
  const refused = children.filter(isRefusedAtLimit).length;
  return refused === 0 ? [] : [`${refused} tool ${refused === 1 ? 'call' : 'calls'} refused at the tool call limit`];
}

function callText(call: ToolCall): string {
  return call.arguments && call.arguments.length <= 80 ? `${call.name}(${call.arguments})` : call.name;
}

/** Degraded: something below failed and the run went on. Null when nothing did. */
export function judgeBelow({texts, more}: Failures, then = ''): Judgement | null {
  if (texts.size === 0) return null;
  const list = [...texts].map(([text, count]) => (count > 1 ? `${text} ${count}×` : text));
  const failed = `${list.join(', ')}${more > 0 ? `, ${more} more` : ''}, went on`;
  return {state: 'degraded', reason: then === '' ? failed : `${failed}; ${then}`};
}

/** What belongs to be said of a run that ended, whatever failed in it. */
function storyOf({stoppedBy}: RunFacts, {continuedAt}: Evidence): string {
  return [
    ...(stoppedBy ? [stoppedText(stoppedBy)] : []),
    ...(continuedAt === null ? [] : [`continued ${continuedAt}`]),
  ].join('; ');
}

function stoppedText(tool: Span): string {
  const text = tool.statusMessage ? `: ${errorText(tool.statusMessage)}` : '';
  return `stopped by tool ${tool.toolName ?? tool.name}${text}`;
}

function judgeOk(facts: RunFacts, {agnoStatus, continuedAt}: Evidence): Judgement {
  const {node, span, calls, pending, pausedMembers, stoppedBy} = facts;
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
      : [isAnswerWithoutModel(node) ? withoutModel(facts, agnoStatus) : 'no model call is recorded'];
  const lost = pending.length > 0 ? [`a tool call has no span: ${pending.map(call => call.name).join(', ')}`] : [];
  const inside = pausedMembers.length > 0 ? [membersText(pausedMembers)] : [];
  const hidden = isHidden(span.output) ? ['outputs are hidden, so that a pause would not be seen'] : [];
  return ok([`${start}finished`, ...unseen, ...lost, ...refusals(node), ...inside, ...hidden].join('; '));
}

function withoutModel({writer}: RunFacts, agnoStatus: string | null): string {
  const text = 'the answer came without a model call';
  return writer === 'new' || agnoStatus !== null
    ? text
    : `${text}; in rows of instrumentors up to 1.0.3 a guard that blocked it looks the same`;
}

/** Its last own model call answered with words. */
function endsWithAnswer(last: Span | null): boolean {
  return last !== null && !isFailedCall(last) && last.toolCalls.length === 0 && answerOf(last) !== '';
}

/** All it said is what stood beside its last calls of tools: neither a result nor an answer came after. */
function endsInMiddle({span, last, stoppedBy}: RunFacts): boolean {
  if (!last || last.toolCalls.length === 0 || stoppedBy || !span.output || span.kind === 'workflow') return false;
  const said = answerOf(last);
  return said !== null && said !== '' && (isAnswerOf(last, span.output) || span.output.trim().endsWith(said));
}

/** So much of two texts is compared: what was read is only the beginning of a long one. */
const COMPARED = 400;

function isAnswerOf(call: Span, text: string | null): boolean {
  const [answer, said] = [answerOf(call), text?.trim() ?? ''];
  if (answer === null || said === '') return false;
  const length = Math.min(COMPARED, answer.length, said.length);
  return answer.slice(0, length) === said.slice(0, length) && (length === COMPARED || answer.length === said.length);
}

/**
 * The beginning of what a model call answered, '' when it said nothing, null when the stored form is not known. The
 * output is a list of messages, an object with one, or plain text (docs/agno.md, Spans by kind), and may be cut.
 */
function answerOf({output}: Span): string | null {
  const text = output?.trim() ?? '';
  if (text === '' || isHidden(text)) return text === '' ? '' : null;
  if (!/^[[{]/.test(text)) return text;
  const content = /"content": ?"((?:[^"\\]|\\.)*)/.exec(text)?.[1];
  if (content === undefined) return '';
  const whole = content.replace(/\\(u[0-9a-fA-F]{0,3})?$/, '');
  return String(parseJson(`"${whole}"`)?.value ?? whole).trim();
}

/** What a person is told of an error: its first line, and nothing where it is hidden. */
function errorText(text: string | null): string {
  if (isHidden(text?.trim() ?? null)) return 'its text is hidden';
  const line = (text ?? '').trim().split('\n', 1)[0]!;
  if (line === '') return 'no message';
  return line.length > 200 ? `${line.slice(0, 199)}…` : line;
}
