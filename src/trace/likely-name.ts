import type {JudgedRun} from './record.ts';
import type {Run} from './runs.ts';
import type {Span} from './span.ts';
import {displayName, isDelegation, isRunSpan, type Node, walk} from './tree.ts';

/** A thing that this many different names did identifies nobody. */
const MOST_NAMES = 8;
/** How many things are remembered, newest first. */
const MOST_THINGS = 5000;
/** How many children of a run are examined; what it does later it has mostly done before. */
const MOST_CHILDREN = 200;

/**
 * Guesses the name of a run that has no run span yet. Agno writes a run's name with its run span, at the end. Before
 * that, only its actions are known: the tools that it called or asked for, its members and steps, its models. If all
 * ended runs with the same actions have one name, this run probably has it too. It is a guess, and must be shown as
 * one.
 */
export class LikelyNames {
  /** From each action to the names of the runs that did it. */
  private readonly seen = new Map<string, Set<string>>();

  /** Learns from a run that has ended; repeating it changes nothing. */
  learn(run: Run): void {
    if (run.name === null || run.isMissing || run.isPart || run.isTraffic) return;
    // An agent inside a workflow is not a separate run: its actions are the workflow's, and it may be the workflow's
    // first part.
    for (const node of walk([run.root], child => child.isDetached && child !== run.root)) {
      if (!node.span || !isRunSpan(node.span)) continue;
      for (const thing of thingsOf(node.children)) this.add(thing, run.name);
    }
  }

  /** Null: it is not unfinished, nobody did the same, or several did. */
  of(run: Run): string | null {
    if (!run.isMissing) return null;
    const things = [...thingsOf(run.tops.flatMap(top => top.children.slice(0, MOST_CHILDREN)))];
    const doers = things.map(thing => this.seen.get(thing));
    const telling = doers.filter(names => names === undefined || names.size < MOST_NAMES);
    const names = [...(telling[0] ?? [])].filter(name => telling.every(others => others?.has(name)));
    return names.length === 1 ? names[0]! : null;
  }

  private add(thing: string, name: string): void {
    const names = this.seen.get(thing) ?? new Set();
    if (names.size < MOST_NAMES) names.add(name);
    // Moves it to the end, so the last used stay longest.
    this.seen.delete(thing);
    this.seen.set(thing, names);
    if (this.seen.size > MOST_THINGS) this.seen.delete(this.seen.keys().next().value!);
  }
}

/** Gives unfinished runs their likely names, by what other runs did. */
export function withLikelyNames(runs: readonly JudgedRun[], names = new LikelyNames()): readonly JudgedRun[] {
  for (const {run} of runs) names.learn(run);
  return runs.map(judged => {
    const likelyName = names.of(judged.run);
    return likelyName === null ? judged : {...judged, likelyName};
  });
}

/**
 * What an unfinished run did so far, most telling first: members and steps, tools, models. With the names that people
 * use.
 */
export function partNames(run: Run): string[] {
  const children = run.tops.flatMap(top => top.children.slice(0, MOST_CHILDREN));
  // Name the member, not the call that asked for it.
  const spans = children.flatMap(child => {
    const members = child.children.flatMap(inner => (inner.span && isRunSpan(inner.span) ? inner.span : []));
    return child.span && isDelegation(child.span) && members.length > 0 ? members : (child.span ?? []);
  });
  const rank = ({kind}: Span) =>
    kind === 'llm' ? 2 : kind === 'tool' || kind === 'retrieval' || kind === 'memory' ? 1 : 0;
  return [...new Set(spans.sort((a, b) => rank(a) - rank(b)).map(displayName))];
}

function thingsOf(children: readonly Node[]): Set<string> {
  const things = new Set<string>();
  for (const {span, children: inner} of children.slice(0, MOST_CHILDREN)) {
    if (!span) continue;
    things.add(thingOf(span));
    for (const {name} of span.toolCalls) things.add(`TOOL ${name}`);
    // Members are drawn under the call that asked for them.
    for (const {span: member} of inner) if (member && isRunSpan(member)) things.add(thingOf(member));
  }
  return things;
}

function thingOf(span: Span): string {
  return `${span.openInferenceKind} ${displayName(span)}`;
}
