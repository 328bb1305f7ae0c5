import {EXIT, UserError} from '../errors.ts';
import type {Prices} from '../prices/prices.ts';
import {loadSpans, loadWhole} from '../runs/spans.ts';
import {walkRuns} from '../runs/walk.ts';
import type {Store} from '../store/store.ts';
import {type Content, Contents, type Part} from '../trace/compare/content.ts';
import {Noise} from '../trace/compare/noise.ts';
import {type Change, compareRuns, type Pair, type RunDiff} from '../trace/compare/run-diff.ts';
import type {ShownRun} from '../trace/drawn-spans.ts';
import {NO_FILTER, type RunFilter} from '../trace/filter.ts';
import {type JudgedRun, nodesOf, type RunRecord} from '../trace/record.ts';
import type {Patience} from '../trace/runs.ts';
import type {Node} from '../trace/tree.ts';
import {loadShown, loadShownRun} from './shown.ts';

export interface CompareOptions {
  readonly patience: Patience;
  readonly prices?: Prices;
  readonly onProgress?: (spans: number) => void;
}

/** One of two compared runs: its parts in order. */
export interface ComparedRun {
  readonly parts: readonly ShownRun[];
  readonly record: RunRecord;
}

/** A difference with its texts. */
export interface ToldStep {
  readonly pair: Pair;
  /** Null: the span was added, removed or moved. */
  readonly change: Change | null;
  /** Null: this run has none, or it is not text that differs. */
  readonly a: string | null;
  readonly b: string | null;
  /** The texts were not read, because there were too many. */
  readonly isUnread: boolean;
  /** Further places with the same difference, which follow from this one. */
  repeats: number;
}

export interface Compared {
  readonly a: ComparedRun;
  readonly b: ComparedRun;
  readonly diff: RunDiff;
  /** In order of time; the first is where the runs diverge. */
  readonly told: readonly ToldStep[];
}

/**
 * The run that an id names, with its parts.
 * @throws UserError exit 3 if there is none, exit 2 if it names several
 */
export async function loadComparedRun(store: Store, id: string, options: CompareOptions): Promise<ComparedRun> {
  const {runs, isOne} = await loadShown(store, id, {...options, sessionLimit: 2});
  if (runs.length > 0 && !isOne) {
    const names = runs
      .slice(0, 4)
      .map(({judged: {record}}) => record.runId?.slice(0, 8) ?? `~${record.traceId.slice(0, 7)}`);
    throw new UserError(EXIT.usage, `"${id}" names several runs, but diff compares one with one.`, {
      hint: `Pass a run id, such as ${[...new Set(names)].join(', ')}.`,
    });
  }
  return comparedRun(id, runs);
}

/** A run from a list, with its parts. @throws UserError exit 3 if it was deleted */
export async function loadListedRun(store: Store, run: RunRecord, options: CompareOptions): Promise<ComparedRun> {
  const {runs} = await loadShownRun(store, run, {...options, sessionLimit: 0});
  return comparedRun(run.runId ?? run.traceId, runs);
}

function comparedRun(id: string, parts: readonly ShownRun[]): ComparedRun {
  const [first] = parts;
  if (!first) throw new UserError(EXIT.notFound, `"${id}" has no spans to compare.`);
  return {parts, record: first.judged.record};
}

/** Fewer runs do not show what is normal. */
export const FEWEST_PEERS = 5;
const MOST_PEERS = 200;

export interface MedianRun {
  readonly run: ComparedRun;
  readonly peers: number;
}

/**
 * The run with the median duration among those of the same component that ended well: the newest 200 of them, without
 * `of`.
 * @throws UserError exit 2 if there are too few
 */
export async function loadMedianRun(store: Store, of: RunRecord, options: CompareOptions): Promise<MedianRun> {
  const filter: RunFilter = {...NO_FILTER, ...componentOf(of), states: ['ok']};
  const peers: JudgedRun[] = [];
  const isPeer = ({record}: JudgedRun) =>
    record.kind === of.kind &&
    !record.part &&
    record.durationMs !== null &&
    (of.runId === null ? record.spanId !== of.spanId : record.runId !== of.runId);
  const walked = walkRuns(store, {...options, filter, from: null, firstStretch: MOST_PEERS * 6}, isPeer);
  for await (const judged of walked) {
    peers.push(judged);
    if (peers.length === MOST_PEERS) break;
  }
  if (peers.length < FEWEST_PEERS) {
    const name = of.name ?? 'this component';
    throw new UserError(
      EXIT.usage,
      `--median needs ${FEWEST_PEERS} other runs of "${name}" that ended well, but found ${peers.length}.`,
      {hint: 'Name the run to compare with: agno-trace diff <a> <b>.'},
    );
  }
  peers.sort((x, y) => x.record.durationMs! - y.record.durationMs! || (x.record.spanId < y.record.spanId ? -1 : 1));
  const median = peers[Math.floor((peers.length - 1) / 2)]!;
  return {run: await loadListedRun(store, median.record, options), peers: peers.length};
}

function componentOf(record: RunRecord): Partial<RunFilter> {
  const name = record.name ?? '';
  if (record.kind === 'team') return {teams: [record.teamId ?? name]};
  if (record.kind === 'workflow') return {workflows: [record.workflowId ?? name]};
  if (record.kind === 'agent') return {agents: [record.agentId ?? name]};
  throw new UserError(EXIT.usage, '--median works only for a finished run of an agent, team or workflow.', {
    hint: 'Name both runs: agno-trace diff <a> <b>.',
  });
}

/** Compares two runs: reads what their spans contain, compares it, and reads the differing texts again. */
export async function compare(store: Store, a: ComparedRun, b: ComparedRun): Promise<Compared> {
  const [sideA, sideB] = [new Side(store, a), new Side(store, b)];
  await sideA.read();
  await sideB.read();
  const diff = compareRuns(sideA.compared, sideB.compared);
  return {a, b, diff, told: await new Telling(diff, sideA, sideB).told()};
}

class Side {
  readonly noise: Noise;
  private readonly contents: Contents;
  private readonly contentOf = new Map<string, Content>();

  constructor(
    private readonly store: Store,
    private readonly run: ComparedRun,
  ) {
    this.noise = new Noise(run.parts);
    this.contents = new Contents(this.noise);
  }

  get compared() {
    return {parts: this.run.parts.map(({judged}) => judged), contents: this.contentOf};
  }

  /** Reads the contents of every span, a few spans in memory at a time. */
  async read(): Promise<void> {
    for (const {judged} of this.run.parts) {
      const nodes = new Map(nodesOf(judged.run).flatMap(node => (node.span ? [[node.id, node] as const] : [])));
      for await (const span of loadWhole(this.store, [...nodes.keys()], {quick: true}))
        this.contentOf.set(span.spanId, this.contents.of(nodes.get(span.spanId)!, span));
    }
  }

  /** Reads the texts of these spans once more. */
  async texts(nodes: readonly Node[]): Promise<Map<string, readonly string[]>> {
    const ofId = new Map(nodes.map(node => [node.id, node]));
    const spans = await loadSpans(this.store, [...ofId.keys()], {quick: true});
    return new Map(spans.map(span => [span.spanId, this.contents.again(ofId.get(span.spanId)!, span)]));
  }

  digestsOf(node: Node): readonly string[] {
    return (this.contentOf.get(node.id)?.parts ?? []).map(part => part.digest);
  }
}

/** Steps whose texts are in memory at once. */
const STEPS_AT_ONCE = 40;
/** Maximum differences whose texts are read; runs with nothing in common have thousands. */
const MOST_READ = 400;
/** Shorter texts occur inside others by chance. */
const SHORTEST_PART = 12;

/** Selects the differences worth showing: one that only repeats an earlier one counts with that. */
class Telling {
  private readonly known = new Map<string, ToldStep>();
  private readonly texts: {a: string; b: string; step: ToldStep}[] = [];
  private readonly newTo: Record<'a' | 'b', Set<string>> = {a: new Set(), b: new Set()};

  constructor(
    private readonly diff: RunDiff,
    private readonly sideA: Side,
    private readonly sideB: Side,
  ) {
    for (const {mark, a, b} of diff.pairs) {
      if (mark === 'removed') for (const digest of sideA.digestsOf(a!)) this.newTo.a.add(digest);
      if (mark === 'added') for (const digest of sideB.digestsOf(b!)) this.newTo.b.add(digest);
    }
  }

  async told(): Promise<ToldStep[]> {
    const told: ToldStep[] = [];
    const {steps} = this.diff;
    for (let at = 0; at < steps.length; at += STEPS_AT_ONCE) {
      const some = steps.slice(at, at + STEPS_AT_ONCE);
      const isRead = at < MOST_READ;
      const withText = isRead ? some.filter(({change}) => change?.a || change?.b) : [];
      const [textsA, textsB] = [
        await this.sideA.texts(withText.flatMap(({pair, change}) => (change!.a && pair.a ? [pair.a] : []))),
        await this.sideB.texts(withText.flatMap(({pair, change}) => (change!.b && pair.b ? [pair.b] : []))),
      ];
      for (const {pair, change} of some) {
        const text = (texts: typeof textsA, node: Node | null, part: Part | null | undefined) =>
          node && part ? (texts.get(node.id)?.[part.at] ?? null) : null;
        const step: ToldStep = {
          pair,
          change,
          a: text(textsA, pair.a, change?.a),
          b: text(textsB, pair.b, change?.b),
          isUnread: !isRead && (change?.a ?? change?.b ?? null) !== null,
          repeats: 0,
        };
        if (!this.isRepeat(step)) told.push(step);
      }
    }
    return told;
  }

  private isRepeat(step: ToldStep): boolean {
    const {change} = step;
    if (!change || (!change.a && !change.b)) return false;
    // One side only: an added or removed text is shown completely.
    if (!change.a || !change.b) {
      const side = change.a ? 'a' : 'b';
      const {digest} = (change.a ?? change.b)!;
      if (this.newTo[side].has(digest)) return true;
      this.newTo[side].add(digest);
      return false;
    }
    const key = `${change.a.digest} ${change.b.digest}`;
    const [a, b] = [step.a, step.b].map((text, i) =>
      text === null ? null : (i === 0 ? this.sideA : this.sideB).noise.without(text.trim()),
    );
    const before = this.known.get(key) ?? (a != null && b != null ? this.followsFrom(a, b) : undefined);
    if (before) {
      before.repeats++;
      return true;
    }
    this.known.set(key, step);
    if (a != null && b != null) this.texts.push({a, b, step});
    return false;
  }

  /** The earlier difference that contains this one, or that turns one text into the other. */
  private followsFrom(a: string, b: string): ToldStep | undefined {
    const holds = (whole: string, part: string) =>
      part.length >= SHORTEST_PART && (whole.includes(part) || whole.includes(JSON.stringify(part).slice(1, -1)));
    return this.texts.find(
      known =>
        (holds(known.a, a) && holds(known.b, b)) ||
        (known.a.length >= SHORTEST_PART && a.includes(known.a) && a.replaceAll(known.a, () => known.b) === b),
    )?.step;
  }
}
