/** What `--redact` takes. In a file of its own: what finds it is large, and is loaded when something is to be found. */
export const REDACTIONS = ['secrets', 'pii', 'all'] as const;
export type Redaction = (typeof REDACTIONS)[number];
