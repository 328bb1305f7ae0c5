import type {Context} from '../context.ts';
import {PriceFile} from '../prices/price-file.ts';
import {Prices} from '../prices/prices.ts';
import type {PriceFlags} from './declare.ts';

/**
 * Prices for calls whose provider reported no cost: `--prices`, or else AGNO_TRACE_PRICES, and the bundled library.
 * @throws UserError exit 2 for a file that cannot be read or understood
 */
export function pricesOf(flags: PriceFlags, context: Context): Prices {
  const {cwd, env} = context;
  if (flags.prices !== undefined) return new Prices(PriceFile.read(flags.prices, '--prices', cwd));
  const file = env.AGNO_TRACE_PRICES;
  return new Prices(file ? PriceFile.read(file, 'AGNO_TRACE_PRICES', cwd) : null);
}
