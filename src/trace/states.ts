/** States of a run in the order they are tested; `ok` when nothing else fits. */
export const STATES = ['running', 'stalled', 'lost', 'cancelled', 'error', 'paused', 'degraded', 'ok'] as const;
export type State = (typeof STATES)[number];
