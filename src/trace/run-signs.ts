import {append} from '../lists.ts';
import {isFailedCall} from './model-call.ts';
import type {Span} from './span.ts';
import type {State} from './states.ts';
import type {ToolCall} from './tool-calls.ts';
import {isDelegation, isRunSpan, type Node, startOf} from './tree.ts';
import type {Writer} from './writer.ts';

/** The facts about a run span that the rules use. */
export interface RunSigns {
  readonly node: Node;
  readonly span: Span;
  /** Agno's instrumentor wrote it, so the rules apply; for other writers a missing output means nothing. */
  readonly isAgno: boolean;
  /** Up to 1.0.3 failures are stored like successes. Null: unknown, or not needed. */
  readonly writer: Writer | null;
  /** The run's own model calls in order, without those of members and tools. */
  readonly calls: readonly Span[];
  readonly last: Span | null;
  /** One of its own calls ended with words instead of tool calls. */
  readonly hasAnswer: boolean;
  /** Tool calls of the last answer without a tool span after it. */
  readonly pending: readonly ToolCall[];
  /** Tool spans that the last answer asked for, in order. */
  readonly tools: readonly Span[];
  /** Runs directly below that began after the last answer. */
  readonly members: readonly InnerRun[];
  /** The tool that ended the run with StopAgentRun, if any. */
  readonly stoppedBy: Span | null;
  /** A step directly below whose stream was not read to its end. */
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

/** What failed below a node: the topmost failure of each branch; the first ones are kept, all are counted. */
export interface Failures {
  readonly texts: ReadonlyMap<string, number>;
  readonly more: number;
}

/** Collects the facts about a run span that the rules use. */
export function readSigns(
  node: Node,
  around: Pick<RunSigns, 'writer' | 'below' | 'pausedMembers'> & {stateOf(inner: Node): State},
): RunSigns {
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
 * The tool that ended its run with StopAgentRun: its span failed without a result (a tool that merely fails has one),
 * and the model was not called again.
 */
function stopperOf(run: Span, last: Span | null, tools: readonly Span[]): Span | null {
  const tool = tools.at(-1);
  if (!last || last.toolCalls.length === 0 || !tool || run.spanStatus === 'ERROR') return null;
  return tool.spanStatus === 'ERROR' && !tool.hasOutput ? tool : null;
}

function isOpenStep(span: Span | null): boolean {
  return (span?.kind === 'step' || span?.kind === 'parallel') && span.spanStatus === 'UNSET' && !span.hasOutput;
}

/** Tool calls after which no tool span of that name follows; each span answers one call. */
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
