import {defineConfig} from 'vitest/config';
import {inkOfTheProgram} from './build/bundling.js';
import {pageAssets} from './build/page-script.js';
import {priceData} from './build/price-data.js';
import {sqliteDriver} from './build/sqlite-driver.js';
import {HAS_CLICKHOUSE} from './test/clickhouse-server.ts';
import {type ProjectName, testFiles} from './test/projects.ts';

/** What is made before the first test of a project; made once, whichever projects run. */
const GLOBAL_SETUP: Readonly<Record<ProjectName, string[]>> = {
  unit: [],
  sqlite: [],
  postgres: ['test/postgres-setup.ts'],
  screens: ['test/postgres-setup.ts'],
  clickhouse: ['test/clickhouse-setup.ts'],
  program: ['test/build-setup.ts', 'test/postgres-setup.ts'],
};

/** `npm run check:long` sets it (test/long.ts). */
const isLong = process.env.AGNO_TRACE_LONG === '1';
/** Given back, or drawn anew by each run of the long suite. */
if (isLong && process.env.AGNO_TRACE_SEED === undefined) {
  // This file is read once for each project; they have one seed.
  process.env.AGNO_TRACE_SEED = String(Date.now() % 1_000_000);
  process.stdout.write(`AGNO_TRACE_SEED=${process.env.AGNO_TRACE_SEED}\n`);
}
const seed = process.env.AGNO_TRACE_SEED ?? '1';

if (!HAS_CLICKHOUSE && process.env.AGNO_TRACE_SKIPS === undefined) {
  process.env.AGNO_TRACE_SKIPS = 'clickhouse';
  process.stdout.write(
    'the tests of ClickHouse are skipped: npm install --prefix test/clickhouse brings its engine (550 MB)\n',
  );
}

/** What is measured there, time and memory, has the machine to itself. */
const isMeasured = (file: string) => /^test\/(live|soak)\//.test(file);

export default defineConfig({
  // React as it is released: its version for development spends half of what a screen costs on checks of its own.
  oxc: {jsx: {runtime: 'automatic', development: false}},
  plugins: [...inkOfTheProgram, pageAssets, priceData('module'), sqliteDriver('installed')],
  test: {
    setupFiles: ['test/setup.ts'],
    env: {
      // Times in golden files are UTC anyway; a test that forgot would show on any machine.
      TZ: 'America/St_Johns',
      NODE_ENV: 'production',
      AGNO_TRACE_LONG: isLong ? '1' : '',
      AGNO_TRACE_SEED: seed,
    },
    pool: 'forks',
    // Most of what a test makes is garbage at once: with more room for it the whole takes a tenth less time.
    execArgv: ['--max-semi-space-size=64'],
    // Ink and what it measures text with, changed as they are for the program: it draws in half the time.
    server: {deps: {inline: [/node_modules\/(ink|cli-truncate|slice-ansi|widest-line|wrap-ansi|cli-cursor)\//]}},
    // Files share what they import: reading it anew for each is a minute of the whole. None changes a module or `process`.
    isolate: false,
    // Read and translated once, and not by each project for itself; what a file and this config say decides whether it is new.
    experimental: {fsModuleCache: true},
    // One more than the cores of a small machine: a file that waits, for a server or for a limit of time, leaves its core idle.
    maxWorkers: isLong ? 2 : 3,
    // They end what hangs, on the slowest machine too; no test is about the time that it takes.
    testTimeout: isLong ? 3_600_000 : 300_000,
    hookTimeout: 300_000,
    expect: {poll: {timeout: 120_000, interval: 20}},
    reporters: ['default', ...(isLong ? ['./test/skipped-reporter.ts'] : []), './test/summary-reporter.ts'],
    disableConsoleIntercept: isLong,
    projects: [...testFiles({isLong})].flatMap(([name, files]) => {
      if (name === 'clickhouse' && !HAS_CLICKHOUSE) return [];
      const project = (as: string, include: string[], alone = {}) => ({
        extends: true as const,
        test: {name: as, include, globalSetup: GLOBAL_SETUP[name], ...alone},
      });
      const measured = files.filter(isMeasured);
      return [
        project(
          name,
          files.filter(file => !isMeasured(file)),
        ),
        // One after the other, when all else is done.
        ...(measured.length > 0 ? [project(`${name}-measured`, measured, {isolate: true, maxWorkers: 1})] : []),
      ];
    }),
  },
});
