/* The price library's data, as packed by `build/price-data.js`. */

/** As in the library; all conditions of one object must match. */
export type Rule =
  | {readonly or: readonly Rule[]}
  | {readonly and: readonly Rule[]}
  | {readonly equals: string}
  | {readonly starts_with: string}
  | {readonly ends_with: string}
  | {readonly contains: string}
  | {readonly regex: string};

/** USD; with tiers, the last one whose `start` the input tokens exceed is the price of all of them. */
export type Price =
  | number
  | {readonly base: number; readonly tiers: readonly {readonly start: number; readonly price: number}[]};

export interface Prices {
  readonly constraint?:
    | {readonly type: 'start_date'; readonly start_date: string}
    | {readonly type: 'time_of_date'; readonly start_time: string; readonly end_time: string};
  readonly input_mtok?: Price;
  readonly cache_read_mtok?: Price;
  readonly cache_write_mtok?: Price;
  readonly input_audio_mtok?: Price;
  readonly output_mtok?: Price;
  readonly output_audio_mtok?: Price;
  readonly output_reasoning_mtok?: Price;
  readonly requests_kcount?: Price;
}

export interface Model {
  readonly match: Rule;
  /** The last one in force applies, or the first if none is. */
  readonly prices: readonly Prices[];
  /** Tokens that a prompt and its answer may have together; absent: the library does not know. */
  readonly window?: number;
}

export interface Provider {
  /** Providers whose models it sells at their prices. */
  readonly fallbacks: readonly string[];
  readonly models: readonly Model[];
}
