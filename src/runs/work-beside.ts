import {append, largest, smallest} from '../lists.ts';
import {isAnyOf, time} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY, textOf} from '../trace/attributes.ts';
import {KIND_RULES} from '../trace/kind.ts';
import {type AskedRun, tieWorkBeside} from '../trace/loose-parts.ts';
import {type JudgedRun, spansOf} from '../trace/record.ts';
import type {Run} from '../trace/runs.ts';
import type {Span} from '../trace/span.ts';
import {agnoTime} from '../trace/time.ts';
import {isRunSpan} from '../trace/tree.ts';
import type {JudgedTrace} from './load.ts';
import {IS_RUN_NAME} from './look-up.ts';
import {SPANS_AFTER} from './sequels.ts';
import {IS_TOP, loadSpans} from './spans.ts';
import {isAmong, withinMonth} from './window.ts';

/** How many spans of other traces are examined for one run. */
const MOST_CANDIDATES = 200;
const MEMORY_TOOLS = KIND_RULES.find(({kind}) => kind === 'memory')!.names!;

/** Loose parts, and the traces that hold them. */
interface WorkBeside {
  readonly tied: readonly JudgedRun[];
  readonly traces: readonly JudgedTrace[];
}
const NOTHING: WorkBeside = {tied: [], traces: []};

/**
 * Searches the spans from the time of a run for work that Agno did for it in traces without ids: the calls of its
 * memory manager and their tools (docs/agno.md, Topology). Work that another run may also have asked for belongs to
 * neither.
 * @param load reads and judges traces
 */
export async function findWorkBeside(
  store: Store,
  {run}: JudgedRun,
  load: (traceIds: readonly string[]) => Promise<JudgedTrace[]>,
): Promise<WorkBeside> {
  if (run.isMissing || run.isPart || run.startMicros === null || run.endMicros === null) return NOTHING;
  const [start, end] = [time(agnoTime(run.startMicros)), time(agnoTime(run.endMicros))];
  const within = (alias: string) => {
    const column = raw(`${alias}.start_time`);
    return sql`${column} >= ${start} and ${column} <= ${end}`;
  };
  const rows = await store.all<{trace_id: unknown; span_id: unknown}>(sql`
select s.trace_id, s.span_id
  from ${table('spans')} s
 where ${isAmong(within, 'first', SPANS_AFTER)}
   and ${IS_TOP}
   and (s.name like '%.%invoke%' or ${isAnyOf(raw('s.name'), MEMORY_TOOLS)})
 order by s.start_time
 limit ${raw(String(MOST_CANDIDATES))}`);
  if (rows.length === 0) return NOTHING;
  const read = await loadSpans(
    store,
    rows.map(row => String(row.span_id)),
    {traceIds: rows.map(row => String(row.trace_id))},
  );
  // A text that sorts between two times may still be no time.
  const tops = read.filter(({startMicros}) => startMicros !== null);
  if (!tops.some(({purpose}) => purpose !== null)) return NOTHING;
  const own = spansOf(run).filter(isAsking);
  const asked = await askedRuns(store, own);
  const rivals = await loadRivals(store, run, tops);
  if (rivals === null) return NOTHING;
  const others = await askedRuns(store, rivals);
  const traces = await load([...new Set(tops.map(({traceId}) => traceId))]);
  const partOf = new Map(
    traces.flatMap(({runs}) => runs.filter(one => one.run.isPart).map(one => [one.run.root.id, one] as const)),
  );
  const candidates = tops.flatMap(top => {
    const judged = partOf.get(top.spanId);
    return judged ? [{judged, top}] : [];
  });
  const tied = tieWorkBeside(asked, others, candidates);
  const ofTied = new Set(tied.map(({record}) => record.traceId));
  return {tied, traces: traces.filter(({trace}) => ofTied.has(trace.traceId))};
}

function isAsking(span: Span): boolean {
  return isRunSpan(span) && span.kind !== 'workflow';
}

/** Runs in other traces that were at work when one of these spans began; null: too many to examine. */
async function loadRivals(store: Store, {traceId, runId}: Run, tops: readonly Span[]): Promise<Span[] | null> {
  const starts = tops.flatMap(({startMicros}) => startMicros ?? []);
  const [first, last] = [smallest(starts), largest(starts)];
  const bound = (alias: string) =>
    sql`${raw(alias)}.start_time <= ${time(agnoTime(last))}${withinMonth(alias, last, 'before')}`;
  const rows = await store.all<{span_id: unknown; trace_id: unknown}>(sql`
select s.span_id, s.trace_id
  from ${table('spans')} s
 where ${isAmong(bound, 'latest', SPANS_AFTER)}
   and s.trace_id <> ${traceId} and s.end_time >= ${time(agnoTime(first))} and ${IS_RUN_NAME}
 order by s.start_time desc
 limit ${raw(String(MOST_CANDIDATES))}`);
  if (rows.length === MOST_CANDIDATES) return null;
  const rivals = await loadSpans(
    store,
    rows.map(row => String(row.span_id)),
    {traceIds: rows.map(row => String(row.trace_id))},
  );
  // Its continuation has a trace of its own.
  return rivals.filter(span => isAsking(span) && (runId === null || span.runId !== runId));
}

/** When runs were at work and what they were asked; only complete rows have the latter. */
async function askedRuns(store: Store, runs: readonly Span[]): Promise<AskedRun[]> {
  const known = runs.filter(({attributes}) => attributes !== null);
  const unread = runs.filter(({attributes}) => attributes === null);
  const read = [...known];
  append(
    read,
    await loadSpans(
      store,
      unread.map(({spanId}) => spanId),
      {traceIds: unread.map(({traceId}) => traceId)},
    ),
  );
  return read.flatMap(({startMicros, endMicros, attributes}) => {
    const input = attributes && textOf(attributes, KEY.input);
    return input && startMicros !== null ? [{startMicros, endMicros, input}] : [];
  });
}
