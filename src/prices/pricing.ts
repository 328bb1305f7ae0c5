import type {Cost} from '../trace/cost.ts';
import type {Span} from '../trace/span.ts';

/** Anything that knows prices. */
export interface Pricing {
  /** @returns what the call costs, or null where that is not known. Never throws. */
  costOf(span: Span): Cost | null;
}
