import {append} from '../lists.ts';
import {walkTraces} from '../queries/run-walk.ts';
import {type JudgedTrace, loadRuns} from '../queries/runs.ts';
import {attributeText, isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {NO_FILTER} from '../trace/filter.ts';
import type {Patience} from '../trace/runs.ts';
import {agnoTime} from '../trace/time.ts';
import {
  needsJudgement,
  newestOfEach,
  partsOfStaying,
  type Ranked,
  rankedBy,
  reasonToStay,
  type Selection,
} from './choice.ts';
import type {Cutoff} from './cutoff.ts';
import {add, type Candidate, type Reason} from './survey.ts';

export interface Chosen {
  /** Those that go, oldest first. */
  readonly candidates: readonly Candidate[];
  /** What their runs are like, as far as they were judged. */
  readonly tally: Tally;
}

/** Runs of traces that go, counted by who ran them and by state. */
export interface Tally {
  /** Traces that were judged: all, or some spread evenly over them. */
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
/** What the plan of a prune that need not judge its traces says about them comes from so many. */
const SAMPLE = 500;

/**
 * Says which of the old traces go. Where runs are asked for, every trace is read and judged, as `list` does it; without that
 * only those that may hold a run that has not ended, and a sample for the plan.
 */
export async function chooseTraces(
  store: Store,
  candidates: readonly Candidate[],
  selection: Selection,
  skipped: Map<Reason, number>,
  options: ChooseOptions,
): Promise<Chosen> {
  const tally: Tally = {traces: 0, byComponent: new Map(), byState: new Map()};
  const judgesAll = needsJudgement(selection);
  // A run is given up after a time of silence: older than that, none is going on.
  const quiet = agnoTime(store.nowMicros() - options.patience.lostAfterMs * 1000);
  const reasons = new Map<string, Reason>();
  const runIdsOf = new Map<string, string[]>();
  const ranked: Ranked[] = [];
  const asked = judgesAll ? candidates : candidates.filter(({lastAt}) => lastAt >= quiet);
  await judge(store, asked, options, (candidate, judged) => {
    const runs = judged?.runs ?? [];
    const reason = reasonToStay(runs, selection);
    if (reason) reasons.set(candidate.traceId, reason);
    if (judged) runIdsOf.set(candidate.traceId, runIdsIn(judged));
    if (selection.keepLast)
      for (const run of runs) if (!run.record.part) ranked.push(rankedBy(selection.keepLast.per, run));
    if (judgesAll && !reason) count(tally, runs);
  });
  if (selection.keepLast) {
    const others = await rankOthers(store, new Set(candidates.map(({traceId}) => traceId)), selection, options);
    const newest = newestOfEach([...ranked, ...others], selection.keepLast.runs);
    for (const {traceId} of asked) if (newest.has(traceId) && !reasons.has(traceId)) reasons.set(traceId, 'last');
  }
  for (const traceId of await otherParts(store, candidates, reasons, runIdsOf, options))
    reasons.set(traceId, 'continued');
  for (const reason of reasons.values()) add(skipped, reason);
  const chosen = candidates.filter(({traceId}) => !reasons.has(traceId));
  if (!judgesAll) await judge(store, spread(chosen, SAMPLE), options, (_, judged) => count(tally, judged?.runs ?? []));
  return {candidates: chosen, tally};
}

async function judge(
  store: Store,
  candidates: readonly Candidate[],
  {patience, onProgress}: ChooseOptions,
  take: (candidate: Candidate, judged: JudgedTrace | null) => void,
): Promise<void> {
  for (let at = 0; at < candidates.length; at += TRACES_AT_ONCE) {
    const some = candidates.slice(at, at + TRACES_AT_ONCE);
    const traces = await loadRuns(
      store,
      some.map(({traceId}) => traceId),
      {patience},
    );
    const byId = new Map(traces.map(judged => [judged.trace.traceId, judged]));
    for (const candidate of some) take(candidate, byId.get(candidate.traceId) ?? null);
    onProgress?.(Math.min(at + TRACES_AT_ONCE, candidates.length));
  }
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

/** At most so many, evenly from all of them. */
function spread(candidates: readonly Candidate[], most: number): Candidate[] {
  if (candidates.length <= most) return [...candidates];
  return Array.from({length: most}, (_, i) => candidates[Math.floor((i * candidates.length) / most)]!);
}

function runIdsIn({trace}: JudgedTrace): string[] {
  return [...new Set([...trace.nodes.values()].flatMap(({span}) => span?.runId ?? []))];
}

/** Runs of all other traces, for `--keep-last`: they are newer, or stay for another reason. */
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
    for (const {trace, runs} of traces) {
      if (known.has(trace.traceId)) continue;
      for (const run of runs) if (!run.record.part) ranked.push(rankedBy(keepLast!.per, run));
    }
  }
  return ranked;
}

/** Traces that stay because another part of their run does: one that is not old, or one that stays for a reason. */
async function otherParts(
  store: Store,
  candidates: readonly Candidate[],
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

/** Run ids of the run spans in some traces; by the names Agno gives them, so that few attributes are read. */
async function runIdsOfTraces(store: Store, traceIds: readonly string[]): Promise<[string, string][]> {
  const rows = await store.all<{trace_id: unknown; run_id: unknown}>(sql`
select s.trace_id, ${attributeText('s', KEY.runId)} as run_id
  from ${table('spans')} s
 where ${isAnyOf(raw('s.trace_id'), traceIds)}
   and (s.name like ${'%run'} or s.name like ${'%\\_aexecute%'} escape '\\')`);
  return rows.flatMap(row =>
    row.run_id == null ? [] : [[String(row.trace_id), String(row.run_id)] as [string, string]],
  );
}

/** Spans whose names are looked at in one statement. */
const NAMES_AT_ONCE = 5000;

/** Run ids of runs that went on after the cutoff (Agno 3: a trace of their own, named `continue_run`). */
async function continuedLately(store: Store, cutoff: Cutoff): Promise<string[]> {
  const found: string[] = [];
  const written = raw('s.created_at');
  let above = sql`${written} >= ${cutoff.text}`;
  for (;;) {
    // To the end of a stretch of the index; spans written at one time stay together.
    const [end] = await store.all<{created_at: unknown}>(sql`
select ${written}
  from ${table('spans')} s
 where ${above}
 order by ${written}
 limit 1 offset ${store.blocksWriter ? NAMES_AT_ONCE : store.spansPerStatement}`);
    const last = end ? String(end.created_at) : null;
    const rows = await store.all<{run_id: unknown}>(sql`
select ${attributeText('s', KEY.runId)} as run_id
  from ${table('spans')} s
 where ${above} and ${last === null ? raw('true') : sql`${written} <= ${last}`} and s.name like ${'%continue\\_run'} escape '\\'`);
    append(
      found,
      rows.flatMap(row => (row.run_id == null ? [] : [String(row.run_id)])),
    );
    if (last === null) return found;
    above = sql`${written} > ${last}`;
  }
}
