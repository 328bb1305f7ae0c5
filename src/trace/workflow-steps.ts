import type {Span} from './span.ts';
import {displayName, type Node} from './tree.ts';

/*
 * Where steps ran, as far as the declared parts of a workflow show it: Loop, Condition, Router and Steps leave no
 * span of their own (docs/agno.md, Spans by kind). A declared step that ran is recognised by its name; steps that ran
 * between two of them were in the containers that are declared between them.
 */

/** A part of a workflow as it was declared. */
interface Declared {
  /** Null: a bare function, which has no name. */
  readonly name: string | null;
  /** `Step`, `Loop`, `Condition`, `Router`, `Parallel`, `Steps`, `function`. */
  readonly type: string;
}

/** A container in which a step ran. */
export interface Container {
  readonly type: string;
  readonly name: string;
}

/** Where a step ran, among the containers that leave no span. */
export interface StepPlace {
  /** Several: in one of them, unknown which. */
  readonly containers: readonly Container[];
  /** If the loop is known; from 1. */
  readonly iteration: number | null;
}

/** Steps that ran one after another inside the containers between two declared steps. */
interface Stretch {
  readonly containers: readonly Declared[];
  readonly ran: readonly Node[];
  /** The workflow reached the declared step after it. */
  readonly isPassed: boolean;
}

/** Types that always run something. A condition may be false. */
const ALWAYS_RUN: ReadonlySet<string> = new Set(['Step', 'Parallel', 'Loop', 'Router', 'Steps', 'function']);

/** Bare functions have a type and no name. */
function declaredBy({steps, stepTypes}: Span): Declared[] {
  const hasNames = steps.length === stepTypes.length;
  if (!hasNames && steps.length !== stepTypes.filter(type => type !== 'function').length) return [];
  let next = 0;
  return stepTypes.map(type => ({name: !hasNames && type === 'function' ? null : steps[next++]!, type}));
}

function stepsRun({children}: Node): Node[] {
  return children.filter(({span}) => span?.kind === 'step' || span?.kind === 'parallel');
}

/** `next`: the first declared step that is not known to have been reached. */
function align(workflow: Node): {stretches: Stretch[]; next: number; declared: Declared[]} {
  const declared = declaredBy(workflow.span!);
  const stretches: Stretch[] = [];
  let next = 0;
  let ran: Node[] = [];
  const close = (until: number) => {
    stretches.push({containers: declared.slice(next, until), ran, isPassed: until < declared.length});
    ran = [];
  };
  for (const node of stepsRun(workflow)) {
    const name = displayName(node.span!);
    const at = declared.findIndex(
      (one, i) => i >= next && one.name === name && (one.type === 'Step' || one.type === 'Parallel'),
    );
    if (at < 0) ran.push(node);
    else {
      close(at);
      next = at + 1;
    }
  }
  close(declared.length);
  return {stretches, next, declared};
}

/** The step after which a successful workflow ran nothing more although it declares more: that step ended it. */
export function stoppingStep(workflow: Node): {readonly step: Span; readonly skipped: readonly string[]} | null {
  const last = stepsRun(workflow).at(-1)?.span;
  const end = workflow.span!.endMicros;
  if (!last || end === null || last.endMicros === null || last.endMicros > end) return null;
  const {stretches, next, declared} = align(workflow);
  const rest = declared.slice(next);
  // The last steps that ran may have been in any of the following containers, up to the next declared step.
  const step = stretches.at(-1)!.ran.length === 0 ? 0 : rest.findIndex(({type}) => type === 'Step');
  const skipped = step < 0 ? [] : rest.slice(step).filter(({type}) => ALWAYS_RUN.has(type));
  return skipped.length === 0 ? null : {step: last, skipped: skipped.map(({name, type}) => name ?? `a ${type}`)};
}

/** Where the steps of a workflow that ran in containers were. */
export function placesIn(workflow: Node): ReadonlyMap<Node, StepPlace> {
  const known = PLACES.get(workflow);
  if (known) return known;
  const found = new Map<Node, StepPlace>();
  for (const stretch of align(workflow).stretches) {
    const places = candidatesOf(stretch);
    let round = NO_ROUND;
    for (const [i, node] of stretch.ran.entries()) {
      const containers = places[i]!.map(at => stretch.containers[at]!);
      if (containers.length === 0 || containers.some(({name}) => name === null)) continue;
      const isLoop = containers.length === 1 && containers[0]!.type === 'Loop';
      const name = displayName(node.span!);
      const at = places[i]![0]!;
      if (!isLoop) round = NO_ROUND;
      else if (round.at !== at) round = {at, first: name, iteration: 1};
      else if (round.first === name) round = {...round, iteration: round.iteration + 1};
      found.set(node, {
        containers: containers.map(({name: of, type}) => ({type, name: of!})),
        iteration: isLoop ? round.iteration : null,
      });
    }
  }
  PLACES.set(workflow, found);
  return found;
}
/** In the loop of a step: the loop's place, the step that begins a round, and how many rounds have begun. */
interface Round {
  readonly at: number;
  readonly first: string;
  readonly iteration: number;
}
const NO_ROUND: Round = {at: -1, first: '', iteration: 0};
const PLACES = new WeakMap<Node, ReadonlyMap<Node, StepPlace>>();

/** For each step of a stretch, the places of the containers in which it may have run, in running order. */
function candidatesOf({containers, ran, isPassed}: Stretch): readonly (readonly number[])[] {
  const names = ran.map(node => displayName(node.span!));
  return candidates(
    containers.map(({type}) => type),
    names,
    isPassed,
  );
}

/**
 * Containers run one after another. Of those that always run something each has a step at least; what ran again is in the
 * loop, where there is one only.
 */
function candidates(
  types: readonly string[],
  ran: readonly string[],
  isPassed: boolean,
): readonly (readonly number[])[] {
  const loop = types.indexOf('Loop');
  const times = new Map<string, number>();
  for (const name of ran) times.set(name, (times.get(name) ?? 0) + 1);
  const again = ran.flatMap((name, i) => (times.get(name)! > 1 ? [i] : []));
  if (loop >= 0 && loop === types.lastIndexOf('Loop') && again.length > 0) {
    const [from, until] = [again[0]!, again.at(-1)! + 1];
    const before = candidates(types.slice(0, loop), ran.slice(0, from), true);
    const after = candidates(types.slice(loop + 1), ran.slice(until), isPassed);
    return [
      ...before,
      ...ran.slice(from, until).map(() => [loop]),
      ...after.map(places => places.map(at => at + loop + 1)),
    ];
  }
  // Steps and parallels of the same stretch are known by their names: none of these ran in one.
  const possible = types.flatMap((type, at) => (type === 'Step' || type === 'Parallel' ? [] : [at]));
  const always = possible.filter(at => ALWAYS_RUN.has(types[at]!));
  const isFull = isPassed && ran.length >= always.length;
  return ran.map((_, i) =>
    possible.filter(at => {
      const before = always.filter(one => one < at).length;
      const behind = isFull ? always.filter(one => one > at).length : 0;
      return before <= i && behind <= ran.length - 1 - i;
    }),
  );
}

/** Conditions none of whose steps can have run, though the workflow continued after them: they did not hold. */
export function conditionsNotTaken(workflow: Node): string[] {
  return align(workflow).stretches.flatMap(stretch => {
    const {containers, ran, isPassed} = stretch;
    const always = containers.filter(({type}) => ALWAYS_RUN.has(type)).length;
    if (!isPassed || ran.length < always) return [];
    const possible = new Set(candidatesOf(stretch).flat());
    return containers.flatMap(({type, name}, at) =>
      type === 'Condition' && name !== null && !possible.has(at) ? [name] : [],
    );
  });
}
