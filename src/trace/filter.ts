import type {Kind} from './kind.ts';
import {type JudgedRun, spansOf} from './record.ts';
import type {Span} from './span.ts';
import type {State} from './states.ts';
import {displayName} from './tree.ts';

/** Which runs to select. Lists hold alternatives; different fields must all hold. Globs: `*`, `?`, case-insensitive. */
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
  /** Plain requests too. */
  readonly traffic: boolean;
}

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
};

/** Kinds that say what a run is; the other kinds ask for a span inside it. */
const RUN_KINDS: ReadonlySet<Kind> = new Set<Kind>(['agent', 'team', 'workflow']);

export function matchesRun({run, record}: JudgedRun, filter: RunFilter): boolean {
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
    holdsSpans(run, record.state, filter)
  );
}

function isOneOf(wanted: readonly string[], value: string | null): boolean {
  return wanted.length === 0 || (value !== null && wanted.includes(value));
}

function isComponent(wanted: readonly string[], id: string | null, name: string | null): boolean {
  return wanted.length === 0 || wanted.some(item => item === id || matchesGlob(item, name));
}

function holdsSpans(run: JudgedRun['run'], state: State, filter: RunFilter): boolean {
  const {kinds, models, tools, names, errors} = filter;
  if (kinds.length + models.length + tools.length + names.length + errors.length === 0) return true;
  const spans = spansOf(run);
  const holds = <T>(wanted: readonly T[], test: (item: T, span: Span) => boolean) =>
    wanted.length === 0 || wanted.some(item => spans.some(span => test(item, span)));
  return (
    holds(kinds, (kind, span) => (RUN_KINDS.has(kind) ? run.kind === kind : span.kind === kind)) &&
    holds(models, (model, span) => matchesGlob(model, span.model)) &&
    holds(tools, (tool, span) => span.openInferenceKind === 'TOOL' && matchesGlob(tool, span.toolName ?? span.name)) &&
    holds(names, (name, span) => matchesGlob(name, span.name) || matchesGlob(name, displayName(span))) &&
    holds(errors, (text, span) => holdsError(text, span, state !== 'ok'))
  );
}

/** Error text stands in the status message, or, where an older writer swallowed it, in what the run answered. */
function holdsError(text: string, span: Span, answersCount: boolean): boolean {
  const wanted = text.toLowerCase();
  if (span.statusMessage?.toLowerCase().includes(wanted)) return true;
  return (
    answersCount &&
    (span.kind === 'agent' || span.kind === 'team') &&
    (span.output?.toLowerCase().includes(wanted) ?? false)
  );
}

/** Shell-like pattern over the whole text, case-insensitive: `*`, `?`, `\` before either takes it literally. */
export function matchesGlob(glob: string, text: string | null): boolean {
  if (text === null) return false;
  let pattern = '';
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!;
    if (char === '*') pattern += '[^]*';
    else if (char === '?') pattern += '[^]';
    else pattern += (char === '\\' && i + 1 < glob.length ? glob[++i]! : char).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  }
  return new RegExp(`^${pattern}$`, 'iu').test(text);
}
