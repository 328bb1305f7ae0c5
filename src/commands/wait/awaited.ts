import {EXIT, UserError} from '../../errors.ts';
import type {LiveRuns, RunChange} from '../../follow/live-runs.ts';
import type {HeldRun} from '../../follow/live-trace.ts';
import {loadRunPage} from '../../runs/page.ts';
import {loadParts} from '../../runs/parts.ts';
import {loadTraces} from '../../runs/spans.ts';
import {findTarget, notFound, type Target, withoutSpans} from '../../show/find.ts';
import type {Store} from '../../store/store.ts';
import {NO_FILTER} from '../../trace/filter.ts';
import {type JudgedRun, subRun} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import {isRunSpan, type Node} from '../../trace/tree.ts';

/** How many runs of a session are examined when waiting for it. */
const SESSION_RUNS = 50;

/** The runs that the command waits for, in their latest state. */
export class Awaited {
  /** By key of the run that contains them; for a run inside another one, a member or a step's agent, only that one. */
  private readonly runs = new Map<string, JudgedRun>();
  private readonly id: string;
  /** Notes about what is waited for. */
  readonly notes: string[] = [];
  /** Null: nothing of it is stored yet. */
  private target: Target | {readonly kind: 'runs'; readonly keys: ReadonlySet<string>} | null = null;

  /** Why nothing of it was found at first, in words. */
  missing: string | null = null;

  constructor(text: string) {
    this.id = text.replace(/^~/, '');
  }

  /** Finds what is stored of it. @throws UserError exit 3 if nothing is, and nothing can still come */
  async find(
    store: Store,
    live: LiveRuns,
    options: {readonly patience: Patience; readonly onProgress?: (spans: number) => void},
  ): Promise<void> {
    const {patience} = options;
    // Not only changes: the follower may have delivered these runs already.
    const runsOf = async (traceIds: readonly string[]) => {
      await live.begin(store, await loadTraces(store, traceIds));
      return live.runsIn(traceIds);
    };
    // A run that grew since its page was read may have another id; the span that it was listed by is still in it.
    const isOneOf = (wanted: readonly JudgedRun[], {judged, trace}: HeldRun) =>
      wanted.some(({run}) => judged.run === (trace.nodes.get(run.startSpan.spanId)?.run ?? null));
    const page = (sessions: string[], limit: number) =>
      loadRunPage(store, {filter: {...NO_FILTER, sessions}, limit, cursor: null, ...options});
    if (this.id === 'latest' || this.id === '@latest') {
      const [latest] = (await page([], 1)).runs;
      if (!latest) throw await notFound(store, this.id);
      return this.keep((await runsOf([latest.record.traceId])).filter(held => isOneOf([latest], held)));
    }
    const target = await findTarget(store, this.id, {...options, explains: false}).catch((error: unknown) => {
      if (!(error instanceof UserError && error.exitCode === EXIT.notFound && isWholeId(this.id))) throw error;
      this.missing = error.message;
      return null;
    });
    this.target = target;
    if (target === null) return;
    if (target.kind === 'session') {
      const runs = (await page([target.id], SESSION_RUNS)).runs.filter(({record}) => !record.part);
      const open = runs.filter(({run}) => run.isMissing);
      const wanted = open.length > 0 ? open : runs.slice(0, 1);
      const held = await runsOf([...new Set(wanted.map(({record}) => record.traceId))]);
      return this.keep(held.filter(one => isOneOf(wanted, one)));
    }
    if (target.kind !== 'run') {
      for (const held of await runsOf([target.kind === 'trace' ? target.id : target.traceId])) this.hold(held);
      return;
    }
    const {traces, parts, others} = await loadParts(store, target.id, target.traceIds, {patience});
    // Agno writes the row first and the spans right after it.
    if (traces.length === 0) this.missing = (await withoutSpans(store, target.id)).message;
    const held = await runsOf(traces.map(({trace}) => trace.traceId));
    if (others.length === 0) {
      for (const one of held) this.hold(one);
      return;
    }
    const {sessionId, startTime} = parts[0]!.record;
    const which = sessionId === null ? '' : `of session ${sessionId}, `;
    this.notes.push(
      `"${target.id}" is the id of ${others.length + 1} runs; this is the newest one, ${which}${startTime}`,
    );
    this.keep(held.filter(one => isOneOf(parts, one)));
  }

  /** Takes a change of any run, and finds out whether the command waits for that run. */
  take(change: RunChange): void {
    const {key, judged, into, trace} = change;
    if (judged) this.hold({key, judged, trace});
    else {
      if (this.runs.delete(key) && this.target?.kind === 'runs' && into !== null)
        this.target = {kind: 'runs', keys: new Set([...this.target.keys, into])};
    }
  }

  private hold({key, judged, trace}: HeldRun): void {
    const {record, run} = judged;
    const {target, id} = this;
    if (target?.kind === 'runs') {
      if (target.keys.has(key)) this.runs.set(key, judged);
      return;
    }
    const isAny = target === null;
    const isOf = (kind: Target['kind'], value: string | null) => (isAny || target.kind === kind) && value === targetId;
    const targetId = target?.id ?? id;
    if (isOf('trace', record.traceId) || isOf('run', record.runId) || isOf('session', record.sessionId)) {
      this.runs.set(key, judged);
      return;
    }
    if (isAny || target.kind === 'span') {
      const node = trace.nodes.get(targetId);
      if (node && (node.run === run || node === run.root)) this.runs.set(key, judged);
    }
    if (isAny || target.kind === 'run') {
      const inner = innerRun(trace.nodes, targetId);
      if (inner && inner.run === run) this.runs.set(key, subRun(judged, inner));
    }
  }

  /** The runs found so far, in order of start; none while nothing is stored. */
  get found(): readonly JudgedRun[] {
    return [...this.runs.values()].sort((a, b) => (a.run.startMicros ?? 0) - (b.run.startMicros ?? 0));
  }

  /** All of it is there, and none of it is running. */
  get hasEnded(): boolean {
    const found = this.found;
    return found.length > 0 && found.every(({record}) => record.state !== 'running' && record.state !== 'stalled');
  }

  private keep(runs: readonly HeldRun[]): void {
    this.target = {kind: 'runs', keys: new Set(runs.map(({key}) => key))};
    for (const held of runs) this.hold(held);
  }
}

function innerRun(nodes: ReadonlyMap<string, Node>, runId: string): Node | null {
  for (const node of nodes.values()) if (node.span?.runId === runId && isRunSpan(node.span)) return node;
  return null;
}

/**
 * Whether this can be a complete id that nobody has written yet, not the beginning of one: it is as long as Agno's
 * ids, or has a character that these never contain, as a user's own session ids do.
 */
export function isWholeId(id: string): boolean {
  if (id === 'latest' || id === '@latest' || id === '') return false;
  return (
    !/^[0-9a-f-]+$/i.test(id) || /^([0-9a-f]{16}|[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(id)
  );
}
