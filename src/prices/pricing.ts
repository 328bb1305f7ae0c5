import type {Cost} from '../trace/cost.ts';
import type {Span} from '../trace/span.ts';
import type {Billed} from './usage.ts';

/** Anything that knows prices. */
export interface Pricing {
  /**
   * @param usage tokens to price as those of this call; absent: its own
   * @returns the cost, or null if it is unknown. Never throws.
   */
  costOf(span: Span, usage?: Billed | null): Cost | null;
}
