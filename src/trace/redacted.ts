/** OpenInference's mark for what a switch of the instrumentor took out. */
export const REDACTED = '__REDACTED__';

export function isRedacted(text: string | null): boolean {
  return text === REDACTED;
}
