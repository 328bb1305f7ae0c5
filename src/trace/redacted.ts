/** OpenInference's mark for a value that a setting of the instrumentor hid. */
export const REDACTED = '__REDACTED__';

export function isRedacted(text: string | null): boolean {
  return text === REDACTED;
}
