import {raw} from '../sql/sql.ts';
import type {Column} from '../table/table.ts';

/** Columns for questions about model calls, and the sums of `spans` behind them. Unknown stays null. */
export const TOKEN_COLUMNS: Readonly<Record<string, Column>> = {
  grossPromptTokens: {
    label: 'IN',
    unit: 'count',
    description: "prompt tokens, including those read from and written to the provider's cache",
  },
  completionTokens: {label: 'OUT', unit: 'count', description: 'completion tokens'},
  cachedTokens: {label: 'CACHED', unit: 'count', description: "tokens read from the provider's cache"},
  totalTokens: {label: 'TOKENS', unit: 'count', isMain: true, description: 'all tokens'},
};

/** The sources of the figures; last, because a narrow terminal drops the last columns first. */
export const TOKEN_SOURCES: Readonly<Record<string, Column>> = {
  promptTokens: {
    label: 'STORED IN',
    unit: 'count',
    description: 'prompt tokens as stored; some providers omit cached tokens',
  },
  cacheWriteTokens: {label: 'WRITTEN', unit: 'count', description: "tokens written to the provider's cache"},
  estimatedCalls: {
    label: 'ESTIMATED',
    unit: 'count',
    description: 'calls whose stored prompt tokens may or may not include cached ones; counted as not',
  },
};

/** How much the provider's cache was used, and what that saved. */
export const CACHE_COLUMNS: Readonly<Record<string, Column>> = {
  cacheHitRate: {
    label: 'HIT',
    unit: 'ratio',
    description: "share of the prompt tokens that was read from the provider's cache (computed)",
  },
  savedUsd: {
    label: 'SAVED',
    unit: 'usd',
    description: 'what that saved (computed): price without a cache minus price with it, of calls with a known price',
  },
};

export const costColumns: Readonly<Record<string, Column>> = {
  unpricedCalls: {label: 'UNPRICED', unit: 'count', description: 'calls whose cost is unknown and not in the sum'},
  costSource: {label: 'SOURCE', description: 'source of the cost: provider, file, library, mixed'},
  costDate: {label: 'DATE', description: 'date of the prices; null if several'},
};

/** As `cacheHitRate` of `trace/tokens.ts`. */
const HIT_RATE = `iif(sum(cached_tokens) <= sum(gross_prompt_tokens),
               sum(cached_tokens) * 1.0 / nullif(sum(gross_prompt_tokens), 0), null)`;
/** Nothing was saved where no call used a cache; where some did, only those with a price tell what. */
const SAVED = `iif(sum(saved_calls) > 0, sum(saved_pusd) / 1e12, iif(sum(token_calls) > 0 and sum(cache_calls) = 0, 0, null))`;

export const tokenSums = raw(`iif(sum(token_calls) > 0, sum(prompt_tokens), null) as "promptTokens",
           iif(sum(token_calls) > 0, sum(gross_prompt_tokens), null) as "grossPromptTokens",
           iif(sum(token_calls) > 0, sum(cache_write_tokens), null) as "cacheWriteTokens",
           sum(estimated_calls) as "estimatedCalls",
           iif(sum(token_calls) > 0, sum(completion_tokens), null) as "completionTokens",
           iif(sum(token_calls) > 0, sum(cached_tokens), null) as "cachedTokens",
           iif(sum(token_calls) > 0, sum(total_tokens), null) as "totalTokens",
           iif(sum(priced_calls) > 0, sum(cost_pusd) / 1e12, null) as "costUsd",
           ${HIT_RATE} as "cacheHitRate", ${SAVED} as "savedUsd",
           sum(unpriced_calls) as "unpricedCalls",
           iif(count(distinct cost_source) > 1, 'mixed', max(cost_source)) as "costSource",
           iif(count(distinct cost_date) > 1, null, max(cost_date)) as "costDate"`);
