import type {Context} from '../context.ts';
import {PriceFile} from '../prices/price-file.ts';
import {Prices} from '../prices/prices.ts';
import type {PriceFlags} from './declare.ts';

/**
 * Prices for calls whose provider reported no cost: `--prices`, else AGNO_TRACE_PRICES, and the bundled library.
 * @throws UserError exit 2 for a file that cannot be read or understood
 */
export function pricesOf(flags: PriceFlags, {env, cwd}: Context): Prices {
  const file = flags.prices ?? (env.AGNO_TRACE_PRICES || null);
  return new Prices(file === null ? null : PriceFile.read(file, cwd));
}
