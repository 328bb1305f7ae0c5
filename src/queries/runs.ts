import {smallest} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {isAnyOf} from '../sql/fragments.ts';
import {either, raw, sql, table} from '../sql/sql.ts';
import {evidenceOf, type Store} from '../store/store.ts';
import {type Details, detailsOf} from '../trace/details.ts';
import {Judge} from '../trace/judge.ts';
import {type JudgedRun, judgedRun} from '../trace/record.ts';
import {buildTrace, type Patience, type Run, type Trace} from '../trace/runs.ts';
import type {Span} from '../trace/span.ts';
import {type Evidence, NO_EVIDENCE} from '../trace/state.ts';
import {isoTime, parseTime} from '../trace/time.ts';
import {isContinuation} from '../trace/tree.ts';
import {withPromptForms} from './prompt-forms.ts';
import {type LoadedTrace, loadTraces, loadWhole} from './spans.ts';
import {Turns} from './turns.ts';

export interface JudgedTrace {
  readonly trace: Trace;
  /** Runs and loose parts by start; a trace without any of Agno's spans has one row of traffic. */
  readonly runs: readonly JudgedRun[];
}

interface JudgeOptions {
  readonly patience: Patience;
  /** Also read the conversations of Agno 2, which hold whole runs: for a few runs, not for a page of them. */
  readonly readsConversations?: boolean;
  /** Absent where costs are not looked at: then there are only those that providers reported. */
  readonly prices?: Prices;
}

/** Reads traces and judges their runs, with what Agno's own tables add where they are there. */
export async function loadRuns(
  store: Store,
  traceIds: readonly string[],
  options: JudgeOptions,
): Promise<JudgedTrace[]> {
  return judgeTraces(store, await loadTraces(store, traceIds), options);
}

export async function judgeTraces(
  store: Store,
  loaded: readonly LoadedTrace[],
  options: JudgeOptions,
): Promise<JudgedTrace[]> {
  const clock = {nowMicros: store.nowMicros(), patience: options.patience};
  const priced: LoadedTrace[] = [];
  for (const item of loaded) {
    const spans = await withPromptForms(store, item.spans);
    priced.push({...item, spans: options.prices ? await options.prices.priced(spans) : spans});
  }
  const turns = new Turns();
  const built: {trace: Trace; judge: Judge; runs: readonly Run[]}[] = [];
  for (const {traceId, spans, row} of priced) {
    let trace = buildTrace(traceId, spans, row, clock);
    if (trace.unclear.size > 0) trace = buildTrace(traceId, spans, row, clock, await loadDetails(store, trace));
    await turns.others();
    built.push({trace, judge: new Judge(trace.tops), runs: trace.traffic ? [trace.traffic] : trace.runs});
    await turns.others();
  }
  const runs = built.flatMap(item => item.runs.map(run => ({run, judge: item.judge})));
  const statuses = await loadAgnoStatuses(
    store,
    runs.map(({run}) => run),
    options,
  );
  const paused = runs.filter(
    ({run, judge}) => run.runId !== null && judge.run(run, NO_EVIDENCE, clock).state === 'paused',
  );
  const continuations = await loadContinuations(
    store,
    paused.map(({run}) => run),
    runs.map(({run}) => run),
  );
  const judged: JudgedTrace[] = [];
  for (const {trace, judge, runs: own} of built) {
    const judgedRuns = own.map(run => {
      const evidence: Evidence = {
        agnoStatus: (run.runId !== null && !run.isMissing ? statuses.get(run.runId) : undefined) ?? null,
        continuedAt: continuations.get(run) ?? null,
      };
      return judgedRun(run, judge, judge.run(run, evidence, clock), evidence);
    });
    judged.push({trace, runs: judgedRuns});
    await turns.others();
  }
  return judged;
}

/** Of spans that are held for long, as those of a trace that is followed. */
const details = new WeakMap<Span, Details>();

/** What the whole rows of unclear spans tell; each is read once. */
async function loadDetails(store: Store, {nodes, unclear}: Trace): Promise<ReadonlyMap<string, Details>> {
  const spans = [...unclear].flatMap(id => nodes.get(id)?.span ?? []);
  const unread = new Map(spans.filter(span => !details.has(span)).map(span => [span.spanId, span]));
  for await (const whole of loadWhole(store, [...unread.keys()], {quick: true}))
    details.set(unread.get(whole.spanId)!, detailsOf(whole));
  return new Map(spans.flatMap(span => (details.has(span) ? [[span.spanId, details.get(span)!]] : [])));
}

/**
 * Agno's own status of runs: one keyed look-up in `agno_runs` (Agno 3), and where asked the runs inside
 * `agno_sessions` (2.x; on SQLite the column holds JSON encoded twice). Optional: absent tables give nothing.
 */
async function loadAgnoStatuses(
  store: Store,
  runs: readonly Run[],
  options: JudgeOptions,
): Promise<Map<string, string>> {
  const statuses = new Map<string, string>();
  const keep = (rows: readonly {run_id: unknown; status: unknown}[]) => {
    for (const row of rows)
      if (row.run_id != null && row.status != null) statuses.set(String(row.run_id), String(row.status).toUpperCase());
  };
  const evidence = evidenceOf(store);
  const runIds = unique(runs.map(run => run.runId));
  if (evidence.tables.runs && runIds.length > 0) {
    keep(
      await evidence.all(sql`
select r.run_id, r.status
  from ${table('runs')} r
 where ${isAnyOf(raw('r.run_id'), runIds)}`),
    );
  }
  const sessionIds = unique(
    runs.filter(run => run.runId !== null && !statuses.has(run.runId)).map(run => run.sessionId),
  );
  if (options.readsConversations && evidence.tables.sessions && sessionIds.length > 0) {
    keep(
      await evidence.all(
        either({
          sqlite: sql`
select r.value ->> 'run_id' as run_id, r.value ->> 'status' as status
  from ${table('sessions')} c,
       json_each(case when json_valid(c.runs) then iif(json_type(c.runs) = 'text', c.runs ->> '$', c.runs) else '[]' end) r
 where ${isAnyOf(raw('c.session_id'), sessionIds)} and r.type = 'object'`,
          postgres: sql`
select r.value ->> 'run_id' as run_id, r.value ->> 'status' as status
  from ${table('sessions')} c,
       jsonb_array_elements(case when jsonb_typeof(c.runs) = 'array' then c.runs else '[]' end) r
 where ${isAnyOf(raw('c.session_id'), sessionIds)} and jsonb_typeof(r.value) = 'object'`,
        }),
      ),
    );
  }
  return statuses;
}

/**
 * When paused runs went on: a later trace with the same run id (Agno 3). By the index on the trace rows, and among the
 * runs at hand, whose rows may be empty behind HTTP.
 */
async function loadContinuations(
  store: Store,
  paused: readonly Run[],
  atHand: readonly Run[],
): Promise<Map<Run, string>> {
  const found = new Map<Run, string>();
  if (paused.length === 0) return found;
  const rows = await store.all<{trace_id: unknown; run_id: unknown; start_time: unknown}>(sql`
select t.trace_id, t.run_id, t.start_time
  from ${table('traces')} t
 where ${isAnyOf(raw('t.run_id'), unique(paused.map(run => run.runId)))}`);
  const later = [
    ...rows.map(row => ({runId: row.run_id, traceId: row.trace_id, startMicros: parseTime(row.start_time)})),
    ...atHand.filter(run => run.root.span && isContinuation(run.root.span)),
  ];
  for (const run of paused) {
    const end = run.endMicros ?? run.startMicros ?? 0;
    const starts = later
      .filter(other => other.runId === run.runId && other.startMicros !== null && other.startMicros >= end)
      .map(other => other.startMicros!);
    if (starts.length > 0) found.set(run, isoTime(smallest(starts))!);
  }
  return found;
}

function unique(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter(value => value !== null))];
}
