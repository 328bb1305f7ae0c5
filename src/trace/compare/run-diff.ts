import {append} from '../../lists.ts';
import {digest} from '../exchange.ts';
import type {JudgedRun} from '../record.ts';
import {judgementOf} from '../span-record.ts';
import type {State} from '../states.ts';
import {displayName, isDelegation, isRunSpan, type Node} from '../tree.ts';
import {ASKED, type Content, type Part, roleOf, type What} from './content.ts';
import {pairUp} from './sequence.ts';

/** `same`: input and answer are equal; `moved`: it is in another place in the other run. */
export type DiffMark = 'same' | 'changed' | 'added' | 'removed' | 'moved';

/** One difference between two matching spans. The caller that shows it reads its texts. */
export interface Change {
  readonly what: What | 'name' | 'state';
  readonly where: string | null;
  /** Null: this run has no such part. */
  readonly a: Part | null;
  readonly b: Part | null;
}

/** A span of one run, or two matching spans. */
export interface Pair {
  readonly mark: DiffMark;
  readonly a: Node | null;
  readonly b: Node | null;
  readonly depth: number;
  /** In order of time: first inputs, then answers. */
  readonly changes: readonly Change[];
  /** It is inside a span that was added, removed or moved as a whole. */
  readonly isInner: boolean;
}

/** One step through both runs, in order of time. */
export interface DiffStep {
  readonly pair: Pair;
  /** Null: the span itself was added, removed or moved. */
  readonly change: Change | null;
}

export interface RunDiff {
  /** In drawn order. */
  readonly pairs: readonly Pair[];
  /** All differences in order of time. */
  readonly steps: readonly DiffStep[];
}

/** One of the two runs: its parts in order, and the contents of each of its spans. */
export interface Side {
  readonly parts: readonly JudgedRun[];
  readonly contents: ReadonlyMap<string, Content>;
}

const NOTHING: Content = {parts: [], key: ''};

/**
 * The weight of pairing two children: low for the same role, higher for equal contents, highest if everything below
 * is equal too.
 */
const ALIKE = 6;
const SAME_CONTENT = 12;
const SAME_SUBTREE = 15;

/**
 * Compares two runs by the paths of their trees: matches children by kind and name, and prefers those with equal
 * contents.
 */
export function compareRuns(a: Side, b: Side): RunDiff {
  return new Comparison(a, b).run();
}

interface Drawn {
  a: Node | null;
  b: Node | null;
  children: Drawn[];
  isMoved: boolean;
}

class Comparison {
  private readonly subtrees = new Map<Node, string>();
  private readonly judgedOf = new Map<Node, JudgedRun>();
  private readonly pairs: Pair[] = [];
  private readonly steps: DiffStep[] = [];

  constructor(
    private readonly a: Side,
    private readonly b: Side,
  ) {}

  run(): RunDiff {
    const [rootsA, rootsB] = [this.rootsOf(this.a), this.rootsOf(this.b)];
    const drawn = this.align(rootsA, rootsB, true);
    this.findMoved(drawn);
    for (const one of drawn) this.tell(one, 0, false);
    return {pairs: this.pairs, steps: this.steps};
  }

  private rootsOf({parts}: Side): Node[] {
    return parts.flatMap(judged => {
      const tops = judged.run.isMissing ? judged.run.tops : [judged.run.root];
      for (const top of tops) this.judgedOf.set(top, judged);
      return [...tops];
    });
  }

  /** Matches two lists of siblings, and below each pair its children. Iterative in depth: chains of 10,000 exist. */
  private align(listA: readonly Node[], listB: readonly Node[], areRoots: boolean): Drawn[] {
    const top: Drawn[] = [];
    const stack: {a: readonly Node[]; b: readonly Node[]; into: Drawn[]; areRoots: boolean}[] = [
      {a: listA, b: listB, into: top, areRoots},
    ];
    while (stack.length > 0) {
      const {a, b, into, areRoots: isTop} = stack.pop()!;
      for (const one of this.pairSiblings(a, b, isTop)) {
        into.push(one);
        const [childrenA, childrenB] = [childrenOf(one.a), childrenOf(one.b)];
        if (childrenA.length + childrenB.length > 0)
          stack.push({a: childrenA, b: childrenB, into: one.children, areRoots: false});
      }
    }
    return top;
  }

  private pairSiblings(a: readonly Node[], b: readonly Node[], areRoots: boolean): Drawn[] {
    const make = (x: Node | null, y: Node | null): Drawn => ({a: x, b: y, children: [], isMoved: false});
    if (a.length === 0 || b.length === 0) return [...a.map(x => make(x, null)), ...b.map(y => make(null, y))];
    const roles = new Map([...a, ...b].map(node => [node, roleOf(node)]));
    const weigh = (x: Node, y: Node): number => {
      if (roles.get(x) !== roles.get(y)) return 0;
      if (this.subtreeOf(x) === this.subtreeOf(y)) return SAME_SUBTREE;
      return this.contentOf(x).key === this.contentOf(y).key ? SAME_CONTENT : ALIKE;
    };
    const drawn = pairUp(a, b, weigh, node => `${roles.get(node)} ${this.subtreeOf(node)}`).map(([i, j]) =>
      make(i === null ? null : a[i]!, j === null ? null : b[j]!),
    );
    // The caller that compares two runs has decided that they match, whatever their names are.
    const isForced = areRoots && drawn.every(one => one.a === null || one.b === null);
    return isForced
      ? [make(a[0]!, b[0]!), ...a.slice(1).map(x => make(x, null)), ...b.slice(1).map(y => make(null, y))]
      : drawn;
  }

  private contentOf(node: Node): Content {
    return this.a.contents.get(node.id) ?? this.b.contents.get(node.id) ?? NOTHING;
  }

  /** A digest of a span and everything below it. */
  private subtreeOf(node: Node): string {
    const known = this.subtrees.get(node);
    if (known !== undefined) return known;
    const order: Node[] = [];
    const stack = [node];
    while (stack.length > 0) {
      const next = stack.pop()!;
      if (this.subtrees.has(next)) continue;
      order.push(next);
      append(stack, childrenOf(next));
    }
    for (const one of order.reverse()) {
      const below = childrenOf(one).map(child => `${roleOf(child)} ${this.subtrees.get(child)}`);
      this.subtrees.set(one, digest(JSON.stringify([this.contentOf(one).key, one.span?.spanStatus ?? '', below])));
    }
    return this.subtrees.get(node)!;
  }

  /**
   * Finds moved spans: missing here, but present elsewhere in the other run. They match by their complete contents,
   * as components, or as calls with the same arguments.
   */
  private findMoved(drawn: readonly Drawn[]): void {
    // From the top down, because inner spans move with the outer one.
    const unpaired = [...walkDrawn(drawn)].filter(one => one.a === null || one.b === null);
    const dropped = new Set<Drawn>();
    for (const keyOf of MOVED_BY) {
      const key = (node: Node) => keyOf(node, this.subtreeOf(node), this.contentOf(node));
      const places = new Map<string, Drawn[]>();
      for (const one of unpaired) {
        const own = one.a === null && one.b !== null && !dropped.has(one) ? key(one.b) : null;
        if (own !== null) places.set(own, [...(places.get(own) ?? []), one]);
      }
      for (const one of unpaired) {
        if (one.a === null || one.isMoved || dropped.has(one)) continue;
        const own = key(one.a);
        const target = (own === null ? [] : (places.get(own) ?? [])).find(
          other => other.a === null && !dropped.has(other),
        );
        if (!target) continue;
        for (const inner of walkDrawn([...one.children, ...target.children])) dropped.add(inner);
        this.join(one, target);
      }
    }
  }

  /** `target` is at the place of the span in B and now shows both; `from` is no longer drawn. */
  private join(from: Drawn, target: Drawn): void {
    target.a = from.a;
    target.isMoved = true;
    target.children = this.align(childrenOf(target.a), childrenOf(target.b), false);
    from.a = null;
    from.b = null;
    from.isMoved = true;
    from.children = [];
  }

  /** Draws the pairs, and lists their differences in order of time. */
  private tell(first: Drawn, depth: number, isInner: boolean): void {
    type Task = {one: Drawn; depth: number; isInner: boolean; pair?: Pair};
    const stack: Task[] = [{one: first, depth, isInner}];
    while (stack.length > 0) {
      const {one, depth: at, isInner: inner, pair: opened} = stack.pop()!;
      if (opened) {
        for (const change of opened.changes) if (!isAsked(change)) this.steps.push({pair: opened, change});
        continue;
      }
      if (one.a === null && one.b === null) continue;
      const changes = one.a && one.b ? this.changesOf(one.a, one.b, one) : [];
      const mark: DiffMark = one.isMoved
        ? 'moved'
        : one.a === null
          ? 'added'
          : one.b === null
            ? 'removed'
            : changes.length > 0
              ? 'changed'
              : 'same';
      const pair: Pair = {mark, a: one.a, b: one.b, depth: at, changes, isInner: inner};
      this.pairs.push(pair);
      const isWhole = one.a === null || one.b === null;
      if (mark === 'moved' || (isWhole && !inner)) this.steps.push({pair, change: null});
      for (const change of changes) if (isAsked(change)) this.steps.push({pair, change});
      stack.push({one, depth: at, isInner: inner, pair});
      for (const child of [...one.children].reverse()) stack.push({one: child, depth: at + 1, isInner: isWhole});
    }
  }

  private changesOf(a: Node, b: Node, drawn: Drawn): Change[] {
    const changes: Change[] = [];
    const names = [a, b].map(node => roleOf(node));
    if (names[0] !== names[1]) changes.push({what: 'name', where: null, a: null, b: null});
    const [partsA, partsB] = [this.contentOf(a).parts, this.contentOf(b).parts];
    for (const what of new Set([...partsA, ...partsB].map(part => part.what))) {
      const ofA = partsA.filter(part => part.what === what);
      const ofB = partsB.filter(part => part.what === what);
      append(changes, partChanges(what, ofA, ofB));
    }
    changes.sort((x, y) => orderOf(x) - orderOf(y));
    const [stateA, stateB] = [a, b].map(node => this.stateOf(node));
    if (stateA !== stateB && !this.isStateExplained(drawn))
      changes.push({what: 'state', where: null, a: null, b: null});
    return changes;
  }

  /** If a span below caused the state, the difference is shown there. */
  private isStateExplained(drawn: Drawn): boolean {
    const stack = [...drawn.children];
    while (stack.length > 0) {
      const {a, b, children} = stack.pop()!;
      const [stateA, stateB] = [a, b].map(node => (node === null ? 'ok' : (this.stateOf(node) ?? 'ok')));
      if (stateA !== stateB) return true;
      append(stack, children);
    }
    return false;
  }

  private stateOf(node: Node): State | null {
    let top = node;
    while (top.parent && !this.judgedOf.has(top)) top = top.parent;
    const judged = this.judgedOf.get(top);
    return judged ? (judgementOf(judged, node)?.state ?? null) : null;
  }
}

type KeyOf = (node: Node, subtree: string, content: Content) => string | null;

/** The keys that recognise a moved span, the most reliable first. */
const MOVED_BY: readonly KeyOf[] = [
  (node, subtree, {parts}) => (parts.length > 0 ? `${roleOf(node)} ${subtree}` : null),
  node =>
    node.span && (isRunSpan(node.span) || isDelegation(node.span) || node.span.kind === 'step') ? roleOf(node) : null,
  (node, _, {parts}) =>
    node.span?.openInferenceKind === 'TOOL'
      ? `${displayName(node.span)} ${parts.find(part => part.what === 'arguments')?.digest ?? ''}`
      : null,
];

function* walkDrawn(drawn: readonly Drawn[]): Generator<Drawn> {
  const stack = [...drawn].reverse();
  while (stack.length > 0) {
    const one = stack.pop()!;
    yield one;
    for (let i = one.children.length - 1; i >= 0; i--) stack.push(one.children[i]!);
  }
}

function childrenOf(node: Node | null): readonly Node[] {
  return node === null ? [] : node.children.filter(child => !child.isDetached);
}

function isAsked({what}: Change): boolean {
  return what === 'name' || (ASKED as readonly string[]).includes(what);
}

const ORDER: readonly string[] = ['name', ...ASKED, 'answer', 'calls', 'result', 'output', 'error', 'state'];

function orderOf({what}: Change): number {
  return ORDER.indexOf(what);
}

/** Parts of one kind: equal ones match, and the rest in between is compared in order. */
function partChanges(what: What, a: readonly Part[], b: readonly Part[]): Change[] {
  const weigh = (x: Part, y: Part) => (x.digest === y.digest && x.where === y.where ? 3 : x.where === y.where ? 1 : 0);
  const changes: Change[] = [];
  for (const [i, j] of pairUp(a, b, weigh, part => `${part.where} ${part.digest}`)) {
    const [x, y] = [i === null ? null : a[i]!, j === null ? null : b[j]!];
    if (x && y && x.digest === y.digest) continue;
    changes.push({what, where: (x ?? y)!.where, a: x, b: y});
  }
  return changes;
}
