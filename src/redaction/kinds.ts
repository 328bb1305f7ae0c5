/** The values of `--redact`. In a separate file, because the detectors are large and loaded only when needed. */
export const REDACTIONS = ['secrets', 'pii', 'all'] as const;
export type Redaction = (typeof REDACTIONS)[number];
