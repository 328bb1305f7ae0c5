import {KEY, textOf} from './attributes.ts';
import type {ShownRun} from './drawn-spans.ts';
import {digest, type Exchange, exchangeOf, type Media, type Said, Thread} from './exchange.ts';
import type {Kind} from './kind.ts';
import {isBeside} from './loose-parts.ts';
import {OpenCalls} from './open-calls.ts';
import type {Purpose} from './purpose.ts';
import type {JudgedRun} from './record.ts';
import {isRedacted} from './redacted.ts';
import {withoutSecrets} from './secrets.ts';
import type {Span} from './span.ts';
import {judgementOf} from './span-record.ts';
import type {Judgement} from './state.ts';
import type {State} from './states.ts';
import {isoTime} from './time.ts';
import {isFailedResult} from './told-calls.ts';
import type {ToolCall} from './tool-calls.ts';
import {displayName, isDelegation, isRunSpan, type Node} from './tree.ts';

/**
 * `run`, `step`: its beginning; `message`; `tool`: a call with its result; `note`: something that the reader must
 * know.
 */
export type EntryType = 'run' | 'step' | 'message' | 'tool' | 'note';

/** One entry of a transcript; values that do not apply to its type are null or empty. */
export interface Entry {
  readonly type: EntryType;
  /** 0: the run itself; entries of a member, a sub-agent or a step are deeper. */
  readonly depth: number;
  readonly runId: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly time: string | null;
  /** Whose conversation it is: the agent, team, workflow or step. */
  readonly who: string | null;
  readonly kind: Kind | null;
  /**
   * Of a message: `system`, `user`, `assistant`, `tool`; `input`, `output`: what a run was given or returned if no
   * message has it.
   */
  readonly role: string | null;
  readonly text: string | null;
  readonly reasoning: string | null;
  readonly media: readonly Media[];
  /** The tool calls that a message asks for; each is an entry of its own at the place where it ran. */
  readonly toolCalls: readonly ToolCall[];
  /** From an earlier run of the session. */
  readonly fromHistory: boolean;
  readonly model: string | null;
  /** The purpose of a model call that Agno makes besides the run's own: `memory`, `summary`, `parser`, … */
  readonly purpose: Purpose | null;
  readonly toolName: string | null;
  readonly toolCallId: string | null;
  readonly arguments: string | null;
  /** The tool's result; the error if it failed. */
  readonly result: string | null;
  /**
   * False: a model asked for it, and nothing shows that it ran. Null: its run was stopped there, maybe while it ran.
   */
  readonly ran: boolean | null;
  /**
   * What a person decided about a call that the run waited for, if no span shows it: `answered`: its result came from
   * outside.
   */
  readonly decided: 'rejected' | 'answered' | null;
  readonly state: State | null;
  readonly stateReason: string | null;
  readonly durationMs: number | null;
}

/** Keys of an entry in JSON. */
export const ENTRY_FIELDS = [
  ...['type', 'depth', 'runId', 'traceId', 'spanId', 'time', 'who', 'kind', 'role', 'text', 'reasoning', 'media'],
  ...['toolCalls', 'fromHistory', 'model', 'purpose', 'toolName', 'toolCallId', 'arguments', 'result', 'ran'],
  ...['decided', 'state', 'stateReason', 'durationMs'],
] as const satisfies readonly (keyof Entry)[];

/** What a transcript yields: its entries, and the ends of entries that contain others. */
export type TranscriptEvent =
  | {readonly type: 'entry'; readonly entry: Entry; readonly isTop: boolean; readonly hasInner: boolean}
  /** A call that contains other entries has returned. */
  | {readonly type: 'returned'; readonly entry: Entry};

interface TranscriptOptions {
  /** Include messages of earlier runs that the model was sent. */
  readonly history: boolean;
}

interface Talk {
  readonly thread: Thread;
  /** Calls that the model asked for and that have no answer yet. */
  readonly pending: OpenCalls<Pending>;
  /** Results that were shown with their calls, by the call's id. */
  readonly results: Map<string, string | null>;
}

interface Pending {
  readonly call: ToolCall;
  readonly spanId: string;
  /** A run waited for it. */
  hasWaited: boolean;
}

interface Frame {
  readonly node: Node;
  readonly rowDepth: number;
  /** Depth of the entries inside it. */
  readonly depth: number;
  readonly talk: Talk | null;
  readonly who: string | null;
  readonly runId: string | null;
  readonly span: Span | null;
  /** A tool with other entries inside, whose result comes after them. */
  readonly open: Entry | null;
  /** Its input, until a message has it. */
  input: string | null;
  readonly isTop: boolean;
}

/**
 * The conversation of a run in order of time, each message once (docs/design.md, Runs: a run, its members, its
 * steps). Push the rows of its parts in drawn order, each with its complete span. Keeps only fingerprints of the
 * messages, not their texts.
 */
export class Transcript {
  /** Number of texts that the instrumentor hid. */
  redacted = 0;
  private readonly talks = new Map<string, Talk>();
  private readonly told = new Set<string>();
  private frames: Frame[] = [];
  private events: TranscriptEvent[] = [];
  private judged: JudgedRun | null = null;
  /** Runs whose conversation continues in parts without their id. */
  private lastTop: Talk | null = null;
  private lastRunId: string | null = null;
  private isTied = false;

  constructor(private readonly options: TranscriptOptions) {}

  begin({judged, isTied}: ShownRun): void {
    this.judged = judged;
    this.isTied = isTied;
  }

  /**
   * One row of the current part.
   * @param span read whole; null: it is missing or deleted
   */
  push(node: Node, rowDepth: number, span: Span | null): TranscriptEvent[] {
    while (this.frames.length > 0 && this.frames.at(-1)!.rowDepth >= rowDepth) this.leave();
    this.enter(node, rowDepth, span);
    return this.events.splice(0);
  }

  /** The remaining entries of the current part. */
  end(): TranscriptEvent[] {
    while (this.frames.length > 0) this.leave();
    return this.events.splice(0);
  }

  private enter(node: Node, rowDepth: number, span: Span | null): void {
    const judged = this.judged!;
    const narrow = node.span;
    const isRoot = node === judged.run.root;
    // Surroundings have no entries, and only a ghost that is the run's root begins one.
    if (node.run === null || node.isPlumbing || (narrow === null && !isRoot)) return;
    const isContainer = narrow === null || isRunSpan(narrow) || narrow.kind === 'step' || narrow.kind === 'parallel';
    if (isContainer) this.enterRunOrStep(node, rowDepth, span, isRoot);
    else if (narrow.kind === 'llm') this.tellCall(node, rowDepth, span);
    // A span that users wrap around their own calls is not a call.
    else if (narrow.openInferenceKind !== null) this.tellTool(node, rowDepth, span);
  }

  private enterRunOrStep(node: Node, rowDepth: number, span: Span | null, isRoot: boolean): void {
    const narrow = node.span;
    const type = narrow && !isRunSpan(narrow) ? 'step' : 'run';
    const runId = narrow?.runId ?? (isRoot ? this.judged!.record.runId : this.top?.runId) ?? null;
    const who = narrow ? displayName(narrow) : this.judged!.record.name;
    const isTop = this.frames.length === 0 && type === 'run';
    const isInRun = this.top?.talk != null && this.top.open === null && type === 'run';
    const depth = isTop ? 0 : this.depth + (isInRun ? 1 : 0);
    const judgement = judgementOf(this.judged!, node);
    this.tell(
      this.entry({
        type,
        depth,
        runId,
        node,
        who,
        kind: narrow?.kind ?? this.judged!.record.kind,
        time: isoTime(narrow?.startMicros ?? this.judged!.run.startMicros),
        state: judgement?.state ?? null,
        stateReason: judgement?.reason || null,
        durationMs: narrow?.durationMs ?? null,
      }),
      {isTop, hasInner: true},
    );
    const talk = type === 'run' ? this.talkOf(runId ?? node.id) : null;
    if (isTop && talk) {
      this.lastTop = talk;
      this.lastRunId = runId;
    }
    this.frames.push({
      node,
      rowDepth,
      depth: type === 'step' ? depth + 1 : depth,
      talk,
      who,
      runId,
      span,
      open: null,
      input: type === 'run' ? this.textOf(span, KEY.input) : null,
      isTop,
    });
  }

  /** A model call: what it added to the conversation, and its answer. */
  private tellCall(node: Node, rowDepth: number, span: Span | null): void {
    const talk = this.talk(node);
    // Only the outermost of nested calls: the inner one repeats it (docs/agno.md, Topology).
    if (node.parent?.span?.kind === 'llm') return;
    if (!span?.attributes) {
      this.note(node, 'the span of a model call is missing');
      return;
    }
    const exchange = exchangeOf(span.attributes);
    const {added, isLost} = talk.thread.take(exchange);
    if (isLost) for (const text of exchange.notes) this.note(node, text);
    this.tellSent(node, span, talk, added);
    this.tellAnswers(node, span, talk, exchange);
    const judgement = judgementOf(this.judged!, node);
    if (judgement && (judgement.state === 'error' || judgement.state === 'cancelled'))
      this.note(
        node,
        `model call ${judgement.state === 'error' ? 'failed' : 'cancelled'}: ${judgement.reason}`,
        judgement.state,
      );
    this.frames.push({...this.plainFrame(node, rowDepth, span), talk});
  }

  private tellSent(node: Node, span: Span, talk: Talk, added: readonly Said[]): void {
    const hidden = this.options.history ? 0 : added.filter(said => said.fromHistory).length;
    if (hidden > 0) {
      const messages = `${hidden} ${hidden === 1 ? 'message' : 'messages'}`;
      this.note(node, `${messages} from earlier runs of the session, also sent to the model, are hidden (--history)`);
    }
    this.clearInputs(added);
    for (const said of added) {
      if (said.fromHistory && !this.options.history) continue;
      if (said.role === 'tool' && this.isToldResult(talk, said)) continue;
      if (said.role === 'tool' && this.answersPending(node, talk, said)) continue;
      if (said.role !== 'system') this.tellInputs();
      this.message(node, said, isoTime(span.startMicros), null);
    }
  }

  private tellAnswers(node: Node, span: Span, talk: Talk, {answered}: Exchange): void {
    for (const said of answered) {
      const isEmpty =
        said.text.trim() === '' && said.reasoning === null && said.media.length + said.toolCalls.length === 0;
      if (!isEmpty) {
        this.tellInputs();
        const role = said.role === 'output' ? 'assistant' : said.role;
        this.message(node, {...said, role}, isoTime(span.endMicros), span);
      }
      for (const call of said.toolCalls) talk.pending.add({call, spanId: node.id, hasWaited: false});
    }
  }

  private tellTool(node: Node, rowDepth: number, span: Span | null): void {
    const narrow = node.span!;
    const talk = this.topTalk();
    const name = displayName(narrow);
    const asked = this.textOf(span, KEY.toolParameters) ?? this.textOf(span, KEY.input) ?? narrow.toolArguments;
    const result = this.textOf(span, KEY.output) ?? narrow.output;
    const judgement = judgementOf(this.judged!, node);
    const isFailed = judgement?.state === 'error';
    const callId = talk ? takePending(talk, name, asked) : null;
    if (talk && callId !== null) talk.results.set(callId, result);
    this.tellInputs();
    const hasInner = node.children.some(child => !child.isDetached && !child.isPlumbing);
    const entry = this.entry({
      type: 'tool',
      depth: this.depth,
      node,
      kind: narrow.kind,
      time: isoTime(narrow.startMicros),
      toolName: name,
      toolCallId: callId,
      arguments: asked,
      result: isFailed ? (result ?? span?.statusMessage ?? narrow.statusMessage) : result,
      ran: true,
      state: judgement?.state ?? null,
      stateReason: judgement?.reason || null,
      durationMs: narrow.durationMs,
    });
    this.tell(entry, {isTop: false, hasInner});
    // The model calls in a tool are a conversation of their own; a member's answer belongs to the member.
    const ownTalk = hasInner && !isDelegation(narrow) ? this.talkOf(node.id) : null;
    this.frames.push({
      ...this.plainFrame(node, rowDepth, span),
      depth: this.depth + 1,
      talk: ownTalk,
      open: hasInner ? entry : null,
    });
    if (!hasInner && result !== null) this.told.add(digest(result.trim()));
  }

  private leave(): void {
    const frame = this.frames.at(-1)!;
    const {node, open} = frame;
    if (frame.talk && node.span?.kind !== 'llm') this.tellUnanswered(frame, frame.talk);
    if (open) {
      this.frames.pop();
      this.events.push({type: 'returned', entry: this.wasTold(open.result) ? {...open, result: null} : open});
      if (open.result !== null) this.told.add(digest(open.result.trim()));
      return;
    }
    const isContainer =
      node.span === null || isRunSpan(node.span) || node.span.kind === 'step' || node.span.kind === 'parallel';
    if (isContainer) this.tellEnd(frame);
    this.frames.pop();
  }

  /** What a run or a step returned, if no message has it; how a run ended, unless it simply finished. */
  private tellEnd({node, span, isTop}: Frame): void {
    this.tellInputs();
    const judgement = judgementOf(this.judged!, node);
    const said = this.textOf(span, KEY.output);
    // Up to 1.0.3 a failed run gives the cause in its output.
    const output = said !== null && judgement?.state === 'error' ? withoutSecrets(said) : said;
    if (output !== null && output.trim() !== '' && !this.wasTold(output)) {
      this.told.add(digest(output.trim()));
      this.message(node, {...NOTHING, role: 'output', text: output}, isoTime(node.span?.endMicros ?? null), null);
    }
    const isRun = node.span === null || isRunSpan(node.span);
    if (!judgement || (!isRun && judgement.state !== 'error')) return;
    const {state, reason} = judgement;
    // A part that waited and continued is "ok" by now, but its reason mentions the pause.
    const isPause = state === 'paused' || reason.includes('paused, ');
    const word = isPause && state === 'ok' ? 'paused' : state;
    if (state !== 'ok' || (isTop && isPause)) this.note(node, `${word}: ${reason.replace(/^paused, /, '')}`, state);
  }

  /** Calls without a result. If the run waits, they are shown when it continues. */
  private tellUnanswered({node}: Frame, talk: Talk): void {
    const judgement = judgementOf(this.judged!, node);
    const waits = judgement !== null && (judgement.state === 'paused' || judgement.reason.includes('paused, '));
    for (const pending of talk.pending) {
      if (waits) pending.hasWaited = true;
      else {
        talk.pending.delete(pending);
        this.tellCallWithoutSpan(node, pending, null, judgement);
      }
    }
  }

  private tellCallWithoutSpan(
    node: Node,
    {call, spanId, hasWaited}: Pending,
    result: Pick<Said, 'text' | 'failed'> | null,
    ended: Judgement | null = null,
  ): void {
    const isStopped = ended?.state === 'cancelled';
    const decided = hasWaited && result !== null ? decisionOf(result) : null;
    const isFailed = result !== null && decided === null && isFailedResult(result);
    const entry = this.entry({
      type: 'tool',
      depth: this.depth,
      node,
      toolName: call.name,
      toolCallId: call.callId,
      arguments: call.arguments,
      result: result?.text ?? null,
      // A refused call never ran; how far a call without a span came before it failed is unknown.
      ran: isStopped ? null : result !== null && !isFailed && decided !== 'rejected',
      decided,
      state: isFailed ? 'error' : isStopped ? 'cancelled' : null,
      stateReason: isFailed
        ? 'a tool call without a span: the next model call says that it failed'
        : isStopped
          ? ended.reason
          : null,
    });
    this.tell({...entry, spanId}, {isTop: false, hasInner: false});
  }

  /**
   * The result was already shown with its call; if the model was sent a shorter or different one, that is a message.
   */
  private isToldResult(talk: Talk, {toolCallId, text}: Said): boolean {
    if (toolCallId === null || !talk.results.has(toolCallId)) return false;
    const told = (talk.results.get(toolCallId) ?? '').trim();
    return told === text.trim() || told === withoutSecrets(text).trim();
  }

  /** Shows a call without a span that ran: its result is in the next messages that the model was sent. */
  private answersPending(node: Node, talk: Talk, {toolCallId, text, failed}: Said): boolean {
    const pending = toolCallId === null ? undefined : talk.pending.withId(toolCallId);
    if (!pending) return false;
    talk.pending.delete(pending);
    this.tellCallWithoutSpan(node, pending, {text, failed});
    talk.results.set(toolCallId!, text);
    return true;
  }

  /** Clears the inputs of the surrounding runs that one of these messages contains. */
  private clearInputs(added: readonly Said[]): void {
    for (const frame of this.frames) {
      const input = frame.input?.trim();
      if (input !== undefined && added.some(said => said.role !== 'system' && said.text.includes(input)))
        frame.input = null;
    }
  }

  /** Shows the inputs of the surrounding runs that no message has contained so far. */
  private tellInputs(): void {
    const all = this.frames;
    for (const [i, frame] of all.entries()) {
      const input = frame.input?.trim() ?? '';
      frame.input = null;
      if (input === '' || this.wasTold(input)) continue;
      this.frames = all.slice(0, i + 1);
      const time = isoTime(frame.node.span?.startMicros ?? null);
      this.message(frame.node, {...NOTHING, role: 'input', text: input}, time, null);
    }
    this.frames = all;
  }

  private message(node: Node, said: Said, time: string | null, call: Span | null): void {
    if (said.text.trim() !== '') this.told.add(digest(said.text.trim()));
    const entry = this.entry({
      type: 'message',
      depth: this.depth,
      node,
      time,
      role: said.role,
      text: this.counted(said.text),
      reasoning: said.reasoning,
      media: said.media,
      toolCalls: said.toolCalls,
      fromHistory: said.fromHistory,
      toolCallId: said.toolCallId,
      model: call?.model ?? null,
      purpose: node.span?.purpose ?? null,
      durationMs: call?.durationMs ?? null,
    });
    this.tell(entry, {isTop: false, hasInner: false});
  }

  private note(node: Node, text: string, state: State | null = null): void {
    this.tell(this.entry({type: 'note', depth: this.depth, node, text, state}), {isTop: false, hasInner: false});
  }

  private tell(entry: Entry, {isTop, hasInner}: {isTop: boolean; hasInner: boolean}): void {
    this.events.push({type: 'entry', entry, isTop, hasInner});
  }

  private entry({node, ...own}: Partial<Entry> & Pick<Entry, 'type' | 'depth'> & {node: Node}): Entry {
    return {
      ...EMPTY,
      runId: this.top?.runId ?? (this.isTied ? this.lastRunId : null),
      who: this.top?.who ?? null,
      traceId: node.traceId,
      spanId: node.id,
      ...own,
    };
  }

  private get top(): Frame | undefined {
    return this.frames.at(-1);
  }

  private get depth(): number {
    return this.top?.depth ?? 0;
  }

  private plainFrame(node: Node, rowDepth: number, span: Span | null): Frame {
    return {
      node,
      rowDepth,
      depth: this.depth,
      talk: null,
      who: this.top?.who ?? null,
      runId: this.top?.runId ?? this.judged!.record.runId,
      span,
      open: null,
      input: null,
      isTop: false,
    };
  }

  /** The conversation that a model call or a tool belongs to: that of the nearest run or tool around it. */
  private topTalk(): Talk | null {
    for (let i = this.frames.length - 1; i >= 0; i--) if (this.frames[i]!.talk) return this.frames[i]!.talk;
    if (!this.isTied) return null;
    // Messages of Agno's memory manager and the like are not part of the run's own conversation.
    return isBeside(this.judged!.run) ? this.talkOf(`beside ${this.lastRunId}`) : this.lastTop;
  }

  private talk(node: Node): Talk {
    return this.topTalk() ?? this.talkOf(node.id);
  }

  private talkOf(key: string): Talk {
    const known = this.talks.get(key);
    if (known) return known;
    const talk: Talk = {thread: new Thread(), pending: new OpenCalls(), results: new Map()};
    this.talks.set(key, talk);
    return talk;
  }

  private wasTold(text: string | null): boolean {
    return text !== null && this.told.has(digest(text.trim()));
  }

  private textOf(span: Span | null, key: string): string | null {
    const text = span?.attributes ? textOf(span.attributes, key) : null;
    return text === null ? null : this.counted(text);
  }

  private counted(text: string): string {
    if (isRedacted(text)) this.redacted++;
    return text;
  }
}

const NOTHING: Said = {
  role: '',
  text: '',
  reasoning: null,
  media: [],
  toolCalls: [],
  toolCallId: null,
  failed: null,
  fromHistory: false,
};

const EMPTY: Omit<Entry, 'type' | 'depth' | 'traceId' | 'spanId'> = {
  runId: null,
  time: null,
  who: null,
  kind: null,
  role: null,
  text: null,
  reasoning: null,
  media: [],
  toolCalls: [],
  fromHistory: false,
  model: null,
  purpose: null,
  toolName: null,
  toolCallId: null,
  arguments: null,
  result: null,
  ran: null,
  decided: null,
  state: null,
  stateReason: null,
  durationMs: null,
};

/**
 * The decision about a call that a run waited for and that left no span. Agno marks the words of a rejection as an
 * error; its own texts for calls that reached no tool are not a person's. Messages before Agno 3 have no mark: then
 * both are answers from outside.
 */
function decisionOf({text, failed}: Pick<Said, 'text' | 'failed'>): Entry['decided'] {
  if (isFailedResult({failed: null, text})) return null;
  return failed === true ? 'rejected' : 'answered';
}

/**
 * Takes the call that a tool span answers: the one with its name and arguments, or else with its name. Returns its
 * id, or null if it has none.
 */
function takePending(talk: Talk, name: string, asked: string | null): string | null {
  const found = talk.pending.answeredBy(name, asked);
  if (!found) return null;
  talk.pending.delete(found);
  return found.call.callId;
}
