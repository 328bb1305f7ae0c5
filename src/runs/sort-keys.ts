import type {JudgedRun} from '../trace/record.ts';

/** The keys that runs can be sorted by, and the figure for each; unknown figures come last in either direction. */
export const RUN_FIGURES = {
  started: ({run}: JudgedRun) => run.startMicros,
  duration: ({record}: JudgedRun) => record.durationMs,
  tokens: ({record}: JudgedRun) => record.totalTokens,
  cost: ({record}: JudgedRun) => record.costUsd,
  spans: ({record}: JudgedRun) => record.spanCount,
  errors: ({record}: JudgedRun) => record.errorCount,
} as const;
export type SortKey = keyof typeof RUN_FIGURES;
export const SORT_KEYS = Object.keys(RUN_FIGURES) as readonly SortKey[];

/** The words for the same keys in the table and in JSON. */
export const SORT_WORDS: ReadonlyMap<string, SortKey> = new Map(
  Object.entries({
    starttime: 'started',
    time: 'duration',
    durationms: 'duration',
    totaltokens: 'tokens',
    costusd: 'cost',
    spancount: 'spans',
    errorcount: 'errors',
  } as const),
);
