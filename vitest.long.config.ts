import {defineConfig, mergeConfig} from 'vitest/config';
import base from './vitest.config.ts';

/** The long forms of some tests (`npm run live`, `npm run soak`): minutes each, one after the other, with limits of time. */
export default mergeConfig(
  base,
  defineConfig({
    test: {env: {AGNO_TRACE_LONG: '1'}, maxWorkers: 1, testTimeout: 1_800_000, disableConsoleIntercept: true},
  }),
);
