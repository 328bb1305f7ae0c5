import {append, largest, smallest} from '../lists.ts';
import {attribute, attributeLike, isAnyOf, time} from '../sql/fragments.ts';
import {EMPTY, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {asText} from '../trace/cell.ts';
import {type Continuation, isContinuationOf} from '../trace/continuation.ts';
import {foldedRun, type JudgedRun} from '../trace/record.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import {isContinuation} from '../trace/tree.ts';
import {type JudgedTrace, type JudgeOptions, loadRuns, mayHidePause} from './load.ts';
import {IS_RUN_NAME} from './look-up.ts';
import {loadParts} from './parts.ts';
import {SPANS_AFTER} from './sequels.ts';
import {isAmong, withinMonth} from './window.ts';

/**
 * Like `loadRuns`, but with one row for each run, however many parts its pauses made. A continuation is left out if
 * the run itself is stored; the run has its last state and the sums of its parts.
 * @param addsBeginnings also returns the traces where continued runs began, for callers that do not meet them anyway
 */
export async function loadFoldedRuns(
  store: Store,
  traceIds: readonly string[],
  {addsBeginnings, ...options}: JudgeOptions & {readonly addsBeginnings: boolean},
): Promise<JudgedTrace[]> {
  const traces: JudgedTrace[] = [];
  const sequels = new Set<JudgedRun>();
  const known = new Set(traceIds);
  for (let ids = [...known]; ids.length > 0; ) {
    const loaded = await loadRuns(store, ids, options);
    append(traces, loaded);
    const begun: string[] = [];
    for (const [sequel, beginnings] of await sequelsIn(store, loaded)) {
      sequels.add(sequel);
      append(begun, beginnings);
    }
    ids = addsBeginnings ? [...new Set(begun)].filter(id => !known.has(id)) : [];
    for (const id of ids) known.add(id);
  }
  const folded: JudgedTrace[] = [];
  const byId = new Map(traces.map(judged => [judged.trace.traceId, judged]));
  for (const {trace, runs} of traces) {
    const kept: JudgedRun[] = [];
    for (const judged of runs) {
      if (sequels.has(judged)) continue;
      kept.push(wentOn(judged) ? await fold(store, judged, byId, options) : judged);
    }
    folded.push({trace, runs: kept});
  }
  return folded;
}

/** The runs of some traces that only continue another stored run, and the traces of that run. */
export function sequelsIn(
  store: Store,
  traces: readonly JudgedTrace[],
): Promise<ReadonlyMap<JudgedRun, readonly string[]>> {
  return withBeginning(
    store,
    traces.flatMap(({runs}) => runs.filter(isSequel)),
  );
}

function isSequel({run}: JudgedRun): boolean {
  return run.runId !== null && run.root.span !== null && isContinuation(run.root.span);
}

/** It waited, and a continuation is known. */
function wentOn({run, judge, evidence, record}: JudgedRun): boolean {
  if (run.runId === null || record.state === 'paused') return false;
  if (judge.node(run.root)?.state !== 'paused') return mayHidePause(run) && evidence.continuedAt !== null;
  return evidence.continuedAt !== null || evidence.agnoStatus !== null;
}

async function fold(
  store: Store,
  run: JudgedRun,
  judged: ReadonlyMap<string, JudgedTrace>,
  {patience, prices}: JudgeOptions,
): Promise<JudgedRun> {
  const {runId, traceId, spanId} = run.record;
  const of = {traceId, spanId};
  const {parts} = await loadParts(store, runId!, [traceId], {patience, prices, of, judged, tiesLooseParts: false});
  // A continuation that started earlier belongs to another run.
  return parts.length > 1 ? foldedRun(run, parts) : run;
}

/** The continuations whose run is stored, each with the traces of its earlier parts. */
async function withBeginning(store: Store, sequels: readonly JudgedRun[]): Promise<Map<JudgedRun, string[]>> {
  const found = new Map<JudgedRun, string[]>();
  if (sequels.length === 0) return found;
  const ids = [...new Set(sequels.map(({run}) => run.runId!))];
  const starts = sequels.flatMap(({run}) => run.startMicros ?? []);
  const isBefore =
    starts.length === 0
      ? EMPTY
      : sql`${withinMonth('t', smallest(starts), 'before')}${withinMonth('t', largest(starts), 'after')}`;
  const rows = await loadBeginnings(
    store,
    sql`
select t.trace_id, t.run_id, t.session_id, t.agent_id, t.team_id, t.start_time
  from ${table('traces')} t
 where ${isAnyOf(raw('t.run_id'), ids)}${isBefore}`,
  );
  for (const judged of sequels) {
    const {run} = judged;
    const isBefore = (other: Continuation) =>
      other.startMicros !== null && other.startMicros < (run.startMicros ?? 0) && isContinuationOf(run, other);
    const byIndex = rows.filter(isBefore);
    // Behind HTTP the trace rows are empty, and a member's run has no row of its own.
    const before =
      byIndex.length > 0 ? byIndex : (await loadNearBefore(store, run.runId!, run.startMicros)).filter(isBefore);
    if (before.length > 0)
      found.set(
        judged,
        before.map(({traceId}) => traceId),
      );
  }
  return found;
}

interface Beginning extends Continuation {
  readonly traceId: string;
}

async function loadBeginnings(store: Store, query: Sql): Promise<Beginning[]> {
  const rows = await store.all<Record<string, unknown>>(query);
  return rows.map(row => ({
    traceId: String(row.trace_id),
    runId: asText(row.run_id),
    sessionId: asText(row.session_id),
    agentId: asText(row.agent_id),
    teamId: asText(row.team_id),
    startMicros: parseTime(row.start_time),
  }));
}

async function loadNearBefore(store: Store, runId: string, micros: number | null): Promise<Beginning[]> {
  if (micros === null) return [];
  const isBefore = (alias: string) =>
    sql`${raw(alias)}.start_time < ${time(agnoTime(micros))}${withinMonth(alias, micros, 'before')}`;
  return loadBeginnings(
    store,
    sql`
select s.trace_id, ${attribute('s', KEY.runId)} as run_id, ${attribute('s', KEY.sessionId)} as session_id,
       ${attribute('s', KEY.agentId)} as agent_id, ${attribute('s', KEY.teamId)} as team_id, s.start_time
  from ${table('spans')} s
 where ${isAmong(isBefore, 'latest', SPANS_AFTER)}
   and ${IS_RUN_NAME}
   and ${isAnyOf(attributeLike('s', KEY.runId, [runId]), [runId])}`,
  );
}
