import {createHash} from 'node:crypto';
import path from 'node:path';
import {fileReason, usageError} from '../errors.ts';
import {readRegular} from '../private-file.ts';
import {type Cost, tidyUsd} from '../trace/cost.ts';
import {matchesGlob} from '../trace/glob.ts';
import type {Span} from '../trace/span.ts';
import {parseTime} from '../trace/time.ts';
import {syntaxErrorAt} from './json-syntax.ts';
import type {Pricing} from './pricing.ts';
import {type Billed, tokensToBill} from './usage.ts';

/** One entry of the price file: USD per million tokens. */
interface FilePrice {
  readonly model: string;
  readonly provider: string | null;
  readonly fromMicros: number | null;
  readonly input: number;
  readonly cachedInput: number;
  readonly cacheWrite: number;
  readonly output: number;
}

const MOST_BYTES = 16 * 1024 ** 2;
const KEYS = ['model', 'provider', 'from', 'input', 'cachedInput', 'cacheWrite', 'output'];

/** The user's own prices (docs/prices.md). */
export class PriceFile implements Pricing {
  private constructor(
    private readonly prices: readonly FilePrice[],
    private readonly date: string | null,
    /** Equal for equal prices. */
    readonly digest: string,
  ) {}

  /**
   * @param from what named the file: `--prices` or `AGNO_TRACE_PRICES`
   * @throws UserError exit 2 that names the file and the place in it
   */
  static read(file: string, from: string, cwd: string): PriceFile {
    const named = `${from} "${file}"`;
    const full = path.resolve(cwd, file);
    let text: string;
    try {
      text = readRegular(full, MOST_BYTES).replace(/^\uFEFF/, '');
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      const why = code === 'ENOENT' ? 'is not there' : `cannot be read: ${fileReason(error)}`;
      throw usageError(`${named} ${why}.`, `Looked for ${full}; format: docs/prices.md.`);
    }
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw wrong(named, ` is not JSON: ${syntaxErrorAt(text)}`);
    }
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
    return parse(named, value, (prices, date) => new PriceFile(prices, date, digest));
  }

  costOf(span: Span, usage: Billed | null = tokensToBill(span)): Cost | null {
    const price = this.priceOf(span);
    if (usage === null || price === null) return null;
    const plain = usage.input - usage.cacheRead - usage.cacheWrite;
    const usd =
      (plain * price.input +
        usage.cacheRead * price.cachedInput +
        usage.cacheWrite * price.cacheWrite +
        usage.output * price.output) /
      1e6;
    return Number.isFinite(usd) ? {usd: tidyUsd(usd), source: 'file', date: this.date} : null;
  }

  /** The first entry that matches the call; of entries with the same names, the newest that was in force. */
  private priceOf({model, provider, startMicros}: Span): FilePrice | null {
    const inForce = this.prices.filter(
      price =>
        matchesGlob(price.model, model) &&
        (price.provider === null || matchesGlob(price.provider, provider)) &&
        (price.fromMicros === null || (startMicros !== null && price.fromMicros <= startMicros)),
    );
    const first = inForce[0];
    if (!first) return null;
    return inForce
      .filter(price => price.model === first.model && price.provider === first.provider)
      .reduce((best, price) => ((price.fromMicros ?? -Infinity) > (best.fromMicros ?? -Infinity) ? price : best));
  }
}

function wrong(named: string, what: string): Error {
  return usageError(`${named}${what}.`, 'Format: docs/prices.md.');
}

function parse<T>(named: string, value: unknown, make: (prices: FilePrice[], date: string | null) => T): T {
  if (!isObject(value) || !Array.isArray(value.prices)) throw wrong(named, ' has no list "prices"');
  const unknown = Object.keys(value).find(key => key !== 'prices' && key !== 'date');
  if (unknown !== undefined) throw wrong(named, ` has an unknown key "${unknown}"`);
  if (value.date !== undefined && dateOf(value.date) === null)
    throw wrong(named, `: date ${quoted(value.date)} is not a date such as "2026-11-22"`);
  const prices = value.prices.map((entry, i) => {
    const fail = (what: string) => wrong(named, `: prices[${i}]${what}`);
    if (!isObject(entry)) throw fail(' is not an object');
    const stranger = Object.keys(entry).find(key => !KEYS.includes(key));
    if (stranger !== undefined) throw fail(` has an unknown key "${stranger}" (known: ${KEYS.join(', ')})`);
    const amount = (key: string, otherwise?: number): number => {
      const usd = entry[key] ?? otherwise;
      if (typeof usd === 'number' && usd >= 0 && Number.isFinite(usd)) return usd;
      throw fail(`.${key} ${usd === undefined ? 'is missing' : `${quoted(usd)} is not an amount in USD`}`);
    };
    if (typeof entry.model !== 'string' || entry.model === '') throw fail('.model is missing');
    if (entry.provider !== undefined && typeof entry.provider !== 'string')
      throw fail(`.provider ${quoted(entry.provider)} is not text`);
    const from = entry.from === undefined ? null : dateOf(entry.from);
    if (entry.from !== undefined && from === null)
      throw fail(`.from ${quoted(entry.from)} is not a date such as "2026-11-22"`);
    const input = amount('input');
    return {
      model: entry.model,
      provider: entry.provider ?? null,
      fromMicros: from,
      input,
      cachedInput: amount('cachedInput', input),
      cacheWrite: amount('cacheWrite', input),
      output: amount('output'),
    };
  });
  return make(prices, (value.date as string | undefined)?.slice(0, 10) ?? null);
}

function isObject(value: unknown): value is Record<string, unknown> & {provider?: string} {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A date or a moment, in UTC; microseconds. Refuses 31 February. */
function dateOf(value: unknown): number | null {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d/.test(value)) return null;
  const day = parseTime(value.slice(0, 10));
  const isReal = day !== null && new Date(day / 1000).toISOString().startsWith(value.slice(0, 10));
  return isReal ? parseTime(value) : null;
}

function quoted(value: unknown): string {
  return JSON.stringify(value);
}
