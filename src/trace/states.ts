/** States of a run in the order in which they are tested; `ok` if nothing else fits. */
export const STATES = ['running', 'stalled', 'lost', 'cancelled', 'error', 'paused', 'degraded', 'ok'] as const;
export type State = (typeof STATES)[number];
