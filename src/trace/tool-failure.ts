import type {Span} from './span.ts';

/**
 * What Agno hands the model, word for word, where a tool of an MCP server or a look-up in knowledge failed: it stores such a call
 * like one that went well (docs/agno.md 9.3). `Error: …` alone is not among them, as any tool may return that.
 */
const TOLD_FAILURE = /^(?:Error searching knowledge base: |Error from MCP tool '|MCP tool '[^'\n]{0,200}' failed: )/;

/** A call that failed, by its status or by what Agno wrote about it. */
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

/** The text of what went wrong; null where the row has none. */
export function errorOf(
  span: Pick<Span, 'openInferenceKind' | 'spanStatus' | 'output' | 'statusMessage'>,
): string | null {
  return span.statusMessage ?? (isFailedTool(span) ? span.output : null);
}
