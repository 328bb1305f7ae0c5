import type {Work} from '../turns.ts';
import {isBegunBeside} from './begun-beside.ts';
import {Delegations} from './delegations.ts';
import type {Details} from './details.ts';
import {canonicalJson} from './json.ts';
import {isFailedCall} from './model-call.ts';
import type {Moves} from './moves.ts';
import {setOf} from './sets-by-key.ts';
import {isDelegationCall, isRun, isTool, type Node} from './tree.ts';

/** `first`: no model call yet. `busy`: a model call is running. `asked`: it waits for tools. */
type Turn = 'first' | 'busy' | 'asked' | 'failed' | 'answered';

/** A running run. */
interface Worker {
  readonly node: Node;
  /** The run around it that was running when it began. */
  readonly above: Worker | null;
  /** Runs right below it that are still running. */
  inner: number;
  turn: Turn;
  /** Model calls so far. */
  turns: number;
  /** How many tool calls of its last answer have not returned. */
  waitsFor: number;
  /** What it asked for, by the tool's name, and by name and arguments; in order. */
  readonly asks: Map<string, Set<Ask>>;
}

/** A tool call that a model asked for. */
interface Ask {
  /** How many model calls the worker had made when it asked. */
  readonly turns: number;
  /** A tool span has answered it. */
  isTaken: boolean;
}

/** If thousands of runs overlap, guesses (as opposed to rules) are tried for this many of them only. */
const MOST_COMPARED = 500;
/** Runs and calls between two yields. */
const AT_ONCE = 500;

/**
 * Goes through the runs and calls below one span in order of time and finds the owner of each: members go under the
 * delegation that asked for them, and work that is stored at a step goes under the run that was at work.
 */
export class Sweep {
  private readonly delegations: Delegations;
  private readonly workers = new Map<Node, Worker>();
  private readonly active = new Set<Worker>();
  /** Active ones without another one inside. */
  private readonly innermost = new Set<Worker>();
  /** Active ones that are to make the next call; and the innermost of these. */
  private readonly next = new Set<Worker>();
  private readonly innermostNext = new Set<Worker>();
  /** Innermost ones whose complete row might decide something but has not been read yet. */
  private readonly unasked = new Set<Worker>();
  /** Workers that asked for a tool, by its name, and by name and arguments. */
  private readonly askersOf = new Map<string, Set<Worker>>();
  private readonly askers = new Map<string, Worker>();
  private readonly answers = new Set<Node>();
  /** How each component was seen to speak: its models, with system messages if those are known. */
  private readonly voices = new Map<string, Set<string>>();

  constructor(
    private readonly top: Node,
    private readonly details: ReadonlyMap<string, Details>,
    private readonly moves: Moves,
    private readonly unclear: Set<string>,
  ) {
    this.delegations = new Delegations(details, unclear);
  }

  *run(items: readonly Node[]): Work<void> {
    const timed = items.filter(({span}) => span!.startMicros !== null).sort(byBeginning);
    const ends = timed.filter(({span}) => span!.endMicros !== null).sort((a, b) => endOf(a) - endOf(b));
    let ended = 0;
    for (const [i, node] of timed.entries()) {
      if (i % AT_ONCE === AT_ONCE - 1) yield;
      const now = node.span!.startMicros!;
      for (; ended < ends.length && isOver(ends[ended]!, now); ended++) this.end(ends[ended]!);
      if (isRun(node)) this.beginRun(node);
      else this.beginCall(node);
    }
  }

  private beginRun(node: Node): void {
    const isAtTop = node.parent === this.top;
    const call = this.delegations.callOf(node, ({parent}) => isAtTop || parent === node.parent);
    if (call) this.moves.move(node, call);
    let up = node.parent;
    while (up && up !== this.top && !this.workers.has(up)) up = up.parent;
    const above = (up && !isBegunBeside(node) && this.workers.get(up)) || null;
    const worker: Worker = {node, above, inner: 0, turn: 'first', turns: 0, waitsFor: 0, asks: new Map()};
    this.workers.set(node, worker);
    this.active.add(worker);
    this.setInnermost(worker, true);
    if (above) {
      above.inner++;
      this.setInnermost(above, false);
    }
  }

  private setInnermost(worker: Worker, isInnermost: boolean): void {
    put(this.innermost, worker, isInnermost);
    put(this.unasked, worker, isInnermost && !this.unclear.has(worker.node.id));
    this.settle(worker);
  }

  /** Call this after each change of a worker. */
  private settle(worker: Worker): void {
    const isNext = this.active.has(worker) && hasNextWord(worker);
    put(this.next, worker, isNext);
    put(this.innermostNext, worker, isNext && this.innermost.has(worker));
  }

  private beginCall(node: Node): void {
    const isModelCall = !isTool(node);
    const asked = isModelCall ? null : this.askFor(node);
    if (node.parent === this.top && this.active.size > 0) {
      const owner = isModelCall ? this.ownerOfModelCall(node) : (asked?.worker ?? only(this.innermost));
      if (owner) this.moves.move(node, owner.node);
      else node.isOwnerUnknown = true;
    }
    if (isDelegationCall(node)) this.delegations.begin(node);
    const worker = this.workers.get(node.parent!);
    if (worker && isModelCall) {
      worker.turn = 'busy';
      worker.turns++;
      this.settle(worker);
    }
    if (asked && asked.worker === worker) {
      asked.ask.isTaken = true;
      this.answers.add(node);
    }
  }

  private end(node: Node): void {
    const run = this.workers.get(node);
    if (run) {
      this.leave(run);
      return;
    }
    const worker = this.workers.get(node.parent!);
    if (!worker) return;
    if (isTool(node)) {
      if (this.answers.has(node)) worker.waitsFor--;
      this.settle(worker);
      return;
    }
    const span = node.span!;
    worker.turn = isFailedCall(span) ? 'failed' : span.toolCalls.length > 0 ? 'asked' : 'answered';
    worker.waitsFor = span.toolCalls.length;
    this.settle(worker);
    for (const {callId, name, arguments: asked} of span.toolCalls) {
      const ask: Ask = {turns: worker.turns, isTaken: false};
      for (const key of [name, askKey(name, asked)]) {
        setOf(worker.asks, key).add(ask);
        setOf(this.askersOf, key).add(worker);
      }
      if (callId !== null) this.askers.set(callId, worker);
    }
    for (const voice of this.voicesOf(node)) this.voicesOfRun(worker).add(voice);
  }

  private leave(run: Worker): void {
    this.active.delete(run);
    this.setInnermost(run, false);
    let {above} = run;
    if (above) above.inner--;
    // If it ended before the run that it had begun, its place goes to the next one above.
    while (above && !this.active.has(above)) above = above.above;
    if (above && above.inner === 0) this.setInnermost(above, true);
  }

  /**
   * The call that a tool span answers: the one with these arguments, or else with this name; null if two runs asked
   * for it.
   */
  private askFor(node: Node): {worker: Worker; ask: Ask} | null {
    const span = node.span!;
    const name = span.toolName ?? span.name;
    const owner = node.parent === this.top ? null : this.workers.get(node.parent!);
    if (owner === undefined) return null;
    for (const key of [askKey(name, span.toolArguments), name]) {
      const worker = owner ?? this.askerOf(key);
      const ask = worker && openAsk(worker, key);
      if (ask) return {worker, ask};
    }
    return null;
  }

  /** The only run that waits for such a call; of several, the innermost one. */
  private askerOf(key: string): Worker | null {
    const askers = this.askersOf.get(key) ?? new Set();
    const isAsking = (worker: Worker) => {
      if (this.active.has(worker) && openAsk(worker, key)) return true;
      // It is added again when it asks again.
      askers.delete(worker);
      return false;
    };
    return onlyOf(askers, isAsking) ?? onlyOf(askers, worker => isAsking(worker) && this.innermost.has(worker));
  }

  /** Decided by the messages that it was sent, if known; otherwise it is the run that is to make the next call. */
  private ownerOfModelCall(node: Node): Worker | null {
    const told = this.toldOwner(node);
    if (told) return told;
    const inner = only(this.innermost);
    if (inner) {
      // A run may end late, after the run around it has continued.
      const other = inner.turn === 'answered' ? only(this.next) : null;
      return other ?? inner;
    }
    this.unclear.add(node.id);
    for (const {node: run} of this.unasked) this.unclear.add(run.id);
    this.unasked.clear();
    return only(this.innermostNext) ?? this.byVoice(node);
  }

  private toldOwner(node: Node): Worker | null {
    const told = this.details.get(node.id);
    if (!told) return null;
    const asker = told.results.flatMap(({callId}) => this.askers.get(callId) ?? []).at(-1);
    if (asker && this.active.has(asker)) return asker;
    return onlyOf(this.next, ({node: run, turn}) => {
      const input = turn === 'first' ? (this.details.get(run.id)?.input ?? '') : '';
      return input !== '' && told.asked.some(text => text.includes(input));
    });
  }

  private byVoice(node: Node): Worker | null {
    for (const voice of this.voicesOf(node).reverse()) {
      const speaker = onlyOf(this.innermost, worker => this.voicesOfRun(worker).has(voice));
      if (speaker) return speaker;
    }
    return null;
  }

  /** The model; and model with system message if known. */
  private voicesOf({id, span}: Node): string[] {
    return [span!.model, this.details.get(id)?.voice ?? null].filter(voice => voice !== null);
  }

  private voicesOfRun({node: {span}}: Worker): Set<string> {
    const who = span!.componentName ?? span!.name;
    const known = this.voices.get(who) ?? new Set();
    this.voices.set(who, known);
    return known;
  }
}

function only<T>(items: Iterable<T>): T | null {
  const [first, second] = items;
  return second === undefined ? (first ?? null) : null;
}

/** The only one that passes; null if several pass, or if there are too many to examine. */
function onlyOf(workers: Iterable<Worker>, test: (worker: Worker) => boolean): Worker | null {
  let found: Worker | null = null;
  let compared = 0;
  for (const worker of workers) {
    if (++compared > MOST_COMPARED) return null;
    if (!test(worker)) continue;
    if (found) return null;
    found = worker;
  }
  return found;
}

function put<T>(set: Set<T>, item: T, isIn: boolean): void {
  if (isIn) set.add(item);
  else set.delete(item);
}

/** The first that is open; earlier ones will never be open again. */
function openAsk(worker: Worker, key: string): Ask | null {
  const asks = worker.asks.get(key);
  for (const ask of asks ?? []) {
    if (isOpen(worker, ask)) return ask;
    asks!.delete(ask);
  }
  return null;
}

/** It was asked something, and nothing is running for it. */
function hasNextWord({turn, waitsFor}: Worker): boolean {
  return turn === 'first' || turn === 'failed' || (turn === 'asked' && waitsFor <= 0);
}

/** No span has answered it, and it is recent: a refused one never gets a span. A memory call may come in between. */
function isOpen(worker: Worker, {turns, isTaken}: Ask): boolean {
  return !isTaken && worker.turns - turns < 2;
}

function askKey(name: string, asked: string | null): string {
  return `${name} ${asked === null ? '' : canonicalJson(asked)}`;
}

function endOf({span}: Node): number {
  return span!.endMicros!;
}

/** A run still counts at the moment of its end, because a call may begin then; a call has its answer by then. */
function isOver(node: Node, now: number): boolean {
  return isRun(node) ? endOf(node) < now : endOf(node) <= now;
}

/** At equal times the delegation comes before the member, and the run before its calls. */
function byBeginning(a: Node, b: Node): number {
  const rank = (node: Node) => (isDelegationCall(node) ? 0 : isRun(node) ? 1 : 2);
  const [startA, startB] = [a.span!.startMicros!, b.span!.startMicros!];
  return startA !== startB ? startA - startB : rank(a) - rank(b) || (a.id < b.id ? -1 : 1);
}
