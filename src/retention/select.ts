import {append} from '../lists.ts';
import {sequelsIn} from '../runs/fold.ts';
import {type JudgedTrace, loadRuns} from '../runs/load.ts';
import {walkTraces} from '../runs/walk.ts';
import {attributeText, isAnyOf, time} from '../sql/fragments.ts';
import {EMPTY, either, raw, type Sql, sql, table} from '../sql/sql.ts';
import {asking, type Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {attributesIn, NO_FILTER} from '../trace/filter.ts';
import type {Patience} from '../trace/runs.ts';
import {agnoTime} from '../trace/time.ts';
import type {Cutoff} from './cutoff.ts';
import {
  type KeepLastPer,
  needsJudgement,
  newestOfEach,
  partsOfStaying,
  type Ranked,
  rankedBy,
  reasonToStay,
  type Selection,
} from './rules.ts';
import {add, type OldTrace, type Reason} from './survey.ts';

export interface Chosen {
  /** Traces to delete, oldest first. */
  readonly candidates: readonly OldTrace[];
  /** Facts about their runs, as far as these were judged. */
  readonly tally: Tally;
}

/** Runs of traces to delete, counted by component and by state. */
export interface Tally {
  /** Number of judged traces: all, or an even sample. */
  traces: number;
  readonly byComponent: Map<string, number>;
  readonly byState: Map<string, number>;
}

interface ChooseOptions {
  readonly cutoff: Cutoff;
  readonly patience: Patience;
  readonly onProgress?: (traces: number) => void;
}

const TRACES_AT_ONCE = 200;
/** Size of the sample for the plan, if a prune does not need to judge its traces. */
const SAMPLE = 500;

/**
 * Decides which of the old traces to delete. If runs are selected, every trace is read and judged, as in `list`;
 * otherwise only traces that may hold an unfinished run, and a sample for the plan.
 */
export async function chooseTraces(
  plain: Store,
  candidates: readonly OldTrace[],
  selection: Selection,
  skipped: Map<Reason, number>,
  options: ChooseOptions,
): Promise<Chosen> {
  const store = selection.filter ? asking(plain, attributesIn(selection.filter)) : plain;
  const tally: Tally = {traces: 0, byComponent: new Map(), byState: new Map()};
  const judgesAll = needsJudgement(selection);
  // A run is lost after a period of silence: older ones are not running.
  const quiet = agnoTime(store.nowMicros() - options.patience.lostAfterMs * 1000);
  const reasons = new Map<string, Reason>();
  const runIdsOf = new Map<string, string[]>();
  const ranked: Ranked[] = [];
  const asked = judgesAll ? candidates : candidates.filter(({lastAt}) => lastAt >= quiet);
  for await (const judged of judge(store, asked, options)) {
    for (const [traceId, trace] of judged) {
      const runs = trace?.runs ?? [];
      const reason = reasonToStay(runs, selection);
      if (reason) reasons.set(traceId, reason);
      if (trace) runIdsOf.set(traceId, runIdsIn(trace));
      if (judgesAll && !reason) count(tally, runs);
    }
    if (selection.keepLast) append(ranked, await rankedIn(store, present(judged), selection.keepLast.per));
  }
  if (selection.keepLast) {
    const others = await rankOthers(store, new Set(candidates.map(({traceId}) => traceId)), selection, options);
    const newest = newestOfEach([...ranked, ...others], selection.keepLast.runs);
    for (const {traceId} of asked) if (newest.has(traceId) && !reasons.has(traceId)) reasons.set(traceId, 'last');
  }
  for (const traceId of await otherParts(store, candidates, reasons, runIdsOf, options))
    reasons.set(traceId, 'continued');
  for (const reason of reasons.values()) add(skipped, reason);
  const chosen = candidates.filter(({traceId}) => !reasons.has(traceId));
  if (!judgesAll)
    for await (const judged of judge(store, spread(chosen, SAMPLE), options))
      for (const trace of judged.values()) count(tally, trace?.runs ?? []);
  return {candidates: chosen, tally};
}

/** Yields some candidates at a time, by trace id; null: the trace's contents are gone. */
async function* judge(
  store: Store,
  candidates: readonly OldTrace[],
  {patience, onProgress}: ChooseOptions,
): AsyncGenerator<ReadonlyMap<string, JudgedTrace | null>> {
  for (let at = 0; at < candidates.length; at += TRACES_AT_ONCE) {
    const ids = candidates.slice(at, at + TRACES_AT_ONCE).map(({traceId}) => traceId);
    const judged = new Map<string, JudgedTrace | null>(ids.map(id => [id, null]));
    for (const trace of await loadRuns(store, ids, {patience})) judged.set(trace.trace.traceId, trace);
    yield judged;
    onProgress?.(Math.min(at + TRACES_AT_ONCE, candidates.length));
  }
}

function present(judged: ReadonlyMap<string, JudgedTrace | null>): JudgedTrace[] {
  return [...judged.values()].filter(trace => trace !== null);
}

/** The runs that `--keep-last` counts: rows of `list`, that is, each run once, however many parts its pauses made. */
async function rankedIn(store: Store, traces: readonly JudgedTrace[], per: KeepLastPer): Promise<Ranked[]> {
  const sequels = await sequelsIn(store, traces);
  return traces.flatMap(({runs}) =>
    runs.filter(run => !run.record.part && !sequels.has(run)).map(run => rankedBy(per, run)),
  );
}

function count(tally: Tally, runs: JudgedTrace['runs']): void {
  tally.traces++;
  for (const {record, run} of runs) {
    add(tally.byState, run.isTraffic ? 'traffic' : record.state);
    add(
      tally.byComponent,
      run.isTraffic
        ? 'HTTP requests'
        : (record.agentId ?? record.teamId ?? record.workflowId ?? record.name ?? 'unknown'),
    );
  }
  if (runs.length === 0) add(tally.byState, 'without runs');
}

/** At most this many, evenly spread over all of them. */
function spread(candidates: readonly OldTrace[], most: number): OldTrace[] {
  if (candidates.length <= most) return [...candidates];
  return Array.from({length: most}, (_, i) => candidates[Math.floor((i * candidates.length) / most)]!);
}

function runIdsIn({trace}: JudgedTrace): string[] {
  return [...new Set([...trace.nodes.values()].flatMap(({span}) => span?.runId ?? []))];
}

/** Runs of all other traces, for `--keep-last`: they are newer, or kept for another reason. */
async function rankOthers(
  store: Store,
  known: ReadonlySet<string>,
  {keepLast}: Selection,
  {patience, onProgress}: ChooseOptions,
): Promise<Ranked[]> {
  const ranked: Ranked[] = [];
  const walk = walkTraces(store, raw('true'), {
    filter: NO_FILTER,
    patience,
    from: null,
    firstStretch: store.spansPerStatement,
    ...(onProgress ? {onProgress} : {}),
  });
  for await (const {traces} of walk) {
    const others = traces.filter(({trace}) => !known.has(trace.traceId));
    append(ranked, await rankedIn(store, others, keepLast!.per));
  }
  return ranked;
}

/**
 * Traces that are kept because another part of their run is: a part that is not old, or one that is kept for a
 * reason.
 */
async function otherParts(
  store: Store,
  candidates: readonly OldTrace[],
  reasons: ReadonlyMap<string, Reason>,
  judgedIds: ReadonlyMap<string, readonly string[]>,
  {cutoff}: ChooseOptions,
): Promise<Set<string>> {
  const staying = new Set<string>();
  for (const traceId of reasons.keys()) for (const runId of judgedIds.get(traceId) ?? []) staying.add(runId);
  for (const runId of await continuedLately(store, cutoff)) staying.add(runId);
  if (staying.size === 0) return new Set();
  const going = candidates.filter(({traceId}) => !reasons.has(traceId)).map(({traceId}) => traceId);
  const runIdsOf = new Map<string, readonly string[]>();
  for (const traceId of going) if (judgedIds.has(traceId)) runIdsOf.set(traceId, judgedIds.get(traceId)!);
  const unread = going.filter(traceId => !judgedIds.has(traceId));
  for (let at = 0; at < unread.length; at += TRACES_AT_ONCE) {
    for (const [traceId, runId] of await runIdsOfTraces(store, unread.slice(at, at + TRACES_AT_ONCE)))
      runIdsOf.set(traceId, [...(runIdsOf.get(traceId) ?? []), runId]);
  }
  return partsOfStaying(runIdsOf, staying);
}

/** ClickHouse needs no such clause, and does not know it. */
const ESCAPE = either({sqlite: raw(" escape '\\'"), postgres: raw(" escape '\\'"), clickhouse: EMPTY});

/** ClickHouse sees no key in attributes with NaN; the id is there as text all the same. */
const RUN_ID: Sql = either({
  sqlite: attributeText('s', KEY.runId),
  postgres: attributeText('s', KEY.runId),
  clickhouse: sql`coalesce(${attributeText('s', KEY.runId)}, nullIf(extract(s.attributes, ${`"${KEY.runId.replaceAll('.', '\\.')}": "([^"]*)"`}), ''))`,
});

/**
 * Run ids of the run spans in some traces; found by the names that Agno gives them, so that few attributes are read.
 */
async function runIdsOfTraces(store: Store, traceIds: readonly string[]): Promise<[string, string][]> {
  const rows = await store.all<{trace_id: unknown; run_id: unknown}>(sql`
select s.trace_id, ${RUN_ID} as run_id
  from ${table('spans')} s
 where ${isAnyOf(raw('s.trace_id'), traceIds)}
   and (s.name like ${'%run'} or s.name like ${'%\\_aexecute%'}${ESCAPE})`);
  return rows.flatMap(row =>
    row.run_id == null ? [] : [[String(row.trace_id), String(row.run_id)] as [string, string]],
  );
}

/** Spans whose names are compared in one statement. */
const NAMES_AT_ONCE = 5000;

/** Run ids of runs that continued after the cutoff (Agno 3: a trace of their own, named `continue_run`). */
async function continuedLately(store: Store, cutoff: Cutoff): Promise<string[]> {
  const found: string[] = [];
  const written = raw('s.created_at');
  let above = sql`${written} >= ${time(cutoff.text)}`;
  for (;;) {
    // To the end of a stretch of the index; spans written at the same time stay together.
    const [end] = await store.all<{created_at: unknown}>(sql`
select ${written}
  from ${table('spans')} s
 where ${above}
 order by ${written}
 limit 1 offset ${store.blocksWriter ? NAMES_AT_ONCE : store.spansPerStatement}`);
    const last = end ? String(end.created_at) : null;
    const rows = await store.all<{run_id: unknown}>(sql`
select ${RUN_ID} as run_id
  from ${table('spans')} s
 where ${above} and ${last === null ? raw('true') : sql`${written} <= ${time(last)}`} and s.name like ${'%continue\\_run'}${ESCAPE}`);
    append(
      found,
      rows.flatMap(row => (row.run_id == null ? [] : [String(row.run_id)])),
    );
    if (last === null) return found;
    above = sql`${written} > ${time(last)}`;
  }
}
