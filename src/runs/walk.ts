import type {Prices} from '../prices/prices.ts';
import {isAnyOf, orOpaque, time} from '../sql/fragments.ts';
import {join, raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {asking, type Store} from '../store/store.ts';
import {attributesIn, matchesRun, type RunFilter} from '../trace/filter.ts';
import {type JudgedRun, spansOfParts} from '../trace/record.ts';
import type {Patience, Trace} from '../trace/runs.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import {type Candidates, candidatesOf} from './candidates.ts';
import {checkDeleted, checkEmpty} from './contradictions.ts';
import {loadFoldedRuns} from './fold.ts';
import {IS_OF_AGENT} from './kind.ts';
import {type JudgedTrace, loadRuns} from './load.ts';
import {hasIndexes} from './look-up.ts';
import {between, type PassedSpans, spansThatPass, type WalkPlace} from './stretches.ts';

export interface WalkOptions {
  /** With the flags of its query applied (`withQueryFlags` in `trace/filter.ts`). */
  readonly filter: RunFilter;
  readonly patience: Patience;
  readonly prices?: Prices;
  /** Start below this place; null: at the newest span. */
  readonly from: WalkPlace | null;
  /** Spans in the first statement, examined and passing; each later statement may have more. */
  readonly firstStretch: number;
  /** One row per run, not one per part. */
  readonly folds?: boolean;
  /**
   * Traces of runs that a walk above `from` found but did not reach. Below `from` they may have no span that passes
   * the test.
   */
  readonly left?: readonly string[];
  /** Called when the walk is abandoned, with the traces that the next one needs as `left`, newest first. */
  readonly onLeft?: (traceIds: readonly string[]) => void;
  /** Called after each stretch of spans with the number looked at so far. */
  readonly onProgress?: (spans: number) => void;
  /**
   * A further test on a span `s` that some span of every wanted run passes. It replaces the filter's own test unless
   * that one finds single runs.
   */
  readonly test?: Sql;
}

/**
 * Matching runs, newest first. It is lazy: it reads on only while the caller asks for more. A run is yielded once the
 * walk has passed its first span, so its place is known exactly. The order is that of the table's own index, in every
 * collation and with any text in the column.
 * @param isWanted a further test, on matching runs
 */
export async function* walkRuns(
  plain: Store,
  options: WalkOptions,
  isWanted: (judged: JudgedRun) => boolean = () => true,
): AsyncGenerator<JudgedRun> {
  const {filter, from, patience} = options;
  const store = asking(plain, attributesIn(filter));
  const matches = (judged: JudgedRun) => matchesRun(judged, filter) && isWanted(judged);
  const known = await knownTraces(store, filter, patience);
  if (known) {
    const loaded = await loadWanted(store, known, options);
    yield* loaded
      .flatMap(trace => trace.runs)
      .filter(judged => matches(judged) && (from === null || isBefore(walkPlaceOf(judged), from)))
      .sort((a, b) => (isBefore(walkPlaceOf(a), walkPlaceOf(b)) ? 1 : -1));
    return;
  }
  const ofFilter = candidatesOf(filter);
  const candidates: Candidates =
    options.test && ofFilter.takesEverySpan ? {test: options.test, isComplete: true, takesEverySpan: false} : ofFilter;
  let isEmpty = true;
  for await (const judged of walkPassed(store, candidates, options, matches)) {
    isEmpty = false;
    yield judged;
  }
  // The names that Agno gives its runs found nothing: search again without names before reporting nothing.
  if (isEmpty && from === null && !candidates.isComplete)
    yield* walkPassed(store, candidatesOf(filter, {byName: false}), options, matches);
}

/** A trace with its matching runs, by start. */
export interface MatchingTrace {
  readonly trace: Trace;
  readonly runs: readonly JudgedRun[];
}

/**
 * The same runs by trace, each trace once and complete: for callers that also export what several runs of a trace
 * share. Traces come roughly in the order in which the walk meets them, newest first; past ones are not kept.
 */
export async function* walkMatchingTraces(plain: Store, options: WalkOptions): AsyncGenerator<MatchingTrace> {
  const {filter, patience} = options;
  const store = asking(plain, attributesIn(filter));
  const matching = (traces: readonly JudgedTrace[]): MatchingTrace[] =>
    traces
      .map(({trace, runs}) => ({trace, runs: runs.filter(judged => matchesRun(judged, filter))}))
      .filter(({runs}) => runs.length > 0);
  const known = await knownTraces(store, filter, patience);
  if (known) {
    const ids = [...new Set(known)];
    for (let at = 0; at < ids.length; at += TRACES_AT_ONCE)
      yield* matching(await loadRuns(store, ids.slice(at, at + TRACES_AT_ONCE), options));
    return;
  }
  for (const byName of [true, false]) {
    const {test, isComplete} = candidatesOf(filter, {byName});
    let isEmpty = true;
    for await (const {traces} of walkTraces(store, test, options)) {
      const found = matching(traces);
      if (found.length > 0) isEmpty = false;
      yield* found;
    }
    if (!isEmpty || isComplete) return;
  }
}

async function* walkPassed(
  store: Store,
  candidates: Candidates,
  options: WalkOptions,
  matches: (judged: JudgedRun) => boolean,
): AsyncGenerator<JudgedRun> {
  const waiting = new Map<string, JudgedRun>();
  const addsBeginnings = !candidates.takesEverySpan;
  const isIndexed =
    candidates.lookUp !== undefined &&
    (TRAITS[store.dialect].scansForIds || (await hasIndexes(store, [candidates.lookUp])));
  const wait = (traces: readonly JudgedTrace[]) => {
    for (const {runs} of traces)
      for (const judged of runs) if (matches(judged)) waiting.set(placeOf(judged.run.startSpan), judged);
  };
  if (options.left && addsBeginnings) wait(await loadWanted(store, options.left, options));
  let given: JudgedRun | null = null;
  let shown: JudgedRun | null = null;
  try {
    for await (const {traces, passed} of walkTraces(store, candidates.test, {
      ...options,
      isIndexed,
      addsBeginnings,
    })) {
      wait(traces);
      if (!passed) continue;
      const {stretch, rows} = passed;
      const places = candidates.takesEverySpan
        ? rows.map(placeOf)
        : await loadPassed(store, [...waiting.values()], stretch.end, stretch.from);
      for (const place of places) {
        const judged = waiting.get(place);
        if (!judged) continue;
        waiting.delete(place);
        given = judged;
        yield judged;
        shown = judged;
        given = null;
      }
    }
  } finally {
    // A caller that asks for one run more than it shows will get that last run again.
    if (addsBeginnings) options.onLeft?.(tracesLeft([...(given ? [given] : []), ...waiting.values()], shown));
  }
}

/**
 * Traces of those runs that a walk from below `shown` may never meet, because their spans are above it. Newest first.
 */
export function tracesLeft(runs: readonly JudgedRun[], shown: JudgedRun | null): string[] {
  const from = shown && walkPlaceOf(shown);
  const left = runs.filter(
    judged =>
      from === null ||
      spansOfParts(judged).some(({startText, spanId}) => !isBefore({value: startText, id: spanId}, from)),
  );
  left.sort((a, b) => (isBefore(walkPlaceOf(a), walkPlaceOf(b)) ? 1 : -1));
  return [...new Set(left.map(({record}) => record.traceId))];
}

interface Tested {
  /** An index answers the test: only passing rows are read. */
  readonly isIndexed?: boolean;
  /** Possibly only a run's later parts pass the test. */
  readonly addsBeginnings?: boolean;
}

interface Walked {
  /** Traces that the walk met for the first time. */
  readonly traces: readonly JudgedTrace[];
  /** The stretch that is complete with these traces; null: it has more of them. */
  readonly passed: PassedSpans | null;
}

/** Traces in memory at once; a trace has about twenty spans, and a stretch on Postgres thousands of traces. */
const TRACES_AT_ONCE = 500;

/**
 * Walks the spans backwards by start time and judges each trace that it meets, once. Its cost depends on the spans it
 * walks over, never on the table. Its memory is bounded by the traces that are still open at its place.
 * @param test on one span `s`
 */
export async function* walkTraces(
  store: Store,
  test: Sql,
  {
    filter,
    patience,
    prices,
    folds,
    from,
    firstStretch,
    isIndexed = false,
    addsBeginnings,
    onProgress,
  }: WalkOptions & Tested,
): AsyncGenerator<Walked> {
  /** The earliest span of each judged trace; null: unknown, or an earlier one may still be written. */
  const judged = new Map<string, number | null>();
  let isEmpty = true;
  const walk = {bounds: boundsOf(filter), from, inOne: isIndexed, first: firstStretch, most: firstStretch};
  for await (const passed of spansThatPass(store, test, walk)) {
    const {stretch, rows, looked} = passed;
    if (rows.length > 0) isEmpty = false;
    const fresh = [...new Set(rows.map(row => row.traceId))].filter(id => !judged.has(id));
    for (let at = 0; at === 0 || at < fresh.length; at += TRACES_AT_ONCE) {
      const ids = fresh.slice(at, at + TRACES_AT_ONCE);
      const traces = await loadWanted(store, ids, {patience, prices, folds}, addsBeginnings);
      for (const id of ids) judged.set(id, null);
      const found = new Set(traces.map(({trace}) => trace.traceId));
      const lost = new Set(ids.filter(id => !found.has(id)));
      if (lost.size > 0)
        await checkDeleted(
          store,
          rows.filter(({traceId}) => lost.has(traceId)).map(({spanId}) => spanId),
        );
      for (const {trace, runs} of traces) {
        if (!runs.some(({run}) => run.isMissing)) judged.set(trace.traceId, earliestMicros(trace));
      }
      yield {traces, passed: at + TRACES_AT_ONCE < fresh.length ? null : passed};
    }
    onProgress?.(looked);
    const passedMicros = parseTime(stretch.end?.value);
    if (passedMicros !== null) {
      for (const [id, micros] of judged) if (micros !== null && micros - SLACK_MICROS > passedMicros) judged.delete(id);
    }
  }
  if (isEmpty && from === null) await checkEmpty(store);
}

function loadWanted(
  store: Store,
  ids: readonly string[],
  {patience, prices, folds}: Pick<WalkOptions, 'patience' | 'prices' | 'folds'>,
  addsBeginnings = true,
): Promise<JudgedTrace[]> {
  return folds
    ? loadFoldedRuns(store, ids, {patience, prices, addsBeginnings})
    : loadRuns(store, ids, {patience, prices});
}

function earliestMicros({nodes}: JudgedTrace['trace']): number | null {
  let earliest: number | null = null;
  for (const {span} of nodes.values()) {
    if (!span) continue;
    if (span.startMicros === null) return null;
    if (earliest === null || span.startMicros < earliest) earliest = span.startMicros;
  }
  return earliest;
}

/** Times sort as text; some collations sort a whole second after its fractions, so bounds are two seconds wider. */
const SLACK_MICROS = 2_000_000;

function boundsOf({sinceMicros, untilMicros}: RunFilter): Sql[] {
  const tests: Sql[] = [];
  if (untilMicros !== null) tests.push(sql`s.start_time < ${time(agnoTime(untilMicros + SLACK_MICROS))}`);
  if (sinceMicros !== null) tests.push(sql`s.start_time >= ${time(agnoTime(sinceMicros - SLACK_MICROS))}`);
  return tests;
}

/** OpenTelemetry guarantees that a span id is unique only within its trace. */
function placeOf({traceId, spanId}: {traceId: string; spanId: string}): string {
  return `${traceId} ${spanId}`;
}

/** Which of the waiting runs' first spans the walk has passed, in the walk's order. */
async function loadPassed(
  store: Store,
  waiting: readonly JudgedRun[],
  end: WalkPlace | null,
  from: WalkPlace | null,
): Promise<string[]> {
  if (waiting.length === 0) return [];
  const spanIds = waiting.map(({run}) => run.startSpan.spanId);
  const rows = await store.all<{trace_id: unknown; span_id: unknown}>(sql`
select s.trace_id, s.span_id
  from ${table('spans')} s
 where ${join([isAnyOf(raw('s.span_id'), spanIds), ...between(from, end)], '\n   and ')}
 order by s.start_time desc, s.span_id desc`);
  return rows.map(row => placeOf({traceId: String(row.trace_id), spanId: String(row.span_id)}));
}

/** Traces that a filter names, or that an index finds at once; null if the walk has to look for them. */
async function knownTraces(store: Store, filter: RunFilter, patience: Patience): Promise<string[] | null> {
  if (filter.traces.length > 0) return [...filter.traces];
  const isRecent = filter.states.length > 0 && filter.states.every(state => state === 'running' || state === 'stalled');
  // Twice the longest silence that still counts as unfinished: hosts' clocks differ.
  const recentMicros = 2000 * Math.max(patience.stalledAfterMs, patience.lostAfterMs);
  if (!isRecent || recentMicros > MOST_RECENT_MICROS) return null;
  // A running run has written a span recently, however long ago it began.
  const rows = await store.all<{trace_id: unknown}>(sql`
select s.trace_id
  from ${table('spans')} s
 where s.created_at >= ${time(agnoTime(store.nowMicros() - recentMicros))} and ${orOpaque('s', IS_OF_AGENT, true)}`);
  // Not `distinct`: SQLite would walk the whole table in the order of trace ids (docs/measurements.md, Large tables).
  return [...new Set(rows.map(row => String(row.trace_id)))];
}
/** A longer period may cover most of the table; the walk reads that in stretches. */
const MOST_RECENT_MICROS = 86_400_000_000;

function isBefore(a: WalkPlace, b: WalkPlace): boolean {
  return a.value !== b.value ? a.value < b.value : a.id < b.id;
}

/** The place of a run in the table's order. */
export function walkPlaceOf({run}: JudgedRun): WalkPlace {
  return {value: run.startSpan.startText, id: run.startSpan.spanId};
}
