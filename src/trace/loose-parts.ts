import {largest} from '../lists.ts';
import {parseJson, printable} from './json.ts';
import {messagesOf} from './messages.ts';
import type {JudgedRun} from './record.ts';
import type {Run} from './runs.ts';
import type {Span} from './span.ts';
import type {ToolCall} from './tool-calls.ts';
import {type Node, walk} from './tree.ts';

/** A loose part that may continue a paused run: the judged part, and its complete top span. */
export interface LooseCandidate {
  readonly judged: JudgedRun;
  readonly top: Span;
}

/**
 * Finds the parts that continued a paused run but have no id of it. Agno 2 writes every resumed tool and model call
 * as a trace of its own, and both versions every remaining step of a workflow (docs/agno.md, Pauses). A part that
 * cannot be tied stays a loose part.
 * @param asking complete rows: a workflow's own span, or the model calls that asked for tools, as arguments must
 * match exactly
 * @param candidates loose parts that began after the pause, oldest first
 */
export function tieLooseParts(
  paused: Run,
  asking: readonly Span[],
  candidates: readonly LooseCandidate[],
): JudgedRun[] {
  const after = candidates.filter(({top}) => (top.startMicros ?? 0) >= (paused.endMicros ?? Number.POSITIVE_INFINITY));
  return paused.kind === 'workflow' ? tieSteps(paused, asking[0] ?? null, after) : tieCalls(asking, after);
}

/**
 * Ties model calls by the id of a tool call whose result they were sent; tools by name, arguments and the result that
 * such a model call was sent.
 */
function tieCalls(asking: readonly Span[], candidates: readonly LooseCandidate[]): JudgedRun[] {
  const asked = new Map<string, ToolCall>();
  const learn = (span: Span) => {
    for (const call of span.toolCalls) if (call.callId !== null) asked.set(call.callId, call);
  };
  for (const span of asking) learn(span);
  const tied = new Set<JudgedRun>();
  const results: {call: ToolCall; result: string}[] = [];
  for (const {judged, top} of candidates) {
    if (top.kind !== 'llm' || !top.attributes) continue;
    const answered = messagesOf(top.attributes, 'input').messages.filter(
      message => message.toolCallId !== null && asked.has(message.toolCallId),
    );
    if (answered.length === 0) continue;
    tied.add(judged);
    learn(top);
    for (const message of answered)
      results.push({call: asked.get(message.toolCallId!)!, result: message.content.join('\n')});
  }
  for (const {judged, top} of candidates) {
    if (top.openInferenceKind !== 'TOOL') continue;
    const at = results.findIndex(
      ({call, result}) =>
        call.name === (top.toolName ?? top.name) &&
        sameJson(call.arguments, top.toolArguments) &&
        isResult(result, top.output),
    );
    if (at < 0) continue;
    results.splice(at, 1);
    tied.add(judged);
  }
  return candidates.map(({judged}) => judged).filter(judged => tied.has(judged));
}

/** When a run was at work, and what it was asked. */
export interface AskedRun {
  readonly startMicros: number;
  readonly endMicros: number | null;
  readonly input: string;
}

/**
 * Ties work that Agno did beside a run in threads of its own: model calls for one of Agno's own purposes
 * (`purpose.ts`) that began while the run was at work and were sent its input, and the tools that these calls asked
 * for, by name and arguments.
 * @param runs the run's own agents and teams
 * @param others those of other runs: a call that one of them may have made is tied to neither
 */
export function tieWorkBeside(
  runs: readonly AskedRun[],
  others: readonly AskedRun[],
  candidates: readonly LooseCandidate[],
): JudgedRun[] {
  const tied = new Set<JudgedRun>();
  const open: {readonly call: ToolCall; readonly endMicros: number}[] = [];
  for (const {judged, top} of candidates) {
    const {startMicros: began} = top;
    if (top.kind !== 'llm' || top.purpose === null || !top.attributes || began === null) continue;
    const sent = messagesOf(top.attributes, 'input').messages.filter(({role}) => role === 'user');
    const texts = new Set(sent.map(({content}) => content.join('\n').trim()));
    const asks = ({startMicros, endMicros, input}: AskedRun) =>
      began >= startMicros && (endMicros === null || began <= endMicros) && texts.has(input.trim());
    if (!runs.some(asks) || others.some(asks)) continue;
    tied.add(judged);
    for (const call of top.toolCalls) open.push({call, endMicros: top.endMicros ?? 0});
  }
  for (const {judged, top} of candidates) {
    if (top.openInferenceKind !== 'TOOL') continue;
    const at = open.findIndex(
      ({call, endMicros}) =>
        call.name === (top.toolName ?? top.name) &&
        endMicros <= (top.startMicros ?? 0) &&
        sameJson(call.arguments, top.toolArguments),
    );
    if (at < 0) continue;
    open.splice(at, 1);
    tied.add(judged);
  }
  return candidates.map(({judged}) => judged).filter(judged => tied.has(judged));
}

/** A loose part of work that Agno did beside a run, as opposed to a continuation. */
export function isBeside({root: {span}}: Pick<Run, 'root'>): boolean {
  return span !== null && (span.purpose !== null || span.kind === 'memory');
}

/** Whether two JSON texts have the same meaning, whatever the order of their keys. */
function sameJson(a: string | null, b: string | null): boolean {
  if (a === b) return true;
  const [left, right] = [a, b].map(text => {
    const value = text === null ? null : (parseJson(text)?.value ?? text);
    // Too deep for JSON.stringify: then only identical texts are equal.
    return printable(value) === value ? JSON.stringify(sorted(value)) : text;
  });
  return left === right;
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value ?? {};
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** The model is sent the result itself, or only its beginning if Agno shortens it. */
function isResult(sent: string, output: string | null): boolean {
  const [a, b] = [sent.trim(), (output ?? '').trim()];
  return a === b || (b.length > 200 && a.includes(b.slice(0, 100)));
}

/** Containers whose inner steps the workflow's own span does not name (docs/agno.md, Pauses). */
const CONTAINERS: ReadonlySet<string> = new Set(['Router', 'Condition', 'Loop', 'Parallel', 'Steps']);

/** It may run steps that it does not declare. */
export function hidesSteps(workflow: Span): boolean {
  return workflow.stepTypes.some(type => CONTAINERS.has(type));
}

/**
 * Ties steps by the names that the workflow declares and by their input: the previous step's output, the workflow's
 * input if no step had one before, or the session. Inside a container any name is accepted.
 * @param own the workflow's own span, read whole
 */
function tieSteps(paused: Run, own: Span | null, candidates: readonly LooseCandidate[]): JudgedRun[] {
  const root = paused.root.span!;
  const done = paused.root.children.flatMap(child =>
    child.span?.kind === 'step' || child.span?.kind === 'parallel' ? child.span : [],
  );
  let next = indexAfter(root.steps, done);
  const tied: JudgedRun[] = [];
  const given = own?.attributes?.['input.value'];
  let handed = done.findLast(span => span.output !== null)?.output ?? (typeof given === 'string' ? given : null);
  for (const {judged, top} of candidates) {
    const name = top.componentName;
    if (top.openInferenceKind !== 'CHAIN' || name === null) continue;
    const at = root.steps.indexOf(name, next);
    const isInside = at < 0 && root.stepTypes.slice(next).some(type => CONTAINERS.has(type));
    if (at < 0 && !isInside) continue;
    const session = sessionInside(judged.run.root);
    const belongs = session === null ? isHandedOn(handed, top) : session === paused.sessionId;
    if (!belongs) continue;
    tied.push(judged);
    handed = judged.run.root.span!.output ?? handed;
    next = at < 0 ? next : at + 1;
  }
  return tied;
}

function indexAfter(steps: readonly string[], done: readonly Span[]): number {
  return Math.max(-1, largest(done.map(span => steps.lastIndexOf(span.componentName ?? '')))) + 1;
}

function sessionInside(root: Node): string | null {
  for (const node of walk([root])) if (node.span?.sessionId) return node.span.sessionId;
  return null;
}

/** `handed` is a preview of the previous step's output, head and tail; the step's own input is complete. */
function isHandedOn(handed: string | null, top: Span): boolean {
  const input = top.attributes?.['input.value'];
  if (handed === null || typeof input !== 'string') return false;
  const pieces = handed.split('…');
  return input === handed || (pieces.length > 1 && input.startsWith(pieces[0]!) && input.endsWith(pieces.at(-1)!));
}
