import {append} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {attributeLike, isAnyOf, time} from '../sql/fragments.ts';
import {EMPTY, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {isContinuationOf} from '../trace/continuation.ts';
import {type JudgedRun, judgedRun} from '../trace/record.ts';
import type {JudgingClock, Patience, Run} from '../trace/runs.ts';
import {agnoTime, isoTime} from '../trace/time.ts';
import {isContinuation} from '../trace/tree.ts';
import {type JudgedTrace, loadRuns} from './load.ts';
import {IS_RUN_NAME} from './look-up.ts';
import {findSequel, SPANS_AFTER} from './sequels.ts';
import {isAmong, withinMonth} from './window.ts';
import {findWorkBeside} from './work-beside.ts';

/** Everything that belongs to one run: its parts in order, and the traces that hold them. */
export interface RunParts {
  readonly traces: readonly JudgedTrace[];
  /** By start: the run, its continuations, its members' continuations, and loose parts that could be tied to it. */
  readonly parts: readonly JudgedRun[];
  /** The parts that have no id of the run and were tied to it by their contents. */
  readonly tied: ReadonlySet<JudgedRun>;
  /** Other runs with the same id, by start: each is its first part. */
  readonly others: readonly JudgedRun[];
}

interface PartsOptions {
  readonly patience: Patience;
  readonly prices?: Prices;
  /** False: only parts that carry an id of the run or of its members. */
  readonly tiesLooseParts?: boolean;
  /** If several runs have this id, take the one with this part; absent: the newest one. */
  readonly of?: {readonly traceId: string; readonly spanId: string};
  /** Traces that are already judged, by id: they are not read again. */
  readonly judged?: ReadonlyMap<string, JudgedTrace>;
}

/**
 * The parts of a run that paused and continued (docs/design.md, Runs). In Agno 3 a continuation is a trace of its own
 * with the same run id, and so is the continuation of a team's member. Parts without an id are a workflow's remaining
 * steps and, in Agno 2, the whole continuation.
 * @param runId the run's id
 * @param traceIds the traces that are known to hold it
 */
export async function loadParts(
  store: Store,
  runId: string,
  traceIds: readonly string[],
  {patience, prices, tiesLooseParts = true, of, judged}: PartsOptions,
): Promise<RunParts> {
  const options = {patience, prices, readsConversations: true};
  const load = async (ids: readonly string[]) => {
    const atHand = ids.flatMap(id => judged?.get(id) ?? []);
    return atHand.length === ids.length ? atHand : loadRuns(store, ids, options);
  };
  let known = new Set(traceIds);
  let traces = await load([...known]);
  for (;;) {
    const found = await loadTraceIds(store, chosen(traces, runId, of), runId, traces);
    const grown = new Set([...known, ...found]);
    if (grown.size === known.size) break;
    known = grown;
    traces = await load([...known]);
  }
  const own = chosen(traces, runId, of);
  const others = partsOfEach(traces, runId)
    .map(([first]) => first!)
    .filter(first => !own.includes(first));
  const members = memberIds(own);
  const parts = traces
    .flatMap(trace => trace.runs)
    .filter(
      judged =>
        own.includes(judged) || (members.has(judged.record.runId ?? '') && isInSession(judged.run, own[0]!.run)),
    );
  const whole = {traces, parts: parts.sort(byStart), tied: new Set<JudgedRun>(), others};
  if (!tiesLooseParts) return whole;
  return withWorkBeside(store, await withLooseParts(store, whole, options), options);
}

function byStart(a: JudgedRun, b: JudgedRun): number {
  return (a.run.startMicros ?? 0) - (b.run.startMicros ?? 0);
}

function isInSession(run: Run, other: Run): boolean {
  return run.sessionId === null || other.sessionId === null || run.sessionId === other.sessionId;
}

/** The runs with one id, each with its continuations, by start: several runs may share an id. */
function partsOfEach(traces: readonly JudgedTrace[], runId: string): JudgedRun[][] {
  const found: JudgedRun[][] = [];
  const runs = traces.flatMap(trace => trace.runs).filter(({record}) => record.runId === runId);
  for (const judged of runs.sort(byStart)) {
    const {run} = judged;
    const before =
      run.root.span && isContinuation(run.root.span)
        ? found.findLast(([first]) => isContinuationOf(first!.run, run))
        : undefined;
    if (before) before.push(judged);
    else found.push([judged]);
  }
  return found;
}

function chosen(traces: readonly JudgedTrace[], runId: string, of: PartsOptions['of']): readonly JudgedRun[] {
  const all = partsOfEach(traces, runId);
  const wanted = of && all.find(parts => parts.some(({record}) => isAt(record, of)));
  return wanted ?? all.at(-1) ?? [];
}

function isAt(a: {traceId: string; spanId: string}, b: {traceId: string; spanId: string}): boolean {
  return a.traceId === b.traceId && a.spanId === b.spanId;
}

/** Members of these runs that paused: a continuation of one of them continues the run. */
function memberIds(own: readonly JudgedRun[]): Set<string> {
  return new Set(own.flatMap(({run, judge}) => judge.pausedRunIds(run)));
}

async function loadTraceIds(
  store: Store,
  own: readonly JudgedRun[],
  runId: string,
  traces: readonly JudgedTrace[],
): Promise<string[]> {
  const ids = [...new Set([runId, ...memberIds(own)])];
  const first = own[0];
  const last = own.at(-1);
  const [start, end] = [first?.run.startMicros, last?.run.endMicros ?? last?.run.startMicros];
  const isAround =
    start == null || end == null ? EMPTY : sql`${withinMonth('t', start, 'before')}${withinMonth('t', end, 'after')}`;
  const byIndex = await store.all<{trace_id: unknown}>(sql`
select t.trace_id
  from ${table('traces')} t
 where ${isAnyOf(raw('t.run_id'), ids)}${isAround}`);
  const found = byIndex.map(row => String(row.trace_id));
  // Behind HTTP the rows are empty. A search is worth its cost only if a run waited or begins in the middle.
  if (last && waited(last)) append(found, await searchParts(store, ids, last.run.endMicros, 'after'));
  if (first && traces.length > 0 && isSequel(first))
    append(found, await searchParts(store, ids, first.run.startMicros, 'before'));
  return found;
}

/** Its own spans say that it waits, whatever came later. */
function waited({run, judge}: JudgedRun): boolean {
  return judge.node(run.root)?.state === 'paused';
}

function isSequel({run}: JudgedRun): boolean {
  return run.root.span !== null && isContinuation(run.root.span);
}

/** Traces with a run span of one of these ids, among the spans after a pause or before a continuation. */
async function searchParts(
  store: Store,
  ids: readonly string[],
  micros: number | null,
  side: 'after' | 'before',
): Promise<string[]> {
  if (micros === null) return [];
  const bound = (alias: string): Sql => {
    const start = raw(`${alias}.start_time`);
    const test =
      side === 'after'
        ? sql`${start} >= ${time(agnoTime(micros - 2_000_000))}`
        : sql`${start} < ${time(agnoTime(micros + 2_000_000))}`;
    return sql`${test}${withinMonth(alias, micros, side)}`;
  };
  const tests = [
    isAmong(bound, side === 'after' ? 'first' : 'latest', SPANS_AFTER),
    IS_RUN_NAME,
    isAnyOf(attributeLike('s', KEY.runId, ids), ids),
  ];
  const rows = await store.all<{trace_id: unknown}>(sql`
select s.trace_id
  from ${table('spans')} s
 where ${join(tests, ' and ')}`);
  return rows.map(row => String(row.trace_id));
}

async function withLooseParts(store: Store, whole: RunParts, options: PartsOptions): Promise<RunParts> {
  const clock = {nowMicros: store.nowMicros(), patience: options.patience};
  const paused = whole.parts.findLast(waited);
  if (!paused || whole.parts.some(part => isSequel(part) && byStart(paused, part) < 0)) return whole;
  const {tied, traces, startMicros} = await findSequel(store, paused.run, ids =>
    loadRuns(store, ids, {...options, seeksSequels: false}),
  );
  if (tied.length === 0) return whole;
  const parts = whole.parts.map(part => (part === paused ? continued(part, startMicros, clock) : part));
  return {
    ...whole,
    traces: [...whole.traces, ...traces],
    parts: [...parts, ...tied].sort(byStart),
    tied: new Set(tied),
  };
}

function continued(part: JudgedRun, startMicros: number | null, clock: JudgingClock): JudgedRun {
  const evidence = {...part.evidence, continuedAt: isoTime(startMicros)};
  return judgedRun(part.run, part.judge, part.judge.run(part.run, evidence, clock), evidence);
}

/** Adds what Agno did for the run in threads of its own, such as its memory manager in sync runs. */
async function withWorkBeside(store: Store, whole: RunParts, options: PartsOptions): Promise<RunParts> {
  const tied = new Set(whole.tied);
  const traces = [...whole.traces];
  for (const part of whole.parts) {
    if (tied.has(part)) continue;
    const found = await findWorkBeside(store, part, ids => loadRuns(store, ids, {...options, seeksSequels: false}));
    append(traces, found.traces);
    for (const judged of found.tied) tied.add(judged);
  }
  return {...whole, traces, parts: [...new Set([...whole.parts, ...tied])].sort(byStart), tied};
}
