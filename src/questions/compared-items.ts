import type {Share} from './chance.ts';

/** Before, after. */
export type Side = 0 | 1;

/** A call of a model or a tool, or the work of a component or a step, as read; unknown is null. */
export interface ComparedSpan {
  readonly side: Side;
  /** Number of its run by start; the parts of a paused run share it. */
  readonly run: number;
  readonly kind: string;
  readonly name: string | null;
  readonly agent: string | null;
  readonly team: string | null;
  readonly workflow: string | null;
  readonly step: string | null;
  readonly ms: number | null;
  readonly failed: number;
  readonly tokens: number | null;
  /** US dollars times 10^12; null: the cost of some call in it is unknown. */
  readonly cost: number | null;
  readonly chars: number | null;
  readonly counted: number;
}

/** Figures of one component, step, tool or model in one window. */
class Sample {
  /** By run: 1 if it failed there. */
  readonly runs = new Map<number, number>();
  readonly ms: number[] = [];
  readonly chars: number[] = [];
  /** By run: the known values. */
  readonly tokens = new Map<number, {sum: number; count: number}>();
  readonly cost = new Map<number, {sum: number; count: number}>();
  /** Calls by run; runs without a call are absent. */
  readonly calls = new Map<number, number>();
  /** The run with the longest duration, and the newest that failed. */
  slowest: {run: number; ms: number} | null = null;
  failed: number | null = null;

  add({run, ms, failed, tokens, cost, chars}: ComparedSpan): void {
    this.runs.set(run, Math.max(failed, this.runs.get(run) ?? 0));
    if (failed > 0) this.failed = Math.max(run, this.failed ?? run);
    if (ms !== null) {
      this.ms.push(ms);
      if (!this.slowest || ms > this.slowest.ms || (ms === this.slowest.ms && run > this.slowest.run))
        this.slowest = {run, ms};
    }
    if (chars !== null) this.chars.push(chars);
    if (tokens !== null) addTo(this.tokens, run, tokens);
    if (cost !== null) addTo(this.cost, run, cost);
  }
}

export type {Sample};

function addTo(sums: Map<number, {sum: number; count: number}>, run: number, value: number): void {
  const of = held(sums, run, () => ({sum: 0, count: 0}));
  of.sum += value;
  of.count++;
}

export const COMPONENTS = ['agent', 'team', 'workflow', 'step'] as const;
export type ItemKind = (typeof COMPONENTS)[number] | 'tool' | 'model';

export interface Item {
  readonly of: ItemKind;
  readonly name: string;
  /** For calls of a tool or model: the component that made them; null: any. */
  readonly within: string | null;
  readonly sides: readonly [Sample, Sample];
}

/** Groups spans into the items to compare. */
export class Items {
  private readonly items = new Map<string, Map<string, Item>>();
  /** Calls of a tool or model, by caller. */
  private readonly edges = new Map<string, Map<string, Item>>();
  /** Runs in which a component worked. */
  private readonly atWork: readonly [Map<string, Set<number>>, Map<string, Set<number>>] = [new Map(), new Map()];

  add(span: ComparedSpan): void {
    const {side, run, kind, name} = span;
    const of = kindOf(kind);
    if (of === null || name === null) return;
    this.item(of, of === 'step' ? (span.step ?? name) : name).sides[side].add(span);
    if (of !== 'tool' && of !== 'model') {
      if (of !== 'step') this.note(side, name, run);
      return;
    }
    if (of === 'model' && span.counted === 0) return;
    for (const around of COMPONENTS)
      if (span[around] !== null) count(this.item(around, span[around]!).sides[side].calls, run);
    const who = span.agent ?? span.team ?? span.workflow;
    if (who === null) return;
    this.note(side, who, run);
    const edges = held(this.edges, `${of} ${who}`, () => new Map<string, Item>());
    const edge = held(edges, name, () => newItem(of, name, who));
    count(edge.sides[side].calls, run);
  }

  private item(of: ItemKind, name: string): Item {
    return held(
      held(this.items, of, () => new Map<string, Item>()),
      name,
      () => newItem(of, name, null),
    );
  }

  private note(side: Side, who: string, run: number): void {
    held(this.atWork[side], who, () => new Set<number>()).add(run);
  }

  all(): Item[] {
    return [...this.items.values(), ...this.edges.values()].flatMap(named => [...named.values()]);
  }

  /** In how many runs of each side a component worked. */
  runsOf(who: string): readonly [number, number] {
    return [this.atWork[0].get(who)?.size ?? 0, this.atWork[1].get(who)?.size ?? 0];
  }

  /** Calls per run, over all runs in which the caller worked. */
  callsPerRun({of, name, within, sides}: Item, side: Side): Share[] {
    const {calls, runs} = sides[side];
    const who = within ?? (of === 'step' ? null : name);
    const all = who === null ? runs.keys() : (this.atWork[side].get(who) ?? []);
    return [...all].map(run => ({sum: calls.get(run) ?? 0, count: 1}));
  }
}

function held<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = make();
    map.set(key, value);
  }
  return value;
}

function newItem(of: ItemKind, name: string, within: string | null): Item {
  return {of, name, within, sides: [new Sample(), new Sample()]};
}

function count(calls: Map<number, number>, run: number): void {
  calls.set(run, (calls.get(run) ?? 0) + 1);
}

function kindOf(kind: string): ItemKind | null {
  if (kind === 'llm') return 'model';
  if (kind === 'tool' || kind === 'retrieval' || kind === 'memory') return 'tool';
  return COMPONENTS.find(component => component === kind) ?? null;
}
