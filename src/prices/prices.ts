import {tidyUsd} from '../trace/cost.ts';
import type {Span} from '../trace/span.ts';
import {Turns} from '../turns.ts';
import bundled from './library.json' with {type: 'json'};
import type {LibraryPrices} from './library.ts';
import type {PriceFile} from './price-file.ts';
import type {Pricing} from './pricing.ts';
import {tokensToBill} from './usage.ts';

/** Give other work a turn after this many spans. */
const AT_ONCE = 100;

/**
 * Adds a cost to model calls whose provider reported none: from the user's price file if it has an entry, otherwise
 * from the bundled library, which is loaded when the first call needs it.
 */
export class Prices {
  private library: LibraryPrices | null = null;

  constructor(private readonly file: PriceFile | null) {}

  /** Equal if every call costs the same, so that results computed with it stay valid. */
  get key(): string {
    return `${bundled.version} ${this.file?.digest ?? ''}`;
  }

  /** How many tokens a prompt of the span's model and its answer may have, as the library knows it; null: it does not. */
  async windowOf(span: Span): Promise<number | null> {
    return (await this.loaded()).windowOf(span);
  }

  private async loaded(): Promise<LibraryPrices> {
    this.library ??= new (await import('./library.ts')).LibraryPrices();
    return this.library;
  }

  async priced(spans: readonly Span[]): Promise<readonly Span[]> {
    if (!spans.some(span => needsPrice(span) || needsSaving(span))) return spans;
    const turns = new Turns();
    const priced: Span[] = [];
    for (const span of spans) {
      const byFile = this.file ? withPrices(span, this.file) : span;
      priced.push(needsPrice(byFile) || needsSaving(byFile) ? withPrices(byFile, await this.loaded()) : byFile);
      if (priced.length % AT_ONCE === 0) await turns.yieldIfLong();
    }
    return priced;
  }
}

function needsPrice(span: Span): boolean {
  return span.kind === 'llm' && span.costUsd === null && span.promptTokens !== null;
}

/** Also if the provider reported the cost: it does not report what the call would have cost without its cache. */
function needsSaving({kind, savedUsd, cachedTokens, cacheWriteTokens}: Span): boolean {
  return kind === 'llm' && savedUsd === null && (cachedTokens ?? 0) + (cacheWriteTokens ?? 0) > 0;
}

function withPrices(span: Span, pricing: Pricing): Span {
  const usage = needsPrice(span) || needsSaving(span) ? tokensToBill(span) : null;
  const cost = usage && pricing.costOf(span, usage);
  if (usage === null || cost === null) return span;
  const priced = needsPrice(span) ? {...span, costUsd: cost.usd, costSource: cost.source, costDate: cost.date} : span;
  const uncached = needsSaving(span) ? pricing.costOf(span, {...usage, cacheRead: 0, cacheWrite: 0}) : null;
  return uncached === null ? priced : {...priced, savedUsd: tidyUsd(uncached.usd - cost.usd)};
}
