import type {Clock, Run} from './runs.ts';
import type {Span} from './span.ts';
import {
  type Evidence,
  type Failures,
  gather,
  isFailedCall,
  type Judgement,
  judgeBelow,
  judgeRunSpan,
  NO_EVIDENCE,
  type PausedMember,
} from './state.ts';
import type {State} from './states.ts';
import {displayName, isRunSpan, type Node, walk} from './tree.ts';

interface Judged {
  judgement: Judgement;
  below: Failures;
  /** What this node adds to the failures of its parent; null: nothing of its own. */
  failure: string | null;
  paused: PausedMember | null;
}

const NO_FAILURES: Failures = {texts: new Map(), more: 0};
const KEPT_FAILURES = 4;

/**
 * Judges the runs and spans of one trace: neither version's stored status is to be believed (docs/agno.md, Stored status).
 * Agno's own status of a run decides only where the spans leave it open; elsewhere a contradiction is named, not followed.
 */
export class Judge {
  private readonly judged = new Map<Node, Judged>();

  constructor(tops: readonly Node[]) {
    // Children first, each node once: a chain of 10,000 runs must cost 10,000 steps.
    for (const node of walk(tops).reverse()) this.judged.set(node, this.judge(node));
  }

  run(run: Run, evidence: Evidence, clock: Clock): Judgement {
    if (run.isMissing) return judgeUnfinished(run, clock);
    if (run.isPart) return withReason(this.node(run.root)!, 'finished, outside a run');
    const facts = gather(run.root, this.judged.get(run.root)!.below, this.pausedBelow(run.root));
    const judged = judgeRunSpan(facts, evidence);
    return {state: judged.state, reason: withContradiction(judged, evidence)};
  }

  /** Null for a ghost: nothing is known of it. */
  node(node: Node): Judgement | null {
    return node.span ? this.judged.get(node)!.judgement : null;
  }

  /** Member runs below that wait, by run id: whoever continues them continues this run's story. */
  pausedRunIds(run: Run): string[] {
    const ids: string[] = [];
    for (const node of walk(run.tops, child => child.isDetached && child !== run.root)) {
      const span = node.span;
      if (span?.runId && isRunSpan(span) && this.judged.get(node)!.judgement.state === 'paused') ids.push(span.runId);
    }
    return ids;
  }

  private judge(node: Node): Judged {
    const inside = node.children.filter(child => !child.isDetached);
    const below = inside.length === 0 ? NO_FAILURES : this.collect(inside);
    const paused = this.pausedBelow(node);
    const span = node.span;
    if (!span) return {judgement: UNKNOWN, below, failure: null, paused};
    if (isRunSpan(span)) {
      const facts = gather(node, below, paused);
      const judgement = judgeRunSpan(facts, NO_EVIDENCE);
      const verb = judgement.state === 'error' ? 'failed' : judgement.state === 'cancelled' ? 'was cancelled' : null;
      return {
        judgement,
        below,
        failure: verb && `${displayName(span)} ${verb}`,
        paused: judgement.state === 'paused' ? {name: displayName(span), waits: judgement.reason} : null,
      };
    }
    const own = judgeOwn(span);
    return {
      judgement: own?.judgement ?? judgeBelow(below) ?? {state: 'ok', reason: ''},
      below,
      failure: own?.failure ?? null,
      paused,
    };
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

  /** The first run directly below that waits for a person. */
  private pausedBelow(node: Node): PausedMember | null {
    for (const child of node.children) {
      const paused = child.isDetached ? null : this.judged.get(child)!.paused;
      if (paused) return paused;
    }
    return null;
  }
}

const UNKNOWN: Judgement = {state: 'lost', reason: 'its span is not here'};

function judgeUnfinished(run: Run, {nowMicros, patience}: Clock): Judgement {
  const spans = walk(run.tops).filter(node => node.span).length;
  const count = `${spans} ${spans === 1 ? 'span' : 'spans'}`;
  if (run.lastSeenMicros === null) return {state: 'lost', reason: `${count} without a time, the run span never came`};
  const silentMs = (nowMicros - run.lastSeenMicros) / 1000;
  if (silentMs < patience.stalledAfterMs)
    return {state: 'running', reason: `${count} so far, the run span is not written yet`};
  if (silentMs < patience.lostAfterMs)
    return {state: 'stalled', reason: `${count}, then silence; the run span is not written yet`};
  return {state: 'lost', reason: `${count}, the run span never came`};
}

/** A span that is no run: its own failure, or null when it has none. */
function judgeOwn(span: Span): {judgement: Judgement; failure: string} | null {
  const name = displayName(span);
  if (span.kind === 'llm' && isFailedCall(span)) {
    const reason =
      span.statusMessage ??
      (span.spanStatus === 'UNSET' ? 'stopped before the model had answered' : 'the model call brought no answer');
    return {
      judgement: {state: span.spanStatus === 'UNSET' ? 'cancelled' : 'error', reason},
      failure: `${name} call failed`,
    };
  }
  if (span.spanStatus !== 'ERROR') return null;
  const isStep = span.kind === 'step' || span.kind === 'parallel';
  return {
    judgement: {state: 'error', reason: span.statusMessage ?? 'failed without a message'},
    failure: isStep ? `step "${name}" failed` : `${name} failed`,
  };
}

function withReason(judged: Judgement, reason: string): Judgement {
  return judged.reason === '' ? {state: judged.state, reason} : judged;
}

/** Agno's words for what the states say. */
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

/** True when the trace row's status hides what happened or cries wolf. */
export function isStoredStatusWrong(state: State, storedStatus: string | null): boolean {
  if (storedStatus === 'OK') return state === 'error' || state === 'cancelled';
  if (storedStatus === 'ERROR') return state === 'ok' || state === 'degraded' || state === 'paused';
  return false;
}
