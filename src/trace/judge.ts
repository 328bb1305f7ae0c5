import {finish, type Work} from '../turns.ts';
import {isFailedCall, isStoppedCall} from './model-call.ts';
import {type Failures, type PausedMember, type RunSigns, readSigns} from './run-signs.ts';
import type {JudgingClock, Run} from './runs.ts';
import {withoutSecrets} from './secrets.ts';
import type {Span} from './span.ts';
import {type Evidence, type Judgement, judgeBelow, judgeRunSpan, NO_EVIDENCE} from './state.ts';
import type {State} from './states.ts';
import {isRefusedAtLimit} from './told-calls.ts';
import {errorOf, isFailedTool} from './tool-failure.ts';
import {displayName, isRunSpan, type Node, walk} from './tree.ts';
import type {Writer} from './writer.ts';

interface Judged {
  judgement: Judgement;
  below: Failures;
  /** What this node adds to the failures of its parent; null: nothing. */
  failure: string | null;
  /** Waiting runs in this subtree, the topmost of each branch. */
  paused: readonly PausedMember[];
}

const NO_FAILURES: Failures = {texts: new Map(), more: 0};
const KEPT_FAILURES = 4;
/** Spans between two yields. */
const AT_ONCE = 500;

/**
 * Judges the runs and spans of one trace, because neither version's stored status is reliable (docs/agno.md, Stored
 * status). Agno's own status of a run decides if the spans do not, or if it says that a run that looks finished was
 * cancelled or is waiting; any other contradiction is only named.
 */
export class Judge {
  private readonly judged = new Map<Node, Judged>();

  /** @param writer who wrote the trace, if a run's state depends on it */
  constructor(
    tops: readonly Node[],
    private readonly writer: Writer | null = null,
  ) {
    finish(this.judgeAll(tops));
  }

  static *judging(tops: readonly Node[], writer: Writer | null): Work<Judge> {
    const judge = new Judge([], writer);
    yield* judge.judgeAll(tops);
    return judge;
  }

  private *judgeAll(tops: readonly Node[]): Work<void> {
    // Children first, each node once: a chain of 10,000 runs must cost 10,000 steps.
    for (const [i, node] of walk(tops).reverse().entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) yield;
      this.judged.set(node, this.judge(node));
    }
  }

  run(run: Run, evidence: Evidence, clock: JudgingClock): Judgement {
    if (run.isMissing) return judgeUnfinished(run, clock);
    if (run.isPart) return withReason(this.node(run.root)!, 'finished outside a run');
    const {root} = run;
    const signs = this.gather(root, this.judged.get(root)!.below, this.pausedBelow(insideOf(root)));
    const judged = judgeRunSpan(signs, evidence);
    return {state: judged.state, reason: withoutSecrets(withContradiction(judged, evidence))};
  }

  /** Null for a ghost, about which nothing is known. */
  node(node: Node): Judgement | null {
    return node.span || node.told ? this.judged.get(node)!.judgement : null;
  }

  /** Waiting member runs below, by run id: a continuation of one of them continues this run. */
  pausedRunIds(run: Run): string[] {
    const ids: string[] = [];
    for (const node of walk(run.tops, child => child.isDetached && child !== run.root)) {
      const span = node.span;
      if (span?.runId && isRunSpan(span) && this.judged.get(node)!.judgement.state === 'paused') ids.push(span.runId);
    }
    return ids;
  }

  private judge(node: Node): Judged {
    const inside = insideOf(node);
    const below = inside.length === 0 ? NO_FAILURES : this.collect(inside);
    const paused = this.pausedBelow(inside);
    const span = node.span ?? node.told;
    if (!span) return {judgement: UNKNOWN, below, failure: null, paused};
    if (isRunSpan(span)) {
      const signs = withoutStopper(this.gather(node, below, paused));
      const {state, reason} = judgeRunSpan(signs, NO_EVIDENCE);
      const judgement = {state, reason: withoutSecrets(reason)};
      const verb = judgement.state === 'error' ? 'failed' : judgement.state === 'cancelled' ? 'was cancelled' : null;
      return {
        judgement,
        below: signs.below,
        failure: verb && `${displayName(span)} ${verb}`,
        paused: judgement.state === 'paused' ? [{name: displayName(span), waits: judgement.reason}] : [],
      };
    }
    const own = judgeOwn(span, statusCodeBelow(node));
    return {
      judgement: own?.judgement ?? judgeBelow(below) ?? {state: 'ok', reason: ''},
      below,
      failure: isRefusedAtLimit(node) ? null : (own?.failure ?? null),
      paused,
    };
  }

  private gather(node: Node, below: Failures, pausedMembers: readonly PausedMember[]): RunSigns {
    const stateOf = (inner: Node) => this.judged.get(inner)!.judgement.state;
    return readSigns(node, {writer: this.writer, below, pausedMembers, stateOf});
  }

  private collect(children: readonly Node[]): Failures {
    const texts = new Map<string, number>();
    let more = 0;
    const add = (text: string, count: number) => {
      if (texts.has(text) || texts.size < KEPT_FAILURES) texts.set(text, (texts.get(text) ?? 0) + count);
      else more += count;
    };
    for (const child of children) {
      const {failure, below} = this.judged.get(child)!;
      if (failure !== null) add(failure, 1);
      else {
        for (const [text, count] of below.texts) add(text, count);
        more += below.more;
      }
    }
    return {texts, more};
  }

  private pausedBelow(inside: readonly Node[]): readonly PausedMember[] {
    const paused = inside.map(child => this.judged.get(child)!.paused).filter(some => some.length > 0);
    return paused.length <= 1 ? (paused[0] ?? NOBODY) : paused.flat();
  }
}

const NOBODY: readonly PausedMember[] = [];
function insideOf(node: Node): Node[] {
  return node.children.filter(child => !child.isDetached && !child.isPlumbing);
}

/** A tool that ends its run with StopAgentRun works as intended: it is not a failure of the run. */
function withoutStopper(signs: RunSigns): RunSigns {
  const text = signs.stoppedBy && failureOf(signs.stoppedBy);
  if (!text) return signs;
  const {texts, more} = signs.below;
  const count = texts.get(text) ?? 0;
  const rest = new Map(texts);
  if (count > 1) rest.set(text, count - 1);
  else rest.delete(text);
  return {...signs, below: {texts: rest, more: count === 0 ? Math.max(0, more - 1) : more}};
}

const UNKNOWN: Judgement = {state: 'lost', reason: 'its span is missing'};

function judgeUnfinished(run: Run, {nowMicros, patience}: JudgingClock): Judgement {
  const spans = walk(run.tops).filter(node => node.span).length;
  const count = `${spans} ${spans === 1 ? 'span' : 'spans'}`;
  if (run.lastSeenMicros === null)
    return {state: 'lost', reason: `${count} without a time; the run span never arrived`};
  const silentMs = (nowMicros - run.lastSeenMicros) / 1000;
  if (silentMs < patience.stalledAfterMs)
    return {state: 'running', reason: `${count} so far; the run span is not written yet`};
  if (silentMs < patience.lostAfterMs)
    return {state: 'stalled', reason: `${count}, then no activity; the run span is not written yet`};
  return {state: 'lost', reason: `${count}; the run span never arrived`};
}

/** The failure of a span that is not a run; null if it has none. */
function judgeOwn(span: Span, statusCode: string | null): {judgement: Judgement; failure: string} | null {
  const code = statusCode === null ? '' : ` (HTTP ${statusCode})`;
  if (span.kind === 'llm' && isFailedCall(span)) {
    const reason =
      span.statusMessage ??
      (isStoppedCall(span) ? 'stopped before the model answered' : `the model call returned no answer${code}`);
    return {
      judgement: {state: isStoppedCall(span) ? 'cancelled' : 'error', reason},
      failure: failureOf(span),
    };
  }
  if (span.spanStatus !== 'ERROR' && !isFailedTool(span)) return null;
  return {
    judgement: {state: 'error', reason: errorOf(span) ?? `failed without a message${code}`},
    failure: failureOf(span),
  };
}

/** The status of the last request that a client library made for a call. */
function statusCodeBelow({children}: Node): string | null {
  return (
    children.findLast(({isPlumbing, span}) => isPlumbing && span?.http?.status != null)?.span?.http?.status ?? null
  );
}

/** How a parent's reason names its failure. */
function failureOf(span: Span): string {
  const name = displayName(span);
  if (span.kind === 'llm') return `${name} call ${isStoppedCall(span) ? 'was stopped' : 'failed'}`;
  return span.kind === 'step' || span.kind === 'parallel' ? `step "${name}" failed` : `${name} failed`;
}

function withReason(judged: Judgement, reason: string): Judgement {
  return judged.reason === '' ? {state: judged.state, reason} : judged;
}

/** The states that agree with each status of Agno's. */
const AGREES: Readonly<Record<string, readonly State[]>> = {
  COMPLETED: ['ok', 'degraded', 'paused'],
  PAUSED: ['paused'],
  ERROR: ['error'],
  CANCELLED: ['cancelled'],
};

function withContradiction({state, reason}: Judgement, {agnoStatus}: Evidence): string {
  if (agnoStatus === null || AGREES[agnoStatus]?.includes(state) || reason.includes('Agno says')) return reason;
  return `${reason}; Agno says ${agnoStatus}`;
}

/** True if the trace row's status hides a failure or reports one that did not happen. */
export function isStoredStatusWrong(state: State, storedStatus: string | null): boolean {
  if (storedStatus === 'OK') return state === 'error' || state === 'cancelled';
  if (storedStatus === 'ERROR') return state === 'ok' || state === 'degraded' || state === 'paused';
  return false;
}
