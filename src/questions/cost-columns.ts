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
  totalTokens: {label: 'TOKENS', unit: 'count', description: 'all tokens'},
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

export const costColumns: Readonly<Record<string, Column>> = {
  unpricedCalls: {label: 'UNPRICED', unit: 'count', description: 'calls whose cost is unknown and not in the sum'},
  costSource: {label: 'SOURCE', description: 'source of the cost: provider, file, library, mixed'},
  costDate: {label: 'DATE', description: 'date of the prices; null if several'},
};

export const tokenSums = raw(`iif(sum(token_calls) > 0, sum(prompt_tokens), null) as "promptTokens",
           iif(sum(token_calls) > 0, sum(gross_prompt_tokens), null) as "grossPromptTokens",
           iif(sum(token_calls) > 0, sum(cache_write_tokens), null) as "cacheWriteTokens",
           sum(estimated_calls) as "estimatedCalls",
           iif(sum(token_calls) > 0, sum(completion_tokens), null) as "completionTokens",
           iif(sum(token_calls) > 0, sum(cached_tokens), null) as "cachedTokens",
           iif(sum(token_calls) > 0, sum(total_tokens), null) as "totalTokens",
           iif(sum(priced_calls) > 0, sum(cost_pusd) / 1e12, null) as "costUsd", sum(unpriced_calls) as "unpricedCalls",
           iif(count(distinct cost_source) > 1, 'mixed', max(cost_source)) as "costSource",
           iif(count(distinct cost_date) > 1, null, max(cost_date)) as "costDate"`);
