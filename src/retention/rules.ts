import {matchesRun, type RunFilter} from '../trace/filter.ts';
import type {JudgedRun} from '../trace/record.ts';
import type {Reason} from './survey.ts';

export const KEEP_LAST_PER = ['agent', 'session', 'user', 'workflow'] as const;
export type KeepLastPer = (typeof KEEP_LAST_PER)[number];

/** Which of the old traces to delete. */
export interface Selection {
  /** Which runs to delete; null: all. */
  readonly filter: RunFilter | null;
  /** Only plain HTTP requests and the like: traces without any span of Agno's. */
  readonly trafficOnly: boolean;
  readonly keepErrors: boolean;
  readonly keepLast: {readonly runs: number; readonly per: KeepLastPer} | null;
}

/** True if every trace has to be read and judged to know whether to delete it. */
export function needsJudgement({filter, trafficOnly, keepErrors, keepLast}: Selection): boolean {
  return filter !== null || trafficOnly || keepErrors || keepLast !== null;
}

/** Why a trace is kept because of its own runs; null: it is deleted. */
export function reasonToStay(runs: readonly JudgedRun[], {filter, trafficOnly, keepErrors}: Selection): Reason | null {
  if (runs.some(isGoingOn)) return 'running';
  if (trafficOnly && !(runs.length > 0 && runs.every(({run}) => run.isTraffic))) return 'other';
  if (filter && !(runs.length > 0 && runs.every(judged => matchesRun(judged, {...filter, traffic: trafficOnly}))))
    return 'other';
  return keepErrors && runs.some(({record}) => record.state === 'error') ? 'error' : null;
}

/** A run that has not ended and is not lost: it will write again. */
export function isGoingOn({record}: JudgedRun): boolean {
  return record.state === 'running' || record.state === 'stalled';
}

/** The facts about a run for `--keep-last`. */
export interface Ranked {
  readonly traceId: string;
  /** Id of the agent, session, user or workflow; null: the run has none, so the rule does not keep it. */
  readonly key: string | null;
  /** ISO. */
  readonly startedAt: string;
}

export function rankedBy(per: KeepLastPer, {record}: JudgedRun): Ranked {
  const key = {agent: record.agentId, session: record.sessionId, user: record.userId, workflow: record.workflowId}[per];
  return {traceId: record.traceId, key, startedAt: record.startTime ?? ''};
}

/**
 * Traces that hold one of the newest `count` runs of their key; of runs that began at the same time, the one with the
 * larger trace id is newer.
 */
export function newestOfEach(runs: readonly Ranked[], count: number): Set<string> {
  const byKey = new Map<string, Ranked[]>();
  for (const run of runs) {
    if (run.key === null) continue;
    const same = byKey.get(run.key);
    if (same) same.push(run);
    else byKey.set(run.key, [run]);
  }
  const kept = new Set<string>();
  for (const same of byKey.values()) {
    same.sort((a, b) => compare(b.startedAt, a.startedAt) || compare(b.traceId, a.traceId));
    for (const {traceId} of same.slice(0, count)) kept.add(traceId);
  }
  return kept;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Traces that hold another part of a kept run (a pause and its continuation are two traces with one run id), and
 * traces that hold parts of the runs of those in turn.
 * @param runIdsOf run ids in each trace that would be deleted
 * @param staying run ids of what is kept
 */
export function partsOfStaying(
  runIdsOf: ReadonlyMap<string, readonly string[]>,
  staying: Iterable<string>,
): Set<string> {
  const kept = new Set<string>();
  const holders = new Map<string, string[]>();
  for (const [traceId, runIds] of runIdsOf) {
    for (const runId of runIds) {
      const same = holders.get(runId);
      if (same) same.push(traceId);
      else holders.set(runId, [traceId]);
    }
  }
  const open = [...staying];
  const seen = new Set(open);
  for (let runId = open.pop(); runId !== undefined; runId = open.pop()) {
    for (const traceId of holders.get(runId) ?? []) {
      if (kept.has(traceId)) continue;
      kept.add(traceId);
      for (const other of runIdsOf.get(traceId)!) {
        if (seen.has(other)) continue;
        seen.add(other);
        open.push(other);
      }
    }
  }
  return kept;
}
