import {append} from '../lists.ts';
import {escapeGlob, matchesGlob, time} from '../sql/fragments.ts';
import {join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {isContinuationOf} from '../trace/continuation.ts';
import {hidesSteps, type LooseCandidate, tieLooseParts} from '../trace/loose-parts.ts';
import {type JudgedRun, spansOf} from '../trace/record.ts';
import type {Run} from '../trace/runs.ts';
import {agnoTime} from '../trace/time.ts';
import {isContinuation} from '../trace/tree.ts';
import type {JudgedTrace} from './load.ts';
import {IS_CONTINUATION_NAME} from './look-up.ts';
import {IS_TOP, loadNarrowSpans, loadSpans} from './spans.ts';
import {withinMonth} from './window.ts';

/** How many spans after a pause are searched for its continuation. */
export const SPANS_AFTER = 2000;
/** How many loose parts are examined if a pause has no continuation with an id. */
const MOST_CANDIDATES = 200;
const SLACK_MICROS = 2_000_000;

/** The continuation of a run that waited. */
export interface Sequel {
  /** Null: nothing was found. */
  readonly startMicros: number | null;
  /** Not everything after the pause was examined. */
  readonly isCut: boolean;
  /** Traces with a `continue_run` of the run. */
  readonly traceIds: readonly string[];
  /** Loose parts that are tied to the run, by start, and the traces that hold them. */
  readonly tied: readonly JudgedRun[];
  readonly traces: readonly JudgedTrace[];
}

interface Candidate {
  readonly trace_id: string;
  readonly span_id: string;
  readonly name: string;
  readonly parent_span_id: string | null;
}

/**
 * Searches the spans after a pause for the continuation: a `continue_run` span, the request whose path names the run,
 * or loose parts that are tied by their contents (docs/agno.md, Pauses).
 * @param load reads and judges traces, and searches no further
 */
export async function findSequel(
  store: Store,
  run: Run,
  load: (traceIds: readonly string[]) => Promise<JudgedTrace[]>,
): Promise<Sequel> {
  const end = run.endMicros ?? run.startMicros;
  const none: Sequel = {startMicros: null, isCut: false, traceIds: [], tied: [], traces: []};
  if (end === null || run.root.span === null) return none;
  const from = sql`s.start_time >= ${time(agnoTime(end - SLACK_MICROS))}${withinMonth('s', end, 'after')}`;
  const [bound] = await store.all<{start_time: unknown}>(sql`
select s.start_time
  from ${table('spans')} s
 where ${from}
 order by s.start_time
 limit 1 offset ${raw(String(SPANS_AFTER))}`);
  const isCut = bound !== undefined;
  const names = [IS_CONTINUATION_NAME, raw(`s.name like '%/continue'`), ...looseNames(run)];
  const rows = await store.all<Candidate>(sql`
select s.trace_id, s.span_id, s.name, s.parent_span_id
  from ${table('spans')} s
 where ${from}${bound ? sql` and s.start_time <= ${time(String(bound.start_time))}` : raw('')}
   and (${join(names, ' or ')})
 order by s.start_time
 limit ${raw(String(MOST_CANDIDATES))}`);
  if (rows.length === 0) return {...none, isCut};
  const spans = await loadNarrowSpans(
    store,
    rows.filter(({name}) => /continue_run$|\/continue$/.test(name)).map(row => String(row.span_id)),
    {traceIds: rows.map(row => String(row.trace_id))},
  );
  const continuations = spans.filter(
    span => isContinuation(span) && (span.startMicros ?? 0) >= end && isContinuationOf(run, span),
  );
  if (continuations.length > 0) {
    const starts = continuations.flatMap(span => span.startMicros ?? []);
    const traceIds = [...new Set(continuations.map(span => span.traceId))];
    return {...none, startMicros: starts.sort((a, b) => a - b)[0] ?? null, isCut, traceIds};
  }
  const asked = spans.filter(span => run.runId !== null && span.http?.path?.includes(`/${run.runId}/continue`));
  const traces = await load([...new Set([...asked.map(span => span.traceId), ...looseTraces(rows)])]);
  const tied = await tie(store, run, traces, new Set(asked.map(span => span.traceId)));
  if (tied.length === 0) return {...none, isCut};
  const ofTied = new Set(tied.map(judged => judged.record.traceId));
  return {
    ...none,
    startMicros: tied[0]!.run.startMicros,
    isCut,
    tied,
    traces: traces.filter(({trace}) => ofTied.has(trace.traceId)),
  };
}

function looseTraces(rows: readonly Candidate[]): string[] {
  return rows
    .filter(row => row.parent_span_id === null && !row.name.endsWith('/continue'))
    .map(row => String(row.trace_id));
}

/**
 * A test for each name that a loose part of this run can have: its open tool calls, its models' calls, its workflow's
 * steps.
 */
function looseNames(run: Run): Sql[] {
  const root = run.root.span!;
  const globs =
    run.kind === 'workflow'
      ? hidesSteps(root)
        ? ['*.*execute*']
        : root.steps.map(step => `${escapeGlob(step.replace(/[ -]/g, '_'))}.*execute*`)
      : callNames(run);
  return globs.map(glob => sql`(${IS_TOP} and ${matchesGlob(raw('s.name'), glob)})`);
}

function callNames(run: Run): string[] {
  const calls = spansOf(run).filter(span => span.kind === 'llm');
  const models = new Set(calls.map(call => `${escapeGlob(call.name.split('.')[0]!)}.*`));
  const tools = new Set(calls.flatMap(call => call.toolCalls.map(asked => escapeGlob(asked.name))));
  return [...models, ...tools];
}

async function tie(
  store: Store,
  run: Run,
  traces: readonly JudgedTrace[],
  asked: ReadonlySet<string>,
): Promise<JudgedRun[]> {
  const parts = traces.flatMap(trace => trace.runs).filter(judged => judged.run.isPart);
  parts.sort((a, b) => (a.run.startMicros ?? 0) - (b.run.startMicros ?? 0));
  // The request names the run of its parts; parts of another request belong to another run.
  const requested = parts.filter(({record}) => asked.has(record.traceId));
  if (requested.length > 0) return requested;
  const loose = parts.filter(({run: {root}}) => root.parent === null);
  const asking = run.kind === 'workflow' ? [run.root.span!] : spansOf(run).filter(span => span.toolCalls.length > 0);
  const ids = asking.map(span => span.spanId);
  append(
    ids,
    loose.map(judged => judged.run.root.id),
  );
  const traceIds = [...new Set([...asking.map(span => span.traceId), ...loose.map(({record}) => record.traceId)])];
  const whole = new Map((await loadSpans(store, ids, {traceIds})).map(span => [span.spanId, span]));
  const candidates: LooseCandidate[] = loose.flatMap(judged => {
    const top = whole.get(judged.run.root.id);
    return top ? [{judged, top}] : [];
  });
  return tieLooseParts(
    run,
    asking.flatMap(span => whole.get(span.spanId) ?? []),
    candidates,
  );
}
