import loadPrices from 'built:prices';
import {type Cost, tidyUsd} from '../trace/cost.ts';
import type {Span} from '../trace/span.ts';
import library from './library.json' with {type: 'json'};
import {isNamedBy, matches, withDashedDate} from './model-name.ts';
import type {Model, Price, Prices, Provider} from './price-data.ts';
import type {Pricing} from './pricing.ts';
import {type Billed, tokensToBill} from './usage.ts';

/* The prices of the bundled library, as of its release. Loaded when a call needs one: 0.2 MB are read. */

/** From the provider names in spans, without case and punctuation, to the library's id. */
const PROVIDER_IDS = new Map(Object.entries(library.providers).flatMap(([id, names]) => names.map(name => [name, id])));

/** Clients that reach models of other vendors by their own name; then `llm.system` names the vendor. */
const PASSES_ON: ReadonlySet<string> = new Set(['openai', 'openresponses', 'litellm', 'portkey']);
/**
 * Vendors whose models nobody else can serve under that name: behind such a client their list price applies. Open
 * models are not included, because the client may reach the user's own machine.
 */
const CLOSED_MODELS: ReadonlyMap<string, RegExp> = new Map([
  ['anthropic', /^claude-/],
  ['google', /^gemini-/],
  ['openai', /^(gpt-\d|o\d|chatgpt-)/],
]);

/** Prices from the bundled library. */
export class LibraryPrices implements Pricing {
  private readonly packed = loadPrices();
  private readonly providers = new Map<string, Provider>();
  /** From provider, system and model as stored to the library's model; null: unknown. */
  private readonly found = new Map<string, Model | null>();

  costOf(span: Span, usage: Billed | null = tokensToBill(span)): Cost | null {
    const at = new Date((span.startMicros ?? Number.NaN) / 1000);
    if (usage === null || Number.isNaN(at.getTime())) return null;
    const model = this.modelOf(span);
    const usd = model && priceOf(usage, pricesAt(model, at));
    return usd === null ? null : {usd: tidyUsd(usd), source: 'library', date: library.released};
  }

  /** How many tokens a prompt of this model and its answer may have; null: not known. */
  windowOf(span: Span): number | null {
    return this.modelOf(span)?.window ?? null;
  }

  private modelOf({provider, system, model}: Span): Model | null {
    if (model === null) return null;
    const key = JSON.stringify([provider, system, model]);
    let found = this.found.get(key);
    if (found === undefined) {
      found = null;
      for (const [id, name] of sellers(plainName(provider), plainName(system), model.trim().toLowerCase()))
        found ??= this.findModel(id, name);
      this.found.set(key, found);
    }
    return found;
  }

  /** In the library's own way: the provider's first matching model, then models that it sells for others. */
  private findModel(providerId: string, name: string): Model | null {
    const own = this.providerOf(providerId);
    const all = [own, ...own.fallbacks.filter(id => id in this.packed).map(id => this.providerOf(id))];
    for (const spelled of new Set([name, withDashedDate(name)])) {
      for (const {models} of all) {
        const model = models.find(({match}) => matches(match, spelled));
        if (model) return isNamedBy(model.match, spelled) ? model : null;
      }
    }
    return null;
  }

  private providerOf(id: string): Provider {
    const known = this.providers.get(id) ?? (JSON.parse(this.packed[id]!) as Provider);
    this.providers.set(id, known);
    return known;
  }
}

/** Library ids under which to search for a model, and the model's name there, in order. */
function sellers(provider: string, system: string, model: string): (readonly [id: string, model: string])[] {
  const slash = model.indexOf('/');
  // LiteLLM's own spelling: `anthropic/claude-…`.
  if (provider === 'litellm' && slash > 0) {
    const id = PROVIDER_IDS.get(plainName(model.slice(0, slash)));
    return id === undefined ? [] : [[id, model.slice(slash + 1)]];
  }
  const vendor = PROVIDER_IDS.get(system);
  const passedOn = PASSES_ON.has(provider) && vendor !== undefined && CLOSED_MODELS.get(vendor)?.test(model);
  return [PROVIDER_IDS.get(provider), passedOn ? vendor : undefined].flatMap(id => (id ? [[id, model] as const] : []));
}

function plainName(name: string | null): string {
  return (name ?? '').toLowerCase().replace(/[^a-z0-9]/g, '');
}

function pricesAt({prices}: Model, at: Date): Prices {
  return prices.findLast(({constraint}) => constraint === undefined || isInForce(constraint, at)) ?? prices[0]!;
}

function isInForce(constraint: NonNullable<Prices['constraint']>, at: Date): boolean {
  if (constraint.type === 'start_date') return at >= new Date(constraint.start_date);
  const [now, from, to] = [at.toISOString().slice(-13), constraint.start_time, constraint.end_time].map(secondsOfDay);
  return to! < from! ? now! >= from! || now! < to! : now! >= from! && now! < to!;
}

/** `16:30:00Z`, `16:30:00.250Z`; the library's times of day are all in UTC. */
function secondsOfDay(text: string): number {
  const [hours, minutes, seconds] = text.replace('Z', '').split(':').map(Number);
  return hours! * 3600 + minutes! * 60 + seconds!;
}

/** @returns USD; null if the model is not billed by tokens, or only some of them have a price */
function priceOf(usage: Billed, prices: Prices): number | null {
  const {input_mtok, output_mtok} = prices;
  if ((usage.input > 0 && input_mtok === undefined) || (usage.output > 0 && output_mtok === undefined)) return null;
  const {cacheRead, cacheWrite, inputAudio, outputAudio, reasoning} = usage;
  // Cached, audio and reasoning tokens without a price of their own cost as much as ordinary ones.
  const parts: (readonly [tokens: number, price: Price | undefined])[] = [
    [usage.input - cacheRead - cacheWrite - inputAudio, input_mtok],
    [cacheRead, prices.cache_read_mtok ?? input_mtok],
    [cacheWrite, prices.cache_write_mtok ?? input_mtok],
    [inputAudio, prices.input_audio_mtok ?? input_mtok],
    [usage.output - outputAudio - reasoning, output_mtok],
    [outputAudio, prices.output_audio_mtok ?? output_mtok],
    [reasoning, prices.output_reasoning_mtok ?? output_mtok],
  ];
  const tokens = parts.reduce((sum, [n, price]) => sum + n * rate(price, usage.input), 0) / 1e6;
  const total = tokens + rate(prices.requests_kcount, usage.input) / 1000;
  return Number.isFinite(total) ? total : null;
}

function rate(price: Price | undefined, inputTokens: number): number {
  if (price === undefined) return 0;
  if (typeof price === 'number') return price;
  return price.tiers.findLast(({start}) => inputTokens > start)?.price ?? price.base;
}
