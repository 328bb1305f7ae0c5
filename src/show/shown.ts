import {EXIT, UserError, usageError} from '../errors.ts';
import {append} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {wantsIndex} from '../runs/candidates.ts';
import {loadRuns} from '../runs/load.ts';
import {INDEX_HINT, MANY_SPANS} from '../runs/look-up.ts';
import {loadRunPage} from '../runs/page.ts';
import {loadParts, type RunParts} from '../runs/parts.ts';
import type {Store} from '../store/store.ts';
import {command} from '../text/shell.ts';
import {drawingSpans, drawnSpans, drawnTops, type ShownRun} from '../trace/drawn-spans.ts';
import {NO_FILTER, type Query} from '../trace/filter.ts';
import {type JudgedRun, type RunRecord, subRun} from '../trace/record.ts';
import type {Patience, Trace} from '../trace/runs.ts';
import {isRunSpan, type Node} from '../trace/tree.ts';
import {finish, Turns, type Work} from '../turns.ts';
import {findTarget, notFound, withoutSpans} from './find.ts';

export interface Shown {
  readonly runs: readonly ShownRun[];
  /** They are the parts of one run, or there is only one. */
  readonly isOne: boolean;
  readonly notes: readonly string[];
}

interface ShownOptions {
  readonly patience: Patience;
  /** Number of a session's newest runs; 0: all. */
  readonly sessionLimit: number;
  readonly prices?: Prices;
  /** Selects runs of a session, or the latest run; absent: any. */
  readonly query?: Query | null;
  readonly onProgress?: (spans: number) => void;
}

/**
 * Everything that `show <id>` shows: a run with its continuations, all of a trace, the runs of a session in order, or
 * one span with everything below it.
 * @throws UserError exit 3 if there is no such thing
 */
export async function loadShown(store: Store, id: string, options: ShownOptions): Promise<Shown> {
  const {patience, prices, query = null, onProgress} = options;
  if (id === 'latest' || id === '@latest') {
    const page = await loadRunPage(store, {
      filter: {...NO_FILTER, query},
      limit: 1,
      cursor: null,
      patience,
      prices,
      onProgress,
    });
    const latest = page.runs[0];
    if (!latest) throw query ? nothingMatches('no run') : await notFound(store, id);
    return loadShownRun(store, latest.record, options);
  }
  let looked = 0;
  const target = await findTarget(store, id, {
    ...options,
    onProgress: spans => {
      looked = spans;
      onProgress?.(spans);
    },
  });
  if (query && target.kind !== 'session')
    throw usageError(
      `-q selects runs of a session, but "${id}" is a ${target.kind}.`,
      'Leave out -q, or pass a session id or latest.',
    );
  switch (target.kind) {
    case 'run': {
      const shown = await showRun(store, target.id, target.traceIds, options);
      if (looked < MANY_SPANS) return shown;
      const quick = command`agno-trace show ${target.traceIds[0]!.slice(0, 12)}`;
      const found = `found by scanning all spans; faster by its trace: ${quick}`;
      const isUnindexed = await wantsIndex(store, {...NO_FILTER, runs: [target.id]});
      return {...shown, notes: [...shown.notes, found, ...(isUnindexed ? [INDEX_HINT] : [])]};
    }
    case 'trace':
      return showTrace(store, target.id, options);
    case 'span':
      return showSpanOf(store, target.traceId, target.id, options);
    case 'session':
      return showSession(store, target.id, options);
  }
}

/** A run from a list, with its continuations. */
export function loadShownRun(store: Store, {runId, traceId, spanId}: RunRecord, options: ShownOptions): Promise<Shown> {
  return runId === null
    ? showTrace(store, traceId, options, spanId)
    : showRun(store, runId, [traceId], options, {traceId, spanId});
}

/** The error that several runs share one id: a caller chose it, or a retry reused it. */
function severalRuns(runId: string, {parts, others}: RunParts): UserError {
  const runs = [...others, parts[0]!].sort((a, b) => (a.run.startMicros ?? 0) - (b.run.startMicros ?? 0));
  const each = runs.slice(0, SHOWN_RUNS).map(({record}) => {
    const session = record.sessionId === null ? '' : `, session ${record.sessionId}`;
    return `${record.name ?? 'a run'}${session}, ${record.startTime ?? 'no time'}, ${record.state}: trace ${record.traceId}`;
  });
  const more = runs.length - each.length;
  const list = `${each.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  return new UserError(EXIT.notFound, `"${runId}" is the id of ${runs.length} runs: ${list}.`, {
    hint: `${command`agno-trace show ${parts[0]!.record.traceId.slice(0, 12)}`} shows the newest one; ${command`agno-trace list --run ${runId}`} lists them.`,
  });
}
const SHOWN_RUNS = 8;

function nothingMatches(what: string): UserError {
  return new UserError(EXIT.notFound, `${what} matches -q.`, {hint: 'agno-trace list takes the same query.'});
}

async function showRun(
  store: Store,
  runId: string,
  traceIds: readonly string[],
  options: ShownOptions,
  of?: Pick<RunRecord, 'traceId' | 'spanId'>,
): Promise<Shown> {
  const whole = await loadParts(store, runId, traceIds, {...options, ...(of ? {of} : {})});
  if (!of && whole.others.length > 0) throw severalRuns(runId, whole);
  if (whole.parts.length > 0) return {runs: await shownParts(whole), isOne: true, notes: []};
  // A run inside another one: a member, a step's agent, a sub-agent.
  for (const {runs} of whole.traces) {
    for (const judged of runs) {
      const node = findRunNode(judged, runId);
      if (node) return {runs: [shownSubRun(judged, node)], isOne: true, notes: []};
    }
  }
  throw await withoutSpans(store, runId);
}

async function shownParts({traces, parts, tied}: RunParts): Promise<ShownRun[]> {
  const builtOf = new Map(traces.map(({trace}) => [trace.traceId, trace]));
  const turns = new Turns();
  const shown: ShownRun[] = [];
  for (const judged of parts) {
    const run = await turns.finish(showingRun(judged, builtOf.get(judged.record.traceId)!));
    shown.push({...run, isTied: tied.has(judged)});
  }
  return shown;
}

async function showTrace(store: Store, traceId: string, options: ShownOptions, onlySpanId?: string): Promise<Shown> {
  const traces = await loadRuns(store, [traceId], {...options, readsConversations: true});
  const turns = new Turns();
  const runs: ShownRun[] = [];
  for (const {trace, runs: found} of traces)
    for (const judged of found) runs.push(await turns.finish(showingRun(judged, trace)));
  if (runs.length === 0) {
    return {
      runs: [],
      isOne: false,
      notes: [`trace ${traceId} has a row but no spans: they were lost or are not written yet`],
    };
  }
  const wanted = onlySpanId ? runs.filter(({judged}) => judged.record.spanId === onlySpanId) : runs;
  return {runs: wanted, isOne: wanted.length === 1, notes: []};
}

async function showSpanOf(store: Store, traceId: string, spanId: string, options: ShownOptions): Promise<Shown> {
  const traces = await loadRuns(store, [traceId], {...options, readsConversations: true});
  for (const {trace, runs} of traces) {
    const node = trace.nodes.get(spanId);
    if (!node) continue;
    const judged = runs.find(({run}) => run === node.run) ?? runs[0]!;
    // The run's own span, or a missing one, stands for the whole run.
    const isWhole = node.span === null || node === judged.run.root || node.run === null;
    return {runs: [isWhole ? shownRun(judged, trace) : shownSubRun(judged, node)], isOne: true, notes: []};
  }
  throw await notFound(store, spanId);
}

async function showSession(store: Store, sessionId: string, options: ShownOptions): Promise<Shown> {
  const page = await loadRunPage(store, {
    filter: {...NO_FILTER, sessions: [sessionId], query: options.query ?? null},
    limit: options.sessionLimit,
    cursor: null,
    patience: options.patience,
    prices: options.prices,
    onProgress: options.onProgress,
  });
  if (page.runs.length === 0)
    throw options.query ? nothingMatches(`no run of session "${sessionId}"`) : await notFound(store, sessionId);
  const traceIds = [...new Set(page.runs.map(({record}) => record.traceId))];
  const traces = await loadRuns(store, traceIds, {...options, readsConversations: true});
  const wanted = new Set(page.runs.map(({record}) => keyOf(record)));
  const runs = new Map<string, ShownRun>();
  const keep = (shown: ShownRun) => runs.set(keyOf(shown.judged.record), shown);
  for (const {trace, runs: found} of traces) {
    for (const judged of found) if (wanted.has(keyOf(judged.record))) keep(shownRun(judged, trace));
  }
  // A waiting run may have continued in parts without a session.
  for (const {judged} of [...runs.values()]) {
    const {runId, traceId} = judged.record;
    // Its spans say that it waits; only Agno's own status may show that it continued.
    if (runId === null || judged.judge.node(judged.run.root)?.state !== 'paused') continue;
    const whole = await loadParts(store, runId, [traceId], {...options, of: judged.record});
    for (const part of await shownParts(whole)) keep(part);
  }
  const notes = page.next
    ? [
        `the newest ${page.runs.length} runs of the session; older ones: ${command`agno-trace list --session ${sessionId}`}, or --limit 0`,
      ]
    : [];
  return {
    runs: [...runs.values()].sort((a, b) => (a.judged.run.startMicros ?? 0) - (b.judged.run.startMicros ?? 0)),
    isOne: runs.size === 1,
    notes,
  };
}

function keyOf({traceId, spanId}: RunRecord): string {
  return `${traceId} ${spanId}`;
}

/** A run within its trace, without its continuations elsewhere. */
export function shownRun(judged: JudgedRun, trace: Trace): ShownRun {
  return finish(showingRun(judged, trace));
}

export function* showingRun(judged: JudgedRun, trace: Trace): Work<ShownRun> {
  const rows = yield* drawingSpans(judged, judged.run.isTraffic ? trace.tops : drawnTops(trace, judged.run));
  return {judged, rows, within: null, isTied: false};
}

function shownSubRun(judged: JudgedRun, node: Node): ShownRun {
  const sub = subRun(judged, node);
  return {judged: sub, rows: drawnSpans(sub, [node]), within: judged, isTied: false};
}

function findRunNode({run}: JudgedRun, runId: string): Node | null {
  const stack = [...run.tops];
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (node.span && isRunSpan(node.span) && node.span.runId === runId) return node;
    append(stack, node.children);
  }
  return null;
}
