import {createHash} from 'node:crypto';
import {append} from '../lists.ts';
import type {JudgedTrace} from '../runs/load.ts';
import {attributeOfRun} from '../trace/attribute-test.ts';
import {isCounted} from '../trace/cost.ts';
import {canonicalJson} from '../trace/json.ts';
import type {Judge} from '../trace/judge.ts';
import {type CallKeys, type Loop, loopsOf} from '../trace/loops.ts';
import {isFailedSpan, type JudgedRun, nodesOf, retriesOf} from '../trace/record.ts';
import {isRedacted} from '../trace/redacted.ts';
import {PATIENCE, type Run} from '../trace/runs.ts';
import type {Span} from '../trace/span.ts';
import type {Judgement} from '../trace/state.ts';
import type {State} from '../trace/states.ts';
import {criticalPath, selfMs} from '../trace/timing.ts';
import {modelCalls} from '../trace/tokens.ts';
import {errorOf} from '../trace/tool-failure.ts';
import {displayName, isDelegation, isRunSpan, type Node, startOf} from '../trace/tree.ts';
import {ERROR_KIND, errorShape} from './error-shape.ts';
import type {RunColumn, SpanColumn} from './schema.ts';
import {costOf, NO_SUMS, pusd, type Sums, sumsOf, wasteOf, wholeNumber} from './sums.ts';

type Value = string | number | null;
/** These mark a continuation. They are determined on writing, from the traces that are there. */
type MarkedColumn = 'sequel' | 'whole_key';
/** Keys are assigned on writing. */
export type RunFacts = Readonly<Record<Exclude<RunColumn, 'run_key' | 'trace_key' | MarkedColumn>, Value>>;
export type SpanFacts = Readonly<
  Record<Exclude<SpanColumn, 'span_key' | 'trace_key' | 'run_key' | 'begin_key'>, Value>
>;

/** The facts of one trace. */
export interface TraceFacts {
  readonly traceId: string;
  readonly hasRow: boolean;
  /** From this time on, silence changes its states; null: never. */
  readonly settlesMicros: number | null;
  readonly runs: readonly RunFacts[];
  /** The attributes that were asked for, of the runs that have them. `value`: JSON. */
  readonly attributes: readonly {
    readonly run: number;
    readonly attribute: string;
    readonly value: string;
    readonly text: string;
  }[];
  /** `run`: index in `runs`; null: surroundings. */
  readonly spans: readonly {readonly run: number | null; readonly facts: SpanFacts}[];
}

/** Values that only the complete row of a span has, by span id; absent if the narrow row was enough. */
export interface Payload {
  readonly outputChars: number | null;
  readonly argumentsChars: number | null;
  readonly documents: number | null;
}

/** States whose reason is the text of an error. */
const TELLING: ReadonlySet<State> = new Set<State>(['error', 'degraded', 'cancelled']);
/** Longest text of an error or of a reason, in code points. */
const LONGEST_ERROR = 200;

interface FactsOfOptions {
  readonly salt: string;
  readonly payloads: ReadonlyMap<string, Payload>;
  readonly nowMicros: number;
  /** Attributes to keep. */
  readonly asks: readonly string[];
}

/**
 * The facts of a trace: the results of `trace/` as rows. Pure, except for the salt, which makes the hashes useless
 * elsewhere.
 */
export function factsOf({trace, runs}: JudgedTrace, {salt, payloads, nowMicros, asks}: FactsOfOptions): TraceFacts {
  const places = new Map<Run, number>(runs.map(({run}, i) => [run, i]));
  const spans: TraceFacts['spans'][number][] = [];
  const reader = new SpanReader(salt, payloads);
  const done = new Set<Node>();
  for (const judged of runs) {
    const {run} = judged;
    const isFinished = !(run.isMissing || run.isTraffic || run.isPart);
    const path = isFinished ? criticalPath(run) : null;
    const counted = new Set(modelCalls(run.tops));
    const nodes = nodesOf(run);
    const sums = sumsOf(nodes, counted);
    const loops = new Map(loopsOf(run, node => reader.keysOf(node)).map(loop => [loop.first, loop]));
    for (const node of nodes) {
      const owners = reader.ownersOf(node);
      const span = node.span ?? node.told;
      if (!span || done.has(node)) continue;
      done.add(node);
      spans.push({
        run: places.get(run)!,
        facts: reader.facts(node, span, {
          judge: judged.judge,
          judgement: node === run.root ? judged.judgement : null,
          owners: node === run.root ? {...owners, caller: null, via: null} : owners,
          criticalMs: path?.get(node) ?? null,
          isFinished: isFinished && node.span !== null,
          sums,
          loop: loops.get(node) ?? null,
          counted: counted.has(span),
          isTimed: !run.isTraffic,
          isAround: false,
        }),
      });
    }
  }
  const judge = runs[0]?.judge;
  for (const node of trace.nodes.values()) {
    if (!node.span || done.has(node) || !judge) continue;
    spans.push({
      run: null,
      facts: reader.facts(node, node.span, {
        judge,
        judgement: null,
        owners: NOBODY,
        criticalMs: null,
        isFinished: false,
        sums: NO_SUMS,
        loop: null,
        counted: false,
        isTimed: false,
        isAround: true,
      }),
    });
  }
  return {
    traceId: trace.traceId,
    hasRow: trace.row !== null,
    settlesMicros: settles(runs, trace.nodes.values(), nowMicros),
    runs: runs.map(runFacts),
    attributes: runs.flatMap((judged, run) => attributeFacts(judged, run, asks)),
    spans,
  };
}

/**
 * When silence alone changes a state: a run without its run span becomes stalled and then lost, and a run behind a
 * gateway counts as complete once its trace is quiet.
 */
function settles(runs: readonly JudgedRun[], nodes: Iterable<Node>, nowMicros: number): number | null {
  let earliest: number | null = null;
  if (!runs.some(({run}) => run.isMissing)) return earliest;
  let newest = 0;
  for (const {span} of nodes) newest = Math.max(newest, span?.createdMicros ?? 0);
  const quietMicros = newest + PATIENCE.stalledAfterMs * 1000;
  for (const {run} of runs) {
    if (!run.isMissing || run.lastSeenMicros === null) continue;
    for (const at of [
      run.lastSeenMicros + PATIENCE.stalledAfterMs * 1000,
      run.lastSeenMicros + PATIENCE.lostAfterMs * 1000,
      quietMicros,
    ])
      if (at > nowMicros && (earliest === null || at < earliest)) earliest = at;
  }
  return earliest;
}

function attributeFacts(judged: JudgedRun, run: number, asks: readonly string[]): TraceFacts['attributes'] {
  return asks.flatMap(attribute => {
    const value = attributeOfRun(judged, attribute);
    if (value === null) return [];
    const text = typeof value === 'object' ? value.join(', ') : String(value);
    return {run, attribute, value: JSON.stringify(value), text: shortened(text)};
  });
}

function runFacts({run, record, evidence}: JudgedRun): RunFacts {
  const known = record.costs.reduce((sum, {costUsd}) => sum + (costUsd === null ? 0 : pusd(costUsd)), 0);
  return {
    trace_id: record.traceId,
    span_id: record.spanId,
    run_id: record.runId,
    name: record.name,
    kind: record.kind,
    state: record.state,
    // The reason of a pause contains arguments.
    state_reason: TELLING.has(record.state) ? shortened(record.stateReason) : null,
    stored_status: record.storedStatus,
    span_status: record.spanStatus,
    start_micros: wholeNumber(run.startMicros),
    end_micros: wholeNumber(run.endMicros),
    duration_ms: real(record.durationMs),
    agent_id: record.agentId,
    team_id: record.teamId,
    workflow_id: record.workflowId,
    user_id: record.userId,
    session_id: record.sessionId,
    model: record.model,
    provider: record.provider,
    span_count: record.spanCount,
    error_count: record.errorCount,
    prompt_tokens: wholeNumber(record.promptTokens),
    completion_tokens: wholeNumber(record.completionTokens),
    cached_tokens: wholeNumber(record.cachedTokens),
    cache_write_tokens: wholeNumber(record.cacheWriteTokens),
    gross_prompt_tokens: wholeNumber(record.grossPromptTokens),
    gross_estimated: Number(record.grossPromptEstimated),
    total_tokens: wholeNumber(record.totalTokens),
    cost_pusd: record.costUsd === null ? null : pusd(record.costUsd),
    known_cost_pusd: wholeNumber(known) ?? 0,
    unpriced_calls: record.costUnknownCalls,
    retry_count: record.retryCount,
    last_seen_micros: wholeNumber(run.lastSeenMicros),
    missing: Number(record.missing),
    part: Number(record.part),
    traffic: Number(record.traffic),
    detached: Number(record.detached),
    agno_status: evidence.agnoStatus,
  };
}

/** The owners of a span: the names of the innermost components around it. */
interface Owners {
  readonly agent: string | null;
  readonly team: string | null;
  readonly workflow: string | null;
  readonly step: string | null;
  /** The innermost run span above it. */
  readonly caller: string | null;
  /** The outermost tool or step between the two. */
  readonly via: string | null;
  /** That run span; what it says of a model call that failed without a word. */
  readonly runNode: Node | null;
}

/** What the surrounding trace says about a span. */
interface Within {
  readonly judge: Judge;
  /** For the run's own span; null: use the judge's. */
  readonly judgement: Judgement | null;
  readonly owners: Owners;
  readonly criticalMs: number | null;
  /** Part of a finished run, not of a loose part. */
  readonly isFinished: boolean;
  readonly sums: ReadonlyMap<Node, Sums>;
  /** The loop that begins with this call. */
  readonly loop: Loop | null;
  readonly counted: boolean;
  readonly isTimed: boolean;
  /** It surrounds a run and adds to none of its figures. */
  readonly isAround: boolean;
}

const NOBODY: Owners = {agent: null, team: null, workflow: null, step: null, caller: null, via: null, runNode: null};

/** Arguments and result of a call, as texts. */
interface ToolKeys extends CallKeys {
  readonly arguments: string | null;
  readonly output: string | null;
  readonly outputChars: number | null;
}

class SpanReader {
  /** For each node, the owners that apply to its children; parents come first. */
  private readonly owners = new Map<Node, Owners>();
  private readonly retries = new Map<Node, ReadonlySet<Node>>();
  /** For each node, when the runs below it began. */
  private readonly memberStarts = new Map<Node, readonly number[]>();
  private readonly keys = new Map<Node, ToolKeys>();

  constructor(
    private readonly salt: string,
    private readonly payloads: ReadonlyMap<string, Payload>,
  ) {}

  /** Owners of a node: those of the node itself for its own kind, and its caller. */
  ownersOf(node: Node): Owners {
    // A run that leaked into another one has no owner.
    const above = (node.parent && !node.isDetached && this.owners.get(node.parent)) || NOBODY;
    const {span} = node;
    const name = span === null ? '' : displayName(span);
    if (span?.openInferenceKind === 'TOOL') {
      this.owners.set(node, above.via === null ? {...above, via: name} : above);
      return above;
    }
    if (!span || !(isRunSpan(span) || span.kind === 'step')) {
      this.owners.set(node, above);
      return above;
    }
    const own =
      span.kind === 'step'
        ? {
            ...above,
            step: above.workflow === null ? name : `${above.workflow} / ${name}`,
            via: above.via ?? `step ${name}`,
          }
        : {...above, [span.kind]: name, caller: name, via: null, runNode: node};
    this.owners.set(node, own);
    return {...own, caller: above.caller, via: above.via};
  }

  /** Identifies equal tool calls. */
  keysOf(node: Node): ToolKeys {
    const known = this.keys.get(node);
    if (known) return known;
    const span = (node.span ?? node.told)!;
    const payload = this.payloads.get(span.spanId);
    const outputChars = span.output === null ? null : (payload?.outputChars ?? codePoints(span.output));
    const keys = {
      arguments:
        span.toolArguments === null ? null : `${payload?.argumentsChars ?? ''}:${canonicalJson(span.toolArguments)}`,
      output: outputChars === null ? null : `${outputChars}:${span.output}`,
      outputChars,
    };
    // A refused call is refused again with the same words: that is no retry that might succeed.
    const refusal = node.told && span.statusMessage !== null ? `refused ${span.statusMessage}` : null;
    const found: ToolKeys = {
      ...keys,
      asked:
        keys.arguments === null || isRedacted(span.toolArguments) ? null : `${displayName(span)} ${keys.arguments}`,
      result: refusal ?? (isFailedSpan(span) || isRedacted(span.output) ? null : keys.output),
    };
    this.keys.set(node, found);
    return found;
  }

  /** One object literal, so that a million objects share one shape: spreading took four times as long. */
  facts(node: Node, span: Span, within: Within): SpanFacts {
    const {judge, owners, criticalMs, counted} = within;
    const own = within.judgement ?? judge.node(node)!;
    const isRun = isRunSpan(span);
    const isCall = span.kind === 'llm' && counted;
    const tool = span.openInferenceKind === 'TOOL' ? span : null;
    const keys = tool && this.keysOf(node);
    const sums = isRun || tool !== null || span.kind === 'step' ? within.sums.get(node) : undefined;
    const mainModel = isRun ? (sums?.own?.most ?? sums?.most) : span.kind === 'step' ? sums?.most : null;
    const waste = within.loop && wasteOf(within.loop, within.sums);
    const isUnanswered =
      tool !== null && isDelegation(span) && owners.runNode?.span?.kind === 'team' && !this.reaches(node, span);
    const failed = !node.isPlumbing && isFailedSpan(span);
    const failure = failed || (isRun && own.state === 'error') ? this.failure(span, own.reason, judge, owners) : null;
    return {
      span_id: span.spanId,
      from_messages: Number(node.told !== null),
      own_run_id: isRun && !within.isAround ? span.runId : null,
      kind: span.kind,
      span_name: span.name,
      name: displayName(span),
      start_micros: wholeNumber(span.startMicros),
      day: span.startText.slice(0, 10),
      duration_ms: real(span.durationMs),
      stored_ms: real(span.storedMs),
      self_ms: within.isTimed ? real(selfMs(node)) : null,
      critical_ms: real(criticalMs),
      status: node.told === null ? span.spanStatus : null,
      state: own.state,
      failed: Number(failed),
      cause: Number(failure !== null && !hasFailureBelow(node, judge)),
      error: failure?.text ?? null,
      error_kind: failure?.kind ?? null,
      error_shape: failure ? errorShape(failure.text) : null,
      agent: owners.agent,
      team: owners.team,
      workflow: owners.workflow,
      step: owners.step,
      component_id: isRun ? (span.teamId ?? span.agentId ?? span.workflowId) : null,
      caller: isRun || isUnanswered ? owners.caller : null,
      via: isUnanswered ? displayName(span) : isRun ? owners.via : null,
      in_run: Number(within.isFinished),
      within_tokens: wholeNumber(sums?.tokens ?? null),
      within_cost_pusd: wholeNumber(sums?.pusd ?? null),
      within_unpriced: sums?.unpriced ?? null,
      main_model: mainModel ?? null,
      model: span.kind === 'llm' ? span.model : null,
      provider: span.kind === 'llm' ? span.provider : null,
      model_system: span.kind === 'llm' ? span.system : null,
      counted: Number(isCall),
      prompt_tokens: isCall ? wholeNumber(span.promptTokens) : null,
      gross_prompt_tokens: isCall ? wholeNumber(span.grossPromptTokens) : null,
      gross_estimated: Number(isCall && span.grossPromptEstimated),
      completion_tokens: isCall ? wholeNumber(span.completionTokens) : null,
      cached_tokens: isCall ? wholeNumber(span.cachedTokens) : null,
      cache_write_tokens: isCall ? wholeNumber(span.cacheWriteTokens) : null,
      audio_prompt_tokens: isCall ? wholeNumber(span.audioPromptTokens) : null,
      audio_completion_tokens: isCall ? wholeNumber(span.audioCompletionTokens) : null,
      reasoning_tokens: isCall ? wholeNumber(span.reasoningTokens) : null,
      total_tokens: isCall ? wholeNumber(span.totalTokens) : null,
      cost_pusd: isCall ? costOf(span) : null,
      unpriced: Number(isCall && isCounted(span) && costOf(span) === null),
      saved_pusd: isCall && span.savedUsd !== null ? pusd(span.savedUsd) : null,
      cost_source: isCall ? span.costSource : null,
      cost_date: isCall ? span.costDate : null,
      arguments_hash: keys?.arguments == null ? null : this.hash(keys.arguments),
      output_hash: keys?.output == null ? null : this.hash(keys.output),
      output_chars: keys?.outputChars ?? null,
      retry: tool !== null || span.kind === 'llm' ? this.retryOf(node) : 0,
      documents: this.payloads.get(span.spanId)?.documents ?? null,
      loop_calls: within.loop?.calls ?? null,
      loop_tools: within.loop?.tools.join(' → ') ?? null,
      loop_results: within.loop?.results ?? null,
      loop_wasted_ms: real(within.loop?.wastedMs ?? null),
      loop_wasted_tokens: wholeNumber(waste?.tokens ?? null),
      loop_wasted_pusd: wholeNumber(waste?.pusd ?? null),
      loop_unpriced: waste?.unpriced ?? null,
    };
  }

  private failure(span: Span, reason: string, judge: Judge, {runNode}: Owners): {text: string; kind: string | null} {
    const message = isRunSpan(span) ? reason || span.statusMessage : errorOf(span);
    const line = (message ?? silentCause(span, runNode, judge)).trim().split(/\r?\n/, 1)[0]!;
    const kind = ERROR_KIND.exec(line);
    return {text: shortened(kind ? line.slice(kind[0].length) : line), kind: kind?.[1] ?? null};
  }

  private retryOf(node: Node): number {
    const {parent} = node;
    if (!parent) return 0;
    const retries = this.retries.get(parent) ?? retriesOf(parent);
    this.retries.set(parent, retries);
    return Number(retries.has(node));
  }

  /** Whether a delegation reached somebody: a run is below it, or began beside it while it was running. */
  private reaches({parent, children}: Node, {startMicros, endMicros}: Span): boolean {
    if (children.some(isMember)) return true;
    if (!parent) return false;
    let starts = this.memberStarts.get(parent);
    if (!starts) {
      // Sorted, as children are.
      starts = parent.children.filter(isMember).map(startOf);
      this.memberStarts.set(parent, starts);
    }
    const [from, to] = [startMicros ?? 0, endMicros ?? Number.POSITIVE_INFINITY];
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle]! < from) low = middle + 1;
      else high = middle;
    }
    return low < starts.length && starts[low]! <= to;
  }

  private hash(text: string): string {
    return createHash('sha1').update(this.salt).update(text).digest('base64url').slice(0, 16);
  }
}

function isMember({span, isDetached}: Node): boolean {
  return span !== null && isRunSpan(span) && !isDetached;
}

/** Up to 1.0.3 a failed model call does not say why; the run around it does. */
function silentCause(span: Span, runNode: Node | null, judge: Judge): string {
  const around = runNode ? judge.node(runNode) : null;
  const text = around?.state === 'error' ? /^model call failed[^:]*: (.+)$/s.exec(around.reason)?.[1] : undefined;
  return text ?? (span.kind === 'llm' ? 'the model call returned no answer' : 'failed without a message');
}

function hasFailureBelow(node: Node, judge: Judge): boolean {
  const stack = [...node.children];
  while (stack.length > 0) {
    const child = stack.pop()!;
    if (child.isDetached || child.isPlumbing) continue;
    const span = child.span ?? child.told;
    if (isFailedSpan(span) || (span && isRunSpan(span) && judge.node(child)?.state === 'error')) return true;
    append(stack, child.children);
  }
  return false;
}

function shortened(text: string): string {
  if (text.length <= LONGEST_ERROR) return text;
  const points = Array.from(text.slice(0, 2 * LONGEST_ERROR + 2));
  return points.length <= LONGEST_ERROR ? text : `${points.slice(0, LONGEST_ERROR - 1).join('')}…`;
}

export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

function real(value: number | null): number | null {
  return value !== null && Number.isFinite(value) ? value : null;
}
