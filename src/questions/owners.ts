import {candidatesOf} from '../runs/candidates.ts';
import {kindOfSpan} from '../runs/kind.ts';
import {walkRuns, walkTraces} from '../runs/walk.ts';
import {isAnyOf, orOpaque} from '../sql/fragments.ts';
import type {Store} from '../store/store.ts';
import {isRunKind, matchesSpan, NO_FILTER, type RunFilter} from '../trace/filter.ts';
import type {Kind} from '../trace/kind.ts';
import {type JudgedRun, nodesOf} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import {displayName, isContinuation, type Node} from '../trace/tree.ts';
import {Tally} from './tally.ts';

/** What a question can give a span to: the innermost one around it, by the parent chain. */
export type OwnerKind = Extract<Kind, 'agent' | 'team' | 'workflow' | 'step'>;

interface OwnersOptions {
  readonly owner: OwnerKind;
  /** The window, and which spans count; without kind, model, tool or name the owners' own spans. */
  readonly spanFilter: RunFilter;
  /** Hoisted; whose spans count. Null: all runs. */
  readonly runFilter: RunFilter | null;
  readonly onProgress: (spans: number) => void;
}

export interface OwnersTally {
  readonly tally: Tally;
  readonly spans: number;
  readonly firstMicros: number;
  readonly lastMicros: number;
}

/**
 * Times by agent, team, workflow or step, through runs (docs/design.md, Three ways to an answer): whose a span is only the tree tells. Reads
 * the window once, newest first, and forgets each run when it is counted.
 */
export async function tallyOwners(store: Store, options: OwnersOptions): Promise<OwnersTally> {
  const counter = new OwnersCounter(options);
  for await (const judged of runsOf(store, options)) counter.add(judged);
  return counter.finish();
}

async function* runsOf(
  store: Store,
  {owner, runFilter, spanFilter, onProgress}: OwnersOptions,
): AsyncGenerator<JudgedRun> {
  const walk = {patience: PATIENCE, from: null, firstStretch: Number.POSITIVE_INFINITY, onProgress};
  if (runFilter) {
    yield* walkRuns(store, {...walk, filter: runFilter});
    return;
  }
  // All spans of the window count, those of runs that began before it too: so by traces, not by the starts of runs.
  const {sinceMicros, untilMicros} = spanFilter;
  const filter = {...NO_FILTER, sinceMicros, untilMicros};
  // The owners' own spans are found by what makes them such; around other spans they may lie before the window.
  const test = isChosen(spanFilter) ? candidatesOf(filter).test : orOpaque('s', isAnyOf(kindOfSpan(), [owner]));
  for await (const {traces} of walkTraces(store, test, {...walk, filter})) {
    for (const {runs} of traces) yield* runs;
  }
}

/** True when the question is about other spans than the owners' own. */
function isChosen({kinds, models, tools, names}: RunFilter): boolean {
  return kinds.length + models.length + tools.length + names.length > 0;
}

interface Pending {
  readonly name: string;
  readonly isError: boolean;
  ms: number;
}

class OwnersCounter {
  private readonly tally = new Tally();
  /** Continuations whose beginning is not there yet, by run id: a run that paused is one call (docs/design.md, Runs). */
  private readonly continued = new Map<string, Pending>();
  private spans = 0;
  private firstMicros = Number.POSITIVE_INFINITY;
  private lastMicros = Number.NEGATIVE_INFINITY;
  private readonly filter: RunFilter;

  constructor(private readonly options: OwnersOptions) {
    const {owner, spanFilter} = options;
    this.filter = isChosen(spanFilter) ? spanFilter : {...spanFilter, kinds: [owner]};
  }

  add(judged: JudgedRun): void {
    const {run, judge, record} = judged;
    const owners = new Map<Node, Node | null>();
    for (const node of nodesOf(run)) {
      const {span} = node;
      const owner = span?.kind === this.options.owner ? node : (owners.get(node.parent!) ?? null);
      owners.set(node, owner);
      if (!span || !owner || span.storedMs === null || !matchesSpan(span, this.filter)) continue;
      const state = node === run.root ? record.state : judge.node(node)!.state;
      this.count(node, nameOf(owner), span.storedMs, state === 'error');
    }
  }

  finish(): OwnersTally {
    for (const {name, ms, isError} of this.continued.values()) this.tally.add(name, ms, isError);
    this.continued.clear();
    const {tally, spans, firstMicros, lastMicros} = this;
    return {tally, spans, firstMicros, lastMicros};
  }

  /** The parts of a run that paused come newest first: how it ended stands in the first of them. */
  private count({span}: Node, name: string, ms: number, isError: boolean): void {
    const {startMicros, runId} = span!;
    this.spans++;
    if (startMicros !== null) {
      this.firstMicros = Math.min(this.firstMicros, startMicros);
      this.lastMicros = Math.max(this.lastMicros, startMicros);
    }
    if (runId === null || !isRunKind(span!.kind)) {
      this.tally.add(name, ms, isError);
      return;
    }
    const call = this.continued.get(runId) ?? {name, ms: 0, isError};
    call.ms += ms;
    if (isContinuation(span!)) this.continued.set(runId, call);
    else {
      this.tally.add(call.name, call.ms, call.isError);
      this.continued.delete(runId);
    }
  }
}

/** Steps of the same name in two workflows are two steps. */
function nameOf(owner: Node): string {
  const name = displayName(owner.span!);
  if (owner.span!.kind !== 'step') return name;
  for (let up = owner.parent; up; up = up.parent)
    if (up.span?.kind === 'workflow') return `${displayName(up.span)} / ${name}`;
  return name;
}
