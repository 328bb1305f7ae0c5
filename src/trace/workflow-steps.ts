import type {Span} from './span.ts';
import {displayName, type Node} from './tree.ts';

/*
 * What the declared steps of a workflow tell of those that ran: Loop, Condition, Router and Steps leave no span of their own
 * (docs/agno.md, Spans by kind). A declared step that ran is known by its name; what ran between two of them was in the
 * containers that are declared between them.
 */

interface Declared {
  readonly name: string;
  readonly type: string;
}

/** Steps that ran one after another inside the containers between two declared steps. */
interface Stretch {
  readonly containers: readonly Declared[];
  readonly ran: readonly Node[];
}

/** Types that always run something. A condition may be false. */
const ALWAYS_RUN: ReadonlySet<string> = new Set(['Step', 'Parallel', 'Loop', 'Router', 'Steps', 'function']);

function declaredBy({steps, stepTypes}: Span): Declared[] {
  return steps.length === stepTypes.length ? steps.map((name, i) => ({name, type: stepTypes[i]!})) : [];
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
    stretches.push({containers: declared.slice(next, until), ran});
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

/** The step after which a workflow that ended well ran nothing more, though it declares more: the step said stop. */
export function stoppingStep(workflow: Node): {readonly step: Span; readonly skipped: readonly string[]} | null {
  const last = stepsRun(workflow).at(-1)?.span;
  const end = workflow.span!.endMicros;
  if (!last || end === null || last.endMicros === null || last.endMicros > end) return null;
  const {stretches, next, declared} = align(workflow);
  const rest = declared.slice(next);
  // What ran last may have been in any of the containers that follow, up to the next declared step.
  const step = stretches.at(-1)!.ran.length === 0 ? 0 : rest.findIndex(({type}) => type === 'Step');
  const skipped = step < 0 ? [] : rest.slice(step).filter(({type}) => ALWAYS_RUN.has(type));
  return skipped.length === 0 ? null : {step: last, skipped: skipped.map(({name}) => name)};
}

/** The containers that steps of a workflow ran in, where only one is possible, in words by step. */
export function containersIn(workflow: Node): ReadonlyMap<Node, string> {
  const known = CONTAINERS.get(workflow);
  if (known) return known;
  const found = new Map<Node, string>();
  for (const {containers, ran} of align(workflow).stretches) {
    const [container] = containers;
    if (!container || containers.length > 1) continue;
    const first = ran[0] && displayName(ran[0].span!);
    let iteration = 0;
    for (const node of ran) {
      if (displayName(node.span!) === first) iteration++;
      found.set(node, inWords(container, iteration));
    }
  }
  CONTAINERS.set(workflow, found);
  return found;
}
const CONTAINERS = new WeakMap<Node, ReadonlyMap<Node, string>>();

function inWords({type, name}: Declared, iteration: number): string {
  if (type === 'Loop') return `loop ${name}, iteration ${iteration}`;
  if (type === 'Router') return `chosen by router ${name}`;
  if (type === 'Condition') return `condition ${name}: taken`;
  return `in ${type.toLowerCase()} ${name}`;
}

/** Conditions between two declared steps that both ran, with nothing in between: they did not hold. */
export function conditionsNotTaken(workflow: Node): string[] {
  const {stretches} = align(workflow);
  return stretches
    .slice(0, -1)
    .filter(({ran, containers}) => ran.length === 0 && containers.every(({type}) => type === 'Condition'))
    .flatMap(({containers}) => containers.map(({name}) => name));
}
