import {append} from '../lists.ts';
import type {Work} from '../turns.ts';
import type {Details, SentResult} from './details.ts';
import {kindOf} from './kind.ts';
import {OpenCalls} from './open-calls.ts';
import type {Span} from './span.ts';
import type {ToolCall} from './tool-calls.ts';
import {byStart, endOf, type Forest, isRunSpan, type Node, startOf} from './tree.ts';

/*
 * Tool calls that left no span: refused at a limit, of tools that do not exist, with arguments that are not JSON, and
 * failed ones of old instrumentors (docs/agno.md, Calls without a span). A model asked for them, and the next model
 * call of the same conversation was sent their result.
 */

/** A call that a model asked for and that no span has answered. */
interface Asked {
  readonly by: Node;
  readonly call: ToolCall;
  /** Later model calls that did not contain its result. */
  missed: number;
}

/** How many later model calls may be about something else, such as a memory manager's. */
const MOST_MISSED = 3;
/** Calls between two yields. */
const AT_ONCE = 500;

/**
 * Adds a node for each tool call without a span whose result a later model call was sent, beside the model call that
 * asked for it.
 * @param unclear receives the ids of model calls whose complete rows would have the results
 */
export function* tellCalls({nodes}: Forest, details: ReadonlyMap<string, Details>, unclear: Set<string>): Work<void> {
  const told: Node[] = [];
  for (const owner of nodes.values()) {
    if (!isOwner(owner) || owner.children.length < 2) continue;
    append(told, yield* callsWithoutSpan(owner, details, unclear));
  }
  const parents = new Set<Node>();
  for (const node of told) {
    node.parent!.children.push(node);
    parents.add(node.parent!);
  }
  for (const parent of parents) parent.children.sort(byStart);
}

/** Nodes that may have a conversation with a model; a ghost is a run that is not written yet. */
function isOwner({span}: Node): boolean {
  return span === null || isRunSpan(span) || span.kind === 'step' || span.openInferenceKind === 'TOOL';
}

function* callsWithoutSpan(owner: Node, details: ReadonlyMap<string, Details>, unclear: Set<string>): Work<Node[]> {
  const told: Node[] = [];
  const open = new OpenCalls<Asked>();
  /** Spans of calls that match no open call by name: a span may have another name than its tool. */
  let strays = 0;
  for (const [i, node] of owner.children.entries()) {
    if (i % AT_ONCE === AT_ONCE - 1) yield;
    const span = node.span;
    if (!span || node.isOwnerUnknown) continue;
    if (span.openInferenceKind === 'TOOL') {
      const answered = open.answeredBy(span.toolName ?? span.name, span.toolArguments);
      if (answered) open.delete(answered);
      else strays++;
    }
    if (span.kind !== 'llm') continue;
    for (const asked of open) {
      if (strays-- <= 0) break;
      open.delete(asked);
    }
    strays = 0;
    // Only calls whose model call ended before this one began: this one cannot have been sent the results of others.
    const before = [...open].filter(({by}) => (endOf(by) ?? Number.POSITIVE_INFINITY) <= startOf(node));
    if (before.length > 0) {
      const known = details.get(node.id);
      if (known === undefined) unclear.add(node.id);
      const results = new Map((known?.results ?? []).map(result => [result.callId, result]));
      for (const asked of before) {
        const result = asked.call.callId === null ? undefined : results.get(asked.call.callId);
        if (result) told.push(toldCall(asked, result));
        if (result || ++asked.missed === MOST_MISSED) open.delete(asked);
      }
    }
    for (const call of span.toolCalls) open.add({by: node, call, missed: 0});
  }
  return told;
}

/** A node without a span; `told` has the known facts in the form of a span. */
function toldCall({by, call}: Asked, result: SentResult): Node {
  const asking = by.span!;
  const isFailed = isFailedResult(result);
  const told: Span = {
    ...asking,
    name: call.name,
    otelKind: '',
    openInferenceKind: 'TOOL',
    kind: kindOf({openInferenceKind: 'TOOL', otelKind: '', name: call.name, has: () => false}),
    spanStatus: isFailed ? 'ERROR' : 'UNSET',
    statusMessage: isFailed ? result.text : null,
    startMicros: asking.endMicros,
    endMicros: null,
    durationMs: null,
    storedMs: null,
    nodeId: null,
    parentNodeId: null,
    componentName: null,
    steps: [],
    toolName: call.name,
    toolArguments: call.arguments,
    model: null,
    provider: null,
    system: null,
    promptTokens: null,
    completionTokens: null,
    cachedTokens: null,
    cacheWriteTokens: null,
    audioPromptTokens: null,
    audioCompletionTokens: null,
    reasoningTokens: null,
    totalTokens: null,
    costUsd: null,
    costSource: null,
    costDate: null,
    savedUsd: null,
    toolCalls: [],
    hasOutput: !isFailed,
    output: isFailed ? null : result.text,
    http: null,
    problems: [],
    attributes: null,
  };
  return {
    id: `${by.id}/${call.callId}`,
    traceId: by.traceId,
    span: null,
    told,
    parent: by.parent,
    children: [],
    run: by.run,
    isDetached: false,
    isOwnerUnknown: false,
    isPlumbing: false,
    isCycleCut: false,
  };
}

/**
 * Agno's words for calls that reached no tool (agno/models/base.py, agno/utils/functions.py), and Python's names of
 * exceptions.
 */
const FAILED_RESULT =
  /^(?:Tool call limit reached\.|Error: The requested tool does not exist|Error while (?:decoding|parsing) function arguments:|Function arguments are not a valid JSON object|Could not find function |Error: (?:Function|Tool) |[A-Za-z_.]*(?:Error|Exception): )/;

const AT_LIMIT = /^Tool call limit reached\./;

/** Refused because the run had made its maximum number of calls. Somebody set that limit; nothing went wrong. */
export function isRefusedAtLimit({told}: Node): boolean {
  return told !== null && AT_LIMIT.test(told.statusMessage ?? '');
}

/**
 * Decided by the message's own mark, or else by its text: older messages, and those of calls that reached no tool,
 * have no mark.
 */
export function isFailedResult({failed, text}: Pick<SentResult, 'failed' | 'text'>): boolean {
  return failed ?? FAILED_RESULT.test(text);
}
