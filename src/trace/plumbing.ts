import type {Span} from './span.ts';
import {isRunSpan, type Node, walk} from './tree.ts';

/** Agno's own model calls, as its instrumentor names them. */
const AGNO_CALL = /\.a?invoke(_stream)?$/;

/**
 * Marks spans that client libraries write below a call: HTTP requests, a provider's SDK, an MCP client, a second
 * instrumentor (docs/design.md, Runs). They are part of the call above: no call, no failure and no time of their own.
 * A span that contains a run is not plumbing: a tool may call another agent over HTTP.
 * @param tops each node is visited once, parents first
 */
export function markPlumbing(tops: readonly Node[]): void {
  const nodes = walk(tops);
  const holdsRun = new Set<Node>();
  for (const node of nodes) {
    if (!node.span || !isRunSpan(node.span)) continue;
    for (let up: Node | null = node; up && !holdsRun.has(up); up = up.parent) holdsRun.add(up);
  }
  /** For a node below a call, that call's kind. */
  const belowOf = new Map<Node, 'llm' | 'tool'>();
  for (const node of nodes) {
    const {span, parent} = node;
    if (!span || holdsRun.has(node) || node.run === null || node.run.root === node) continue;
    const above = parent && belowOf.get(parent);
    if (isPlumbing(span, above)) {
      node.isPlumbing = true;
      node.span = {...span, kind: 'other'};
    }
    if (above === 'llm' || span.kind === 'llm') belowOf.set(node, 'llm');
    else if (above || span.openInferenceKind === 'TOOL') belowOf.set(node, 'tool');
  }
}

/** @param above the kind of the call that it is below */
export function isPlumbing(
  {openInferenceKind, otelKind, kind, name}: Pick<Span, 'openInferenceKind' | 'otelKind' | 'kind' | 'name'>,
  above: 'llm' | 'tool' | undefined | null,
): boolean {
  // A model that a tool's own code calls is a call of its own.
  if (openInferenceKind === null)
    return above === 'llm' || (kind !== 'llm' && (above === 'tool' || otelKind === 'CLIENT'));
  return above === 'llm' && openInferenceKind === 'LLM' && !AGNO_CALL.test(name);
}
