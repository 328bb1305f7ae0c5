import {largest, smallest} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {andOnClickhouse, isAnyOf} from '../sql/fragments.ts';
import {EMPTY, either, raw, sql, table} from '../sql/sql.ts';
import {evidenceOf, type Store} from '../store/store.ts';
import {asText} from '../trace/cell.ts';
import {type Continuation, isContinuationOf} from '../trace/continuation.ts';
import {type Details, detailsOf} from '../trace/details.ts';
import {Judge} from '../trace/judge.ts';
import {type JudgedRun, judgingRun} from '../trace/record.ts';
import {isRedacted} from '../trace/redacted.ts';
import {buildingTrace, type Patience, type Run, type Trace} from '../trace/runs.ts';
import type {Span} from '../trace/span.ts';
import {type Evidence, NO_EVIDENCE} from '../trace/state.ts';
import {isoTime, parseTime} from '../trace/time.ts';
import {isContinuation} from '../trace/tree.ts';
import {Turns} from '../turns.ts';
import {IS_CONTINUATION_NAME} from './look-up.ts';
import {withPromptForms} from './prompt-forms.ts';
import {findSequel} from './sequels.ts';
import {IS_TOP, type LoadedTrace, loadTraces, loadWhole} from './spans.ts';
import {withinMonth} from './window.ts';
import {loadWriter} from './writer.ts';

export interface JudgedTrace {
  readonly trace: Trace;
  /** Runs and loose parts by start; a trace without any of Agno's spans has one row of traffic. */
  readonly runs: readonly JudgedRun[];
}

export interface JudgeOptions {
  readonly patience: Patience;
  /** Also read the conversations of Agno 2, which hold whole runs: for a few runs, not for a page. */
  readonly readsConversations?: boolean;
  /** False: do not look among later spans for the continuation of a waiting run. */
  readonly seeksSequels?: boolean;
  /** Absent if costs do not matter: then there are only costs that providers reported. */
  readonly prices?: Prices;
}

/** Of the runs read together, how many waiting runs have their continuation looked up among later spans. */
const MOST_SOUGHT = 20;

/** Reads traces and judges their runs. Adds the status from Agno's own tables if they exist. */
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
    let trace = await turns.finish(buildingTrace(traceId, spans, row, clock));
    if (trace.unclear.size > 0) {
      const details = await loadDetails(store, trace);
      trace = await turns.finish(buildingTrace(traceId, spans, row, clock, details));
    }
    const judge = await turns.finish(Judge.judging(trace.tops, await loadWriter(store, trace)));
    built.push({trace, judge, runs: trace.traffic ? [trace.traffic] : trace.runs});
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
  // If outputs are hidden, a pause is invisible, but its continuation is not.
  const hidden = runs.filter(({run}) => run.runId !== null && mayHidePause(run));
  const continuations = await loadContinuations(
    store,
    [...new Set([...paused, ...hidden].map(({run}) => run))],
    runs.map(({run}) => run),
  );
  const loose = paused.flatMap(({run}) => (continuations.has(run) ? [] : run));
  const unsought = new Set(options.seeksSequels === false ? [] : loose.filter(run => !statuses.has(run)));
  // Agno's status that a workflow is over says nothing about the steps that continued it.
  const spoken = loose.filter(run => run.kind === 'workflow' && (statuses.get(run) ?? 'PAUSED') !== 'PAUSED');
  const partFailures = new Map<Run, Evidence['partFailure']>();
  for (const run of [...unsought, ...(options.seeksSequels === false ? [] : spoken)].slice(0, MOST_SOUGHT)) {
    const {startMicros, isCut, tied} = await findSequel(store, run, ids =>
      loadRuns(store, ids, {...options, seeksSequels: false}),
    );
    partFailures.set(run, failureOf(tied));
    if (!unsought.has(run)) continue;
    if (startMicros !== null) continuations.set(run, isoTime(startMicros)!);
    if (startMicros !== null || !isCut) unsought.delete(run);
    await turns.yieldIfLong();
  }
  const judged: JudgedTrace[] = [];
  for (const {trace, judge, runs: own} of built) {
    const judgedRuns: JudgedRun[] = [];
    for (const run of own) {
      const evidence: Evidence = {
        agnoStatus: statuses.get(run) ?? null,
        continuedAt: continuations.get(run) ?? null,
        ...(unsought.has(run) ? {isSearchCut: true} : {}),
        partFailure: partFailures.get(run) ?? null,
      };
      judgedRuns.push(await turns.finish(judgingRun(run, judge, judge.run(run, evidence, clock), evidence)));
    }
    judged.push({trace, runs: judgedRuns});
    await turns.yieldIfLong();
  }
  return judged;
}

/** Its output is hidden: if it ended by waiting for somebody, that would not show. */
export function mayHidePause({root: {span}}: Run): boolean {
  return span !== null && isRedacted(span.output) && !isContinuation(span);
}

/** The failure among the parts that continued a run without its id. */
function failureOf(tied: readonly JudgedRun[]): Evidence['partFailure'] {
  const failed = tied.find(({record}) => record.state === 'error');
  if (!failed) return null;
  const {name, stateReason} = failed.record;
  return {text: `${name} failed: ${stateReason}`, isLast: tied.at(-1) === failed};
}

/** By span: a span is kept for long, for example while its trace is followed. */
const details = new WeakMap<Span, Details>();

/** What the complete rows of unclear spans add; each is read once. */
async function loadDetails(store: Store, {traceId, nodes, unclear}: Trace): Promise<ReadonlyMap<string, Details>> {
  const spans = [...unclear].flatMap(id => nodes.get(id)?.span ?? []);
  const unread = new Map(spans.filter(span => !details.has(span)).map(span => [span.spanId, span]));
  for await (const whole of loadWhole(store, [...unread.keys()], {quick: true, traceIds: [traceId]}))
    details.set(unread.get(whole.spanId)!, detailsOf(whole));
  return new Map(spans.flatMap(span => (details.has(span) ? [[span.spanId, details.get(span)!]] : [])));
}

/** Agno's own status for a run id: one row per id, even if several runs have that id. */
interface AgnoStatus {
  readonly runId: string;
  readonly status: string;
  readonly sessionId: string | null;
  readonly createdSeconds: number | null;
}

/** Agno writes a run's start in whole seconds, just before its span begins. */
const SLACK_SECONDS = 2;

/** Agno has one row per id, whoever uses it: it applies to the run whose session and time match. */
function isOf(run: Run, {sessionId, createdSeconds}: AgnoStatus): boolean {
  if (sessionId !== null && run.sessionId !== null && sessionId !== run.sessionId) return false;
  if (createdSeconds === null || createdSeconds <= 0 || run.startMicros === null) return true;
  const start = run.startMicros / 1e6;
  const end = Math.max(start, (run.endMicros ?? run.startMicros) / 1e6);
  // A continuation begins long after the row was written.
  const isEarly = run.root.span !== null && isContinuation(run.root.span);
  return createdSeconds <= end + SLACK_SECONDS && (isEarly || createdSeconds >= Math.floor(start) - SLACK_SECONDS);
}

/**
 * Agno's own status of runs: one look-up by key in `agno_runs` (Agno 3) and, if asked for, the runs inside
 * `agno_sessions` (2.x; on SQLite the column holds JSON encoded twice). Optional: absent tables return nothing.
 */
async function loadAgnoStatuses(
  store: Store,
  runs: readonly Run[],
  options: JudgeOptions,
): Promise<ReadonlyMap<Run, string>> {
  const found = new Map<string, AgnoStatus[]>();
  const keep = (rows: readonly {run_id: unknown; status: unknown; session_id: unknown; created_at?: unknown}[]) => {
    for (const row of rows) {
      if (row.run_id == null || row.status == null) continue;
      const runId = String(row.run_id);
      const status: AgnoStatus = {
        runId,
        status: String(row.status).toUpperCase(),
        sessionId: row.session_id == null ? null : String(row.session_id),
        createdSeconds: row.created_at == null ? null : Number(row.created_at),
      };
      found.set(runId, [...(found.get(runId) ?? []), status]);
    }
  };
  const evidence = evidenceOf(store);
  const runIds = unique(runs.map(run => run.runId));
  if (evidence.tables.runs && runIds.length > 0) {
    // Inside the brackets, `session_id` is the table's own column; if it has none, it is the empty one outside.
    keep(
      await evidence.all(sql`
select r.run_id, r.status, r.created_at,
       (select session_id from ${table('runs')} i where i.run_id = r.run_id limit 1) as session_id
  from (select q.run_id, q.status, q.created_at, null as session_id
          from ${table('runs')} q
         where ${isAnyOf(raw('q.run_id'), runIds)}) r`),
    );
  }
  const sessionIds = unique(runs.filter(run => run.runId !== null && !found.has(run.runId)).map(run => run.sessionId));
  if (options.readsConversations && evidence.tables.sessions && sessionIds.length > 0) {
    keep(
      await evidence.all(
        either({
          sqlite: sql`
select r.value ->> 'run_id' as run_id, r.value ->> 'status' as status, c.session_id
  from ${table('sessions')} c,
       json_each(case when json_valid(c.runs) then iif(json_type(c.runs) = 'text', c.runs ->> '$', c.runs) else '[]' end) r
 where ${isAnyOf(raw('c.session_id'), sessionIds)} and r.type = 'object'`,
          postgres: sql`
select r.value ->> 'run_id' as run_id, r.value ->> 'status' as status, c.session_id
  from ${table('sessions')} c,
       jsonb_array_elements(case when jsonb_typeof(c.runs) = 'array' then c.runs else '[]' end) r
 where ${isAnyOf(raw('c.session_id'), sessionIds)} and jsonb_typeof(r.value) = 'object'`,
          // Agno keeps neither runs nor sessions in ClickHouse.
          clickhouse: sql`select null as run_id, null as status, null as session_id where false`,
        }),
      ),
    );
  }
  const statuses = new Map<Run, string>();
  for (const run of runs) {
    if (run.runId === null || run.isMissing) continue;
    const own = found.get(run.runId)?.find(status => isOf(run, status));
    if (own) statuses.set(run, own.status);
  }
  return statuses;
}

/**
 * When paused runs continued: the start of a later `continue_run` with the same run id, component and session (Agno
 * 3). Found by the index on the trace rows, and among the runs at hand, because the rows may be empty behind HTTP.
 */
async function loadContinuations(
  store: Store,
  paused: readonly Run[],
  atHand: readonly Run[],
): Promise<Map<Run, string>> {
  const found = new Map<Run, string>();
  if (paused.length === 0) return found;
  const runIds = unique(paused.map(run => run.runId));
  const ends = paused.flatMap(run => run.endMicros ?? run.startMicros ?? []);
  const isAfter = (alias: string) =>
    ends.length === 0
      ? EMPTY
      : sql`${withinMonth(alias, smallest(ends), 'before')}${withinMonth(alias, largest(ends), 'after')}`;
  const rows = await store.all<Record<string, unknown>>(sql`
select t.run_id, t.session_id, t.agent_id, t.team_id, s.start_time
  from ${table('traces')} t
  join ${table('spans')} s on s.trace_id = t.trace_id and ${IS_TOP}
 where ${isAnyOf(raw('t.run_id'), runIds)}${isAfter('t')}
   and ${IS_CONTINUATION_NAME}${isAfter('s')}${andOnClickhouse(sql`s.trace_id in (select r.trace_id from ${table('traces')} r where ${isAnyOf(raw('r.run_id'), runIds)}${isAfter('r')})`)}`);
  const later: Continuation[] = [
    ...rows.map(row => ({
      runId: asText(row.run_id),
      sessionId: asText(row.session_id),
      agentId: asText(row.agent_id),
      teamId: asText(row.team_id),
      startMicros: parseTime(row.start_time),
    })),
    ...atHand.filter(run => run.root.span && isContinuation(run.root.span)),
  ];
  for (const run of paused) {
    const end = run.endMicros ?? run.startMicros ?? 0;
    const starts = later
      .filter(other => other.startMicros !== null && other.startMicros >= end && isContinuationOf(run, other))
      .map(other => other.startMicros!);
    if (starts.length > 0) found.set(run, isoTime(smallest(starts))!);
  }
  return found;
}

function unique(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter(value => value !== null))];
}
