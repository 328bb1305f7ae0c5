import type {Cost} from '../trace/cost.ts';
import type {Span} from '../trace/span.ts';

/** Anything that knows prices. */
export interface Pricing {
  /** @returns the cost of the call, or null if it is unknown. Never throws. */
  costOf(span: Span): Cost | null;
}
