// `import loadPrices from 'built:prices'`: the prices that the installed library carries, packed when the program is built. Of
// its data only what tells models apart, prices tokens and says how many a prompt may have, and only of providers that spans can name (src/prices/library.json).
// The library itself would cost every listing 30 ms, most of it for units other than tokens.
import {readFileSync} from 'node:fs';
import zlib from 'node:zlib';

const MODULE = 'built:prices';
const root = new URL('../', import.meta.url);

/** Prices for a million tokens, and for a thousand calls; what else the library knows is billed by the page or the second. */
const PRICES = [
  'input_mtok',
  'cache_read_mtok',
  'cache_write_mtok',
  'input_audio_mtok',
  'output_mtok',
  'output_audio_mtok',
  'output_reasoning_mtok',
  'requests_kcount',
];

async function packedPrices() {
  const {version, providers} = readJson('src/prices/library.json');
  const installed = readJson('node_modules/@pydantic/genai-prices/package.json').version;
  if (installed !== version)
    throw new Error(
      `@pydantic/genai-prices ${installed} is installed, but src/prices/library.json has the date of ${version}. ` +
        'Put the version and its day there: npm view @pydantic/genai-prices time',
    );
  const {waitForUpdate} = await import('@pydantic/genai-prices');
  // Nothing has asked for an update, so this is what the release carries; nothing is fetched.
  const all = await waitForUpdate();
  const missing = Object.keys(providers).filter(id => !all.some(provider => provider.id === id));
  if (missing.length > 0) throw new Error(`the price library does not know ${missing.join(', ')}`);
  // Text by provider: what is not asked for is not parsed.
  const packed = all
    .filter(({id}) => id in providers)
    .map(provider => [provider.id, JSON.stringify(packProvider(provider))]);
  return Object.fromEntries(packed);
}

/** A file beside the program: read when a call needs a price, where a module would be compiled as a whole. */
const FROM_FILE = `import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
export default function loadPrices() {
  const {brotliDecompressSync} = createRequire(import.meta.url)('node:zlib');
  const file = readFileSync(new URL('./prices.br', import.meta.url));
  const lines = brotliDecompressSync(file).toString().split('\\n');
  return Object.fromEntries(lines.flatMap((line, i) => (i % 2 ? [] : [[line, lines[i + 1]]])));
}`;

/** @returns {Promise<Buffer>} compressed lines in pairs: a provider's id, what is known of it */
export async function priceFile() {
  return zlib.brotliCompressSync(
    Object.entries(await packedPrices())
      .flat()
      .join('\n'),
  );
}

function packProvider({fallback_model_providers: fallbacks = [], models}) {
  return {fallbacks, models: models.map(packModel)};
}

function packModel({match, prices, context_window: window}) {
  return {match, prices: packPrices(prices), ...(window && {window})};
}

/** Always a list; the last one in force counts. */
function packPrices(prices) {
  const list = Array.isArray(prices) ? prices : [{prices}];
  return list.map(({constraint, prices: all}) => {
    const kept = PRICES.filter(key => all[key] !== undefined).map(key => [key, all[key]]);
    return {...(constraint && {constraint}), ...Object.fromEntries(kept)};
  });
}

function readJson(file) {
  return JSON.parse(readFileSync(new URL(file, root), 'utf8'));
}

/** Packages whose data ships and which the bundle does not hold as modules. */
export const PRICE_PACKAGES = ['@pydantic/genai-prices'];

/** @param {'file' | 'module'} place where the prices are: beside the built program, or, for tests, in the module itself */
export const priceData = place => ({
  name: 'price-data',
  enforce: 'pre',
  resolveId: id => (id === MODULE ? `\0${MODULE}` : null),
  load: async id => {
    if (id !== `\0${MODULE}`) return null;
    return place === 'file' ? FROM_FILE : `export default () => (${JSON.stringify(await packedPrices())});`;
  },
});
