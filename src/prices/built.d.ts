/** The price library's data, packed when the program is built (`build/price-data.js`): JSON of each provider by its id. */
declare module 'built:prices' {
  export default function loadPrices(): Readonly<Record<string, string>>;
}
