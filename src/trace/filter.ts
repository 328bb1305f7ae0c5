import {type AttributeTest, attributeOfRun, matchesAttribute} from './attribute-test.ts';
import {matchesGlob} from './glob.ts';
import type {Kind} from './kind.ts';
import {type JudgedRun, type RunRecord, spansOfParts, toldOfParts} from './record.ts';
import type {Span} from './span.ts';
import type {State} from './states.ts';
import {cacheHitRate} from './tokens.ts';
import {errorOf} from './tool-failure.ts';
import {displayName, isRunSpan} from './tree.ts';

/** Which runs to select. A list holds alternatives; all fields must match. Globs: `*`, `?`, case-insensitive. */
export interface RunFilter {
  /** Inclusive. */
  readonly sinceMicros: number | null;
  /** Exclusive. */
  readonly untilMicros: number | null;
  readonly traces: readonly string[];
  readonly runs: readonly string[];
  readonly sessions: readonly string[];
  readonly users: readonly string[];
  /** Id exactly, or name as a glob. */
  readonly agents: readonly string[];
  readonly teams: readonly string[];
  readonly workflows: readonly string[];
  readonly kinds: readonly Kind[];
  readonly models: readonly string[];
  readonly tools: readonly string[];
  readonly names: readonly string[];
  /** Text that an error in the run contains, case-insensitive. */
  readonly errors: readonly string[];
  readonly states: readonly State[];
  /** Stored status of the trace row. */
  readonly statuses: readonly string[];
  readonly minDurationMs: number | null;
  readonly maxDurationMs: number | null;
  readonly minTokens: number | null;
  /** Include plain requests. */
  readonly traffic: boolean;
  /** The query of `-q`; it must match too. */
  readonly query: Query | null;
}

/** A free query as a tree; its leaves test a run, as flags do. */
export type Query =
  | {readonly type: 'and' | 'or'; readonly parts: readonly Query[]}
  | {readonly type: 'not'; readonly part: Query}
  /** The test of one flag: a filter with one field set. */
  | {readonly type: 'flag'; readonly filter: RunFilter}
  /** A figure of the run; an unknown one never matches. */
  | {
      readonly type: 'compare';
      readonly figure: Figure;
      readonly comparison: '>=' | '<=' | '>' | '<' | '=';
      readonly value: number;
    }
  | {readonly type: 'mark'; readonly mark: RunMark}
  /** An attribute of the run, by its own name. */
  | {readonly type: 'attribute'; readonly path: string; readonly test: AttributeTest}
  /** A text anywhere in the run, as a glob without anchors. */
  | {readonly type: 'text'; readonly glob: string};

export type Figure =
  | 'durationMs'
  | 'totalTokens'
  | 'cachedTokens'
  | 'cacheHitRate'
  | 'costUsd'
  | 'spanCount'
  | 'errorCount'
  | 'retryCount';
export const MARKS = ['missing', 'part', 'detached', 'traffic'] as const;
export type RunMark = (typeof MARKS)[number] & keyof RunRecord;

export const NO_FILTER: RunFilter = {
  sinceMicros: null,
  untilMicros: null,
  traces: [],
  runs: [],
  sessions: [],
  users: [],
  agents: [],
  teams: [],
  workflows: [],
  kinds: [],
  models: [],
  tools: [],
  names: [],
  errors: [],
  states: [],
  statuses: [],
  minDurationMs: null,
  maxDurationMs: null,
  minTokens: null,
  traffic: false,
  query: null,
};

/** Kinds of runs; every other kind tests for a span inside the run. */
const RUN_KINDS: ReadonlySet<Kind> = new Set<Kind>(['agent', 'team', 'workflow']);

export function isRunKind(kind: Kind): boolean {
  return RUN_KINDS.has(kind);
}

export function matchesRun(judged: JudgedRun, filter: RunFilter): boolean {
  const {run, record} = judged;
  const {startMicros} = run;
  if (filter.sinceMicros !== null && (startMicros === null || startMicros < filter.sinceMicros)) return false;
  if (filter.untilMicros !== null && (startMicros === null || startMicros >= filter.untilMicros)) return false;
  if (run.isTraffic && !filter.traffic) return false;
  return (
    isOneOf(filter.traces, record.traceId) &&
    isOneOf(filter.runs, record.runId) &&
    isOneOf(filter.sessions, record.sessionId) &&
    isOneOf(filter.users, record.userId) &&
    isComponent(filter.agents, record.agentId, record.kind === 'agent' ? record.name : null) &&
    isComponent(filter.teams, record.teamId, record.kind === 'team' ? record.name : null) &&
    isComponent(filter.workflows, record.workflowId, record.kind === 'workflow' ? record.name : null) &&
    (filter.states.length === 0 || filter.states.includes(record.state)) &&
    (filter.statuses.length === 0 || filter.statuses.includes((record.storedStatus ?? '').toUpperCase())) &&
    (filter.minDurationMs === null || (record.durationMs !== null && record.durationMs >= filter.minDurationMs)) &&
    (filter.maxDurationMs === null || (record.durationMs !== null && record.durationMs <= filter.maxDurationMs)) &&
    (filter.minTokens === null || (record.totalTokens !== null && record.totalTokens >= filter.minTokens)) &&
    holdsSpans(judged, filter) &&
    (filter.query === null || matchesQuery(judged, filter.query))
  );
}

function matchesQuery(judged: JudgedRun, query: Query): boolean {
  switch (query.type) {
    case 'and':
      return query.parts.every(part => matchesQuery(judged, part));
    case 'or':
      return query.parts.some(part => matchesQuery(judged, part));
    case 'not':
      return !matchesQuery(judged, query.part);
    case 'flag':
      // A part of a query does not decide whether requests are included.
      return matchesRun(judged, {...query.filter, traffic: true});
    case 'compare':
      return compares(figureOf(judged.record, query.figure), query.comparison, query.value);
    case 'mark':
      return judged.record[query.mark];
    case 'attribute':
      return matchesAttribute(attributeOfRun(judged, query.path), query.test);
    case 'text':
      return holdsText(judged, query.glob);
  }
}

function figureOf(record: RunRecord, figure: Figure): number | null {
  return figure === 'cacheHitRate' ? cacheHitRate(record) : record[figure];
}

function compares(figure: number | null, comparison: '>=' | '<=' | '>' | '<' | '=', value: number): boolean {
  if (figure === null) return false;
  if (comparison === '>') return figure > value;
  if (comparison === '<') return figure < value;
  if (comparison === '>=') return figure >= value;
  return comparison === '<=' ? figure <= value : figure === value;
}

/**
 * Searches names of the run and its spans, status messages, and the answers of its run spans, as far as lists read
 * them.
 */
function holdsText(judged: JudgedRun, glob: string): boolean {
  const within = `*${glob}*`;
  return (
    matchesGlob(within, judged.record.name) ||
    spansOfParts(judged).some(
      span =>
        matchesGlob(within, span.name) ||
        matchesGlob(within, displayName(span)) ||
        matchesGlob(within, span.statusMessage) ||
        (isRunSpan(span) && matchesGlob(within, span.output)),
    )
  );
}

/**
 * Moves those parts of the query that must match and that a flag could express into the fields of these flags. So `-q
 * session:x` is as fast as `--session x`.
 */
export function withQueryFlags(filter: RunFilter): RunFilter {
  if (filter.query === null) return filter;
  const parts = filter.query.type === 'and' ? filter.query.parts : [filter.query];
  let merged: RunFilter = {...filter, traffic: filter.traffic || mentionsTraffic(filter.query), query: null};
  const rest: Query[] = [];
  for (const part of parts) {
    const both = part.type === 'flag' ? joined(merged, part.filter) : null;
    if (both) merged = both;
    else rest.push(part);
  }
  return {...merged, query: rest.length === 0 ? null : rest.length === 1 ? rest[0]! : {type: 'and', parts: rest}};
}

/** The attributes that a filter asks for by their own names; spans have them only if they were read with them. */
export function attributesIn({query}: Pick<RunFilter, 'query'>): string[] {
  return query === null ? [] : [...new Set(attributesOf(query))];
}

function attributesOf(query: Query): string[] {
  if (query.type === 'and' || query.type === 'or') return query.parts.flatMap(attributesOf);
  if (query.type === 'not') return attributesOf(query.part);
  return query.type === 'attribute' ? [query.path] : [];
}

/** Whether it selects every run; the fields in `except` are ignored. */
export function takesEveryRun(filter: RunFilter, except: readonly (keyof RunFilter)[] = []): boolean {
  const keys = Object.keys(NO_FILTER) as (keyof RunFilter)[];
  return keys.every(key => except.includes(key) || asksNothing(filter[key]));
}

const asksNothing = (value: RunFilter[keyof RunFilter]) =>
  value === null || value === false || (Array.isArray(value) && value.length === 0);

/** One filter for two that must both match; null if one filter cannot express that. */
function joined(a: RunFilter, b: RunFilter): RunFilter | null {
  const both: Record<string, unknown> = {...a};
  for (const key of Object.keys(NO_FILTER) as (keyof RunFilter)[]) {
    const [mine, other] = [a[key], b[key]];
    if (asksNothing(other)) continue;
    if (Array.isArray(mine) && mine.length > 0) return null;
    if (key === 'sinceMicros') both[key] = Math.max(a.sinceMicros ?? Number.NEGATIVE_INFINITY, b.sinceMicros!);
    else if (key === 'untilMicros') both[key] = Math.min(a.untilMicros ?? Number.POSITIVE_INFINITY, b.untilMicros!);
    else if (mine !== null && mine !== false && !Array.isArray(mine)) return null;
    else both[key] = other;
  }
  return both as unknown as RunFilter;
}

/** Requests are left out unless the query asks for them. */
function mentionsTraffic(query: Query): boolean {
  if (query.type === 'and' || query.type === 'or') return query.parts.some(mentionsTraffic);
  return query.type === 'not' ? mentionsTraffic(query.part) : query.type === 'mark' && query.mark === 'traffic';
}

function isOneOf(wanted: readonly string[], value: string | null): boolean {
  return wanted.length === 0 || (value !== null && wanted.includes(value));
}

function isComponent(wanted: readonly string[], id: string | null, name: string | null): boolean {
  return wanted.length === 0 || wanted.some(item => item === id || matchesGlob(item, name));
}

function holdsSpans(judged: JudgedRun, filter: RunFilter): boolean {
  const {kinds, models, tools, names, errors} = filter;
  if (kinds.length + models.length + tools.length + names.length + errors.length === 0) return true;
  const {kind: runKind} = judged.run;
  const spans = spansOfParts(judged);
  const told = toldOfParts(judged);
  const holds = <T>(wanted: readonly T[], test: (item: T, span: Span) => boolean, among = [...spans, ...told]) =>
    wanted.length === 0 || wanted.some(item => among.some(span => test(item, span)));
  return (
    holds(kinds, (kind, span) => (RUN_KINDS.has(kind) ? runKind === kind : span.kind === kind)) &&
    holds(models, (model, span) => matchesGlob(model, span.model)) &&
    holds(tools, (tool, span) => span.openInferenceKind === 'TOOL' && matchesGlob(tool, span.toolName ?? span.name)) &&
    holds(names, (name, span) => matchesGlob(name, span.name) || matchesGlob(name, displayName(span))) &&
    holds(errors, (text, span) => holdsError(text, span, judged.record.state !== 'ok'), spans)
  );
}

/**
 * The filters on single spans, with the same meaning as the SQL of `questions/slowest-tables.ts`: on the span's own
 * values, including stored ones.
 */
export function matchesSpan(span: Span, filter: RunFilter): boolean {
  const {sinceMicros, untilMicros, minDurationMs, maxDurationMs} = filter;
  const {startMicros, storedMs, statusMessage} = span;
  const isAny = (wanted: readonly string[], test: (item: string) => boolean) =>
    wanted.length === 0 || wanted.some(test);
  return (
    (sinceMicros === null || (startMicros !== null && startMicros >= sinceMicros)) &&
    (untilMicros === null || (startMicros !== null && startMicros < untilMicros)) &&
    (minDurationMs === null || (storedMs !== null && storedMs >= minDurationMs)) &&
    (maxDurationMs === null || (storedMs !== null && storedMs <= maxDurationMs)) &&
    isAny(filter.kinds, kind => span.kind === kind) &&
    isAny(filter.models, model => matchesGlob(model, span.model)) &&
    isAny(filter.tools, tool => span.openInferenceKind === 'TOOL' && matchesGlob(tool, span.name)) &&
    isAny(filter.names, name => matchesGlob(name, span.name)) &&
    isAny(filter.statuses, status => span.spanStatus === status) &&
    isAny(filter.errors, text => span.spanStatus === 'ERROR' && matchesGlob(`*${text}*`, statusMessage))
  );
}

/**
 * The status message has the text of an error, the output of a failed tool or (with older writers) the run's answer.
 */
function holdsError(text: string, span: Span, answersCount: boolean): boolean {
  const wanted = text.toLowerCase();
  if (errorOf(span)?.toLowerCase().includes(wanted)) return true;
  return (
    answersCount &&
    (span.kind === 'agent' || span.kind === 'team') &&
    (span.output?.toLowerCase().includes(wanted) ?? false)
  );
}
