import {append} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {attributeLike, escapeGlob, isAnyOf, matchesGlob} from '../sql/fragments.ts';
import {join, raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {tieLooseParts} from '../trace/loose-parts.ts';
import {type JudgedRun, judgedRun, spansOf} from '../trace/record.ts';
import type {Clock, Patience} from '../trace/runs.ts';
import {agnoTime, isoTime} from '../trace/time.ts';
import {isContinuation} from '../trace/tree.ts';
import {IS_RUN_NAME} from './look-up.ts';
import {type JudgedTrace, loadRuns} from './runs.ts';
import {loadSpans} from './spans.ts';

/** Everything that belongs to one run: its parts in order, and the traces they stand in. */
export interface Story {
  readonly traces: readonly JudgedTrace[];
  /** By start: the run, its continuations, its members' continuations, loose parts that could be tied to it. */
  readonly parts: readonly JudgedRun[];
  /** Those of the parts that carry no id of the run and were tied to it by what they hold. */
  readonly tied: ReadonlySet<JudgedRun>;
}

interface StoryOptions {
  readonly patience: Patience;
  readonly prices?: Prices;
}

/** Loose parts looked at when a pause has no continuation with an id. */
const MOST_CANDIDATES = 200;

/**
 * The parts of a run that paused and went on (docs/design.md, Runs). Agno 3 gives a continuation a trace of its own with the
 * same run id, its team's members theirs; a workflow's remaining steps, and all of it in Agno 2, are loose.
 * @param runId the run's id
 * @param traceIds the traces it is known to stand in
 */
export async function loadStory(
  store: Store,
  runId: string,
  traceIds: readonly string[],
  {patience, prices}: StoryOptions,
): Promise<Story> {
  const options = {patience, prices, readsConversations: true};
  let known = new Set(traceIds);
  let traces = await loadRuns(store, [...known], options);
  let ids = storyIds(traces, runId);
  for (;;) {
    const found = await loadTraceIds(store, traces, ids, runId);
    const grown = new Set([...known, ...found]);
    if (grown.size === known.size) break;
    known = grown;
    traces = await loadRuns(store, [...known], options);
    ids = storyIds(traces, runId);
  }
  const parts = traces
    .flatMap(trace => trace.runs)
    .filter(judged => judged.record.runId !== null && ids.has(judged.record.runId));
  return withLooseParts(store, {traces, parts: parts.sort(byStart), tied: new Set()}, options);
}

function byStart(a: JudgedRun, b: JudgedRun): number {
  return (a.run.startMicros ?? 0) - (b.run.startMicros ?? 0);
}

/** The run's id and those of its members that paused: whoever continues them continues its story. */
function storyIds(traces: readonly JudgedTrace[], runId: string): Set<string> {
  const ids = new Set([runId]);
  for (const {run, judge, record} of traces.flatMap(trace => trace.runs)) {
    if (record.runId === runId) for (const id of judge.pausedRunIds(run)) ids.add(id);
  }
  return ids;
}

async function loadTraceIds(
  store: Store,
  traces: readonly JudgedTrace[],
  ids: ReadonlySet<string>,
  runId: string,
): Promise<string[]> {
  const byIndex = await store.all<{trace_id: unknown}>(sql`
select t.trace_id
  from ${table('traces')} t
 where ${isAnyOf(raw('t.run_id'), [...ids])}`);
  const found = byIndex.map(row => String(row.trace_id));
  const own = traces
    .flatMap(trace => trace.runs)
    .filter(({record}) => record.runId === runId)
    .sort(byStart);
  const first = own[0];
  const last = own.at(-1);
  // Behind HTTP the rows are empty. Only a run that waits, or one that begins in the middle, makes it worth a search.
  if (last?.record.state === 'paused')
    append(found, await searchContinuations(store, [...ids], last.run.endMicros, null));
  if (first?.run.root.span && isContinuation(first.run.root.span))
    append(found, await searchContinuations(store, [...ids], null, first.run.startMicros));
  return found;
}

/** Traces with a run span of one of these ids, after a pause or before a continuation. */
async function searchContinuations(
  store: Store,
  ids: readonly string[],
  afterMicros: number | null,
  beforeMicros: number | null,
): Promise<string[]> {
  const bounds = [
    ...(afterMicros === null ? [] : [sql`s.start_time >= ${agnoTime(afterMicros - 2_000_000)}`]),
    ...(beforeMicros === null ? [] : [sql`s.start_time < ${agnoTime(beforeMicros + 2_000_000)}`]),
  ];
  const rows = await store.all<{trace_id: unknown}>(sql`
select s.trace_id
  from ${table('spans')} s
 where ${join(bounds, ' and ')}
   and ${IS_RUN_NAME}
   and ${isAnyOf(attributeLike('s', KEY.runId, ids), ids)}`);
  return rows.map(row => String(row.trace_id));
}

async function withLooseParts(store: Store, story: Story, options: StoryOptions): Promise<Story> {
  const clock = {nowMicros: store.nowMicros(), patience: options.patience};
  const waits = (part: JudgedRun) =>
    part.evidence.continuedAt === null && part.judge.node(part.run.root)?.state === 'paused';
  const paused = story.parts.findLast(waits);
  const end = paused?.run.endMicros ?? null;
  if (!paused || end === null) return story;
  const names = namesToLookFor(paused);
  if (names.length === 0) return story;
  const rows = await store.all<{trace_id: unknown; span_id: unknown}>(sql`
select s.trace_id, s.span_id
  from ${table('spans')} s
 where s.start_time >= ${agnoTime(end - 2_000_000)}
   and s.parent_span_id is null
   and (${join(
     names.map(name => matchesGlob(raw('s.name'), name)),
     ' or ',
   )})
 order by s.start_time
 limit ${MOST_CANDIDATES}`);
  if (rows.length === 0) return story;
  const loaded = await loadRuns(store, [...new Set(rows.map(row => String(row.trace_id)))], options);
  const tops = new Map(
    (
      await loadSpans(
        store,
        rows.map(row => String(row.span_id)),
      )
    ).map(span => [span.spanId, span]),
  );
  const candidates = loaded
    .flatMap(trace => trace.runs)
    .filter(judged => judged.run.isPart && tops.has(judged.run.root.id))
    .sort(byStart)
    .map(judged => ({judged, top: tops.get(judged.run.root.id)!}));
  const asking = spansOf(paused.run).filter(span => span.toolCalls.length > 0);
  const calls = await loadSpans(
    store,
    asking.map(span => span.spanId),
  );
  const tied = tieLooseParts(paused, calls, candidates);
  if (tied.length === 0) return story;
  const tracesOfTied = new Set(tied.map(judged => judged.record.traceId));
  return {
    traces: [...story.traces, ...loaded.filter(({trace}) => tracesOfTied.has(trace.traceId))],
    parts: [...story.parts.map(part => (part === paused ? continued(part, tied[0]!, clock) : part)), ...tied].sort(
      byStart,
    ),
    tied: new Set(tied),
  };
}

/** Names that the loose parts of this run can have: its open tool calls, its models' calls, its workflow's steps. */
function namesToLookFor({run}: JudgedRun): string[] {
  const root = run.root.span;
  if (!root) return [];
  if (run.kind === 'workflow') return root.steps.map(step => `${escapeGlob(step)}.*execute*`);
  const calls = spansOf(run).filter(span => span.kind === 'llm');
  const models = new Set(calls.map(call => `${escapeGlob(call.name.split('.')[0]!)}.*`));
  const tools = new Set(calls.flatMap(call => call.toolCalls.map(asked => escapeGlob(asked.name))));
  return [...models, ...tools];
}

function continued(part: JudgedRun, first: JudgedRun, clock: Clock): JudgedRun {
  const evidence = {...part.evidence, continuedAt: isoTime(first.run.startMicros)};
  return judgedRun(part.run, part.judge, part.judge.run(part.run, evidence, clock), evidence);
}
