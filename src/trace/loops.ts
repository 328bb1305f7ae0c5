import {append} from '../lists.ts';
import {nodesOf} from './record.ts';
import type {Run} from './runs.ts';
import type {Span} from './span.ts';
import {coveredMs} from './timing.ts';
import {displayName, isRunSpan, type Node} from './tree.ts';

/**
 * Repeated tool calls inside one run span: the same tools with the same arguments and results; or one tool with the
 * same arguments again and again, whatever the results.
 */
export interface Loop {
  readonly first: Node;
  /**
   * Whether all rounds had the same results. If not, the repeats may have been useful: then the waste is an upper
   * bound.
   */
  readonly results: 'same' | 'differ';
  /** Names of one round: one tool, or a cycle such as search, fetch, search, fetch. */
  readonly tools: readonly string[];
  /** All its calls, including the first round. */
  readonly calls: number;
  /** The calls after the first round. */
  readonly repeats: readonly Node[];
  /** Model calls that asked for repeats and for nothing else. */
  readonly asks: readonly Node[];
  /** Time in which only repeats and those model calls were running, ms. */
  readonly wastedMs: number;
}

/** One tool call, in the run's order. */
interface Call {
  readonly node: Node;
  /** The model call before it; null: none. */
  readonly ask: Node | null;
  /** Tool and arguments; null: the arguments are unknown. */
  readonly asked: string | null;
  /** Tool, arguments and result; null: the call failed, or one of them is unknown. */
  readonly whole: string | null;
}

/** Arguments and result of a tool call; null if unknown, or if the call failed. */
export interface CallKeys {
  readonly asked: string | null;
  readonly result: string | null;
}

/** Tools in the longest cycle that is looked for. */
const MOST_TOOLS = 4;
/** This many calls with equal arguments are a loop even if their results differ. */
const MANY_CALLS = 5;

/**
 * Loops of a run, of at least two calls. A call after a failed one is a retry, not a repeat. A call whose result
 * differs from the previous one starts a new loop, unless the same arguments were used at least five times.
 */
export function loopsOf(run: Run, keysOf: (node: Node) => CallKeys): Loop[] {
  const drafts: Draft[] = [];
  const turns = new Map<Node, Call[]>();
  for (const calls of sequencesOf(run, keysOf)) {
    append(drafts, loopsIn(calls));
    for (const call of calls) {
      if (call.ask === null) continue;
      const turn = turns.get(call.ask);
      if (turn) turn.push(call);
      else turns.set(call.ask, [call]);
    }
  }
  if (drafts.length === 0) return [];
  const repeated = new Set(drafts.flatMap(({calls, period}) => calls.slice(period).map(call => call.node)));
  return drafts.map(({calls, period, results}) => {
    const repeats = calls.slice(period);
    const nodes = new Set(repeats.map(call => call.node));
    // A model call that asked for repeats of two loops counts for the loop whose call comes first.
    const asks = [...new Set(repeats.flatMap(({ask}) => ask ?? []))].filter(ask => {
      const turn = turns.get(ask)!;
      return nodes.has(turn[0]!.node) && turn.every(call => repeated.has(call.node));
    });
    return {
      first: calls[0]!.node,
      results,
      tools: calls.slice(0, period).map(call => displayName(callOf(call.node)!)),
      calls: calls.length,
      repeats: [...nodes],
      asks,
      wastedMs: coveredMs([...nodes, ...asks]),
    };
  });
}

/**
 * The tool calls of each run span, step, tool or missing parent, in order. Calls of one model turn run at the same
 * time, so they are sorted.
 */
function* sequencesOf(run: Run, keysOf: (node: Node) => CallKeys): Generator<Call[]> {
  for (const owner of nodesOf(run)) {
    if (!isOwner(owner) && owner !== run.root) continue;
    const calls: Call[] = [];
    let turn: Call[] = [];
    let ask: Node | null = null;
    const endTurn = () => {
      append(calls, turn.sort(byWhole));
      turn = [];
    };
    for (const node of callsOf(owner)) {
      if (callOf(node)!.kind === 'llm') {
        endTurn();
        ask = node;
        continue;
      }
      const {asked, result} = keysOf(node);
      turn.push({node, ask, asked, whole: asked === null || result === null ? null : `${asked} ${result}`});
    }
    endTurn();
    if (calls.length > 1) yield calls;
  }
}

function byWhole({whole: a}: Call, {whole: b}: Call): number {
  if (a === b) return 0;
  return (a ?? '') < (b ?? '') ? -1 : 1;
}

function isOwner({span}: Node): boolean {
  return span === null || isRunSpan(span) || span.kind === 'step' || span.openInferenceKind === 'TOOL';
}

/** Model and tool calls below a node, by start, except those inside another owner or call. */
function* callsOf(owner: Node): Generator<Node> {
  const stack = [...owner.children].reverse();
  while (stack.length > 0) {
    const node = stack.pop()!;
    const span = callOf(node);
    if (node.isDetached || !span) continue;
    if (span.kind === 'llm' || span.openInferenceKind === 'TOOL') yield node;
    else if (!isOwner(node)) append(stack, [...node.children].reverse());
  }
}

/** Calls that only messages mention can repeat too. */
function callOf({span, told}: Node): Span | null {
  return span ?? told;
}

interface Draft {
  readonly calls: Call[];
  readonly period: number;
  readonly results: Loop['results'];
}

function loopsIn(calls: readonly Call[]): Draft[] {
  const found: Draft[] = [];
  const open = new Map<string, Draft>();
  const cycleAt = cyclesOf(calls);
  for (let at = 0; at < calls.length; at++) {
    const cycle = cycleAt(at);
    if (cycle) {
      found.push(cycle);
      at += cycle.calls.length - 1;
      continue;
    }
    const call = calls[at]!;
    if (call.asked === null) continue;
    const chain = open.get(call.asked);
    if (call.whole === null) open.delete(call.asked);
    else if (chain && chain.calls[0]!.whole === call.whole) chain.calls.push(call);
    else {
      const begun: Draft = {calls: [call], period: 1, results: 'same'};
      open.set(call.asked, begun);
      found.push(begun);
    }
  }
  const loops = found.filter(draft => draft.calls.length > 1);
  append(loops, manyAsked(calls, new Set(loops.flatMap(loop => loop.calls))));
  return loops;
}

/** Arguments that were used very often, among successful calls that are in no loop of equal results. */
function manyAsked(calls: readonly Call[], inLoops: ReadonlySet<Call>): Draft[] {
  const alike = new Map<string, Call[]>();
  for (const call of calls) {
    if (call.asked === null || call.whole === null || inLoops.has(call)) continue;
    const before = alike.get(call.asked);
    if (before) before.push(call);
    else alike.set(call.asked, [call]);
  }
  return [...alike.values()]
    .filter(same => same.length >= MANY_CALLS)
    .map(same => ({calls: same, period: 1, results: 'differ'}));
}

/** Two or more rounds of different calls from a position on, with the shortest round that repeats. */
function cyclesOf(calls: readonly Call[]): (at: number) => Draft | null {
  // For each period: how many calls, from a position on, equal the call one round later.
  const alike = new Map<number, number[]>();
  for (let period = 2; period <= MOST_TOOLS; period++) {
    const counts: number[] = Array(calls.length).fill(0);
    for (let at = calls.length - period - 1; at >= 0; at--)
      if (calls[at]!.whole !== null && calls[at]!.whole === calls[at + period]!.whole) counts[at] = counts[at + 1]! + 1;
    alike.set(period, counts);
  }
  return at => {
    for (const [period, counts] of alike) {
      if (counts[at]! < period) continue;
      const round = new Set(calls.slice(at, at + period).map(call => call.whole));
      if (round.size > 1) return {calls: calls.slice(at, at + period + counts[at]!), period, results: 'same'};
    }
    return null;
  };
}
