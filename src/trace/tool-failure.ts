import type {Span} from './span.ts';

/**
 * Agno's exact texts for the model when a tool of an MCP server or a knowledge lookup failed: such a call is stored
 * as a success (docs/agno.md, Calls without a span). `Error: …` alone is not among them, because any tool may return
 * that.
 */
const TOLD_FAILURE = /^(?:Error searching knowledge base: |Error from MCP tool '|MCP tool '[^'\n]{0,200}' failed: )/;

/** A call that failed, according to its status or to Agno's text. */
export function isFailedTool({
  openInferenceKind,
  spanStatus,
  output,
}: Pick<Span, 'openInferenceKind' | 'spanStatus' | 'output'>): boolean {
  return (
    openInferenceKind === 'TOOL' &&
    (spanStatus === 'ERROR' || (output !== null && TOLD_FAILURE.test(output.trimStart())))
  );
}

/** The error text; null if the row has none. */
export function errorOf(
  span: Pick<Span, 'openInferenceKind' | 'spanStatus' | 'output' | 'statusMessage'>,
): string | null {
  return span.statusMessage ?? (isFailedTool(span) ? span.output : null);
}
