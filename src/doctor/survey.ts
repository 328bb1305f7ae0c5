import {append} from '../lists.ts';
import {Prices} from '../prices/prices.ts';
import {candidatesOf} from '../runs/candidates.ts';
import {type JudgedTrace, loadRuns} from '../runs/load.ts';
import {spansThatPass} from '../runs/stretches.ts';
import type {Store} from '../store/store.ts';
import {asText} from '../trace/cell.ts';
import {NO_FILTER} from '../trace/filter.ts';
import type {RunRecord} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import type {Span} from '../trace/span.ts';
import {counted} from './finding.ts';
import {paceFor} from './pace.ts';

/** The kept part of a run: a survey of all runs must fit into memory. */
export type SurveyedRun = Pick<
  RunRecord,
  'runId' | 'traceId' | 'spanId' | 'state' | 'storedStatus' | 'sessionId' | 'part' | 'detached'
>;

interface SpanProblem {
  readonly spanId: string;
  readonly problem: string;
}

export interface SurveyedTrace {
  readonly traceId: string;
  /** Runs and loose parts by start. */
  readonly runs: readonly SurveyedRun[];
  /** The trace row has no session. */
  readonly hasEmptyRow: boolean;
  /** Spans whose row could not be read completely. */
  readonly unreadable: readonly SpanProblem[];
  /** Spans that end before they start. */
  readonly backwards: readonly string[];
  /** Spans with an impossible figure. */
  readonly leftOut: readonly SpanProblem[];
  /** Model calls whose counts contradict each other, or the window of their model. */
  readonly doubtful: readonly SpanProblem[];
}

/** Runs as `trace/` finds and judges them, newest first. */
export interface RunSurvey {
  readonly traces: readonly SurveyedTrace[];
  readonly runs: readonly SurveyedRun[];
  readonly isComplete: boolean;
  readonly covered: string;
}

export interface SurveyLimits {
  readonly runs: number;
  readonly ms: number;
}

const TRACES_AT_ONCE = 50;
const FIRST_STRETCH = 600;

/** Walks the spans backwards by start, reads their traces, and stops at the limit. */
export async function surveyRuns(
  store: Store,
  limits: SurveyLimits,
  onProgress: (spans: number) => void,
): Promise<RunSurvey> {
  const pace = paceFor(store, {limitMs: limits.ms, first: FIRST_STRETCH});
  const {test} = candidatesOf(NO_FILTER);
  const prices = new Prices(null);
  const seen = new Set<string>();
  const traces: SurveyedTrace[] = [];
  const runs: SurveyedRun[] = [];
  let spans = 0;
  let wholeRuns = 0;
  let reached: string | null = null;
  const isEnough = () => wholeRuns >= limits.runs || pace.isOver();
  let isWhole = false;
  for await (const {stretch, rows} of spansThatPass(store, test, pace.walk)) {
    const fresh = [...new Set(rows.map(({traceId}) => traceId))].filter(id => !seen.has(id));
    let at = 0;
    for (; at < fresh.length && !isEnough(); at += TRACES_AT_ONCE) {
      const ids = fresh.slice(at, at + TRACES_AT_ONCE);
      for (const judged of await loadRuns(store, ids, {patience: PATIENCE})) {
        const surveyed = {...toSurveyed(judged), doubtful: await doubtfulIn(judged, prices)};
        seen.add(surveyed.traceId);
        traces.push(surveyed);
        append(runs, surveyed.runs);
        wholeRuns += surveyed.runs.filter(run => !run.part).length;
        spans += judged.trace.nodes.size;
        reached = judged.runs[0]?.record.startTime ?? reached;
      }
      onProgress(spans);
    }
    isWhole = stretch.isLast && at >= fresh.length;
    if (isEnough()) break;
  }
  return {traces, runs, isComplete: isWhole, covered: coverage(wholeRuns, isWhole, reached)};
}

/** @param reached start of the last examined run */
function coverage(runs: number, isWhole: boolean, reached: string | null): string {
  const whole = counted(runs, 'run');
  if (isWhole) return `all ${whole}`;
  return `the newest ${whole}${reached === null ? '' : `, back to ${reached.slice(0, 19)}Z`}`;
}

async function doubtfulIn({trace}: JudgedTrace, prices: Prices): Promise<SpanProblem[]> {
  const found: SpanProblem[] = [];
  for (const {span} of trace.nodes.values()) {
    if (span?.kind !== 'llm') continue;
    const problem = contradictionIn(span) ?? (await beyondWindow(span, prices));
    if (problem !== null) found.push({spanId: span.spanId, problem});
  }
  return found;
}

function contradictionIn(span: Span): string | null {
  const {promptTokens: prompt, completionTokens: completion, grossPromptTokens: gross, statedTotalTokens: total} = span;
  if (total !== null && (prompt ?? 0) + (completion ?? 0) > total)
    return `${prompt ?? 0} tokens in and ${completion ?? 0} out, in all ${total}`;
  const {audioPromptTokens: heard, audioCompletionTokens: spoken} = span;
  if (heard !== null && gross !== null && heard > gross) return `${heard} audio tokens in a prompt of ${gross}`;
  if (spoken !== null && completion !== null && spoken > completion)
    return `${spoken} audio tokens in an answer of ${completion}`;
  return null;
}

/** Whether cached tokens are part of an estimated prompt is unknown, so the smaller number counts. */
async function beyondWindow(span: Span, prices: Prices): Promise<string | null> {
  const prompt = span.grossPromptEstimated ? span.promptTokens : span.grossPromptTokens;
  const window = prompt === null ? null : await prices.windowOf(span);
  return window === null || prompt === null || prompt <= window
    ? null
    : `a prompt of ${prompt} tokens to a model that takes ${window}, by the bundled data`;
}

/** Rows that lost data; a missing zone or a repeated key loses nothing. */
const UNREADABLE = /^attributes (are|JSON (is|has|contains -?(NaN|Infinity)))|is not a time$/;

function toSurveyed({trace, runs}: JudgedTrace): Omit<SurveyedTrace, 'doubtful'> {
  const spans = [...trace.nodes.values()].flatMap(({span}) => (span && span.problems.length > 0 ? [span] : []));
  const having = (pattern: RegExp): SpanProblem[] =>
    spans.flatMap(({spanId, problems}) => {
      const problem = problems.find(text => pattern.test(text));
      return problem === undefined ? [] : [{spanId, problem}];
    });
  return {
    traceId: trace.traceId,
    hasEmptyRow: asText(trace.row?.session_id ?? null) === null,
    unreadable: having(UNREADABLE),
    backwards: having(/^ends before it starts/).map(({spanId}) => spanId),
    leftOut: having(/ is impossible and left out$/),
    runs: runs
      .filter(({record}) => !record.traffic)
      .map(({record}) => ({
        runId: record.runId,
        traceId: record.traceId,
        spanId: record.spanId,
        state: record.state,
        storedStatus: record.storedStatus,
        sessionId: record.sessionId,
        part: record.part,
        detached: record.detached,
      })),
  };
}
