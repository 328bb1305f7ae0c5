import {defineConfig} from 'vitest/config';
import {folderImports} from './build/folder-imports.js';
import {priceData} from './build/price-data.js';
import {sqliteDriver} from './build/sqlite-driver.js';
import {type ProjectName, testFiles} from './test/projects.ts';

/** What is made before the first test of a project; made once, whichever projects run. */
const GLOBAL_SETUP: Readonly<Record<ProjectName, string[]>> = {
  unit: [],
  sqlite: [],
  postgres: ['test/postgres-setup.ts'],
  screens: ['test/postgres-setup.ts'],
  program: ['test/build-setup.ts', 'test/postgres-setup.ts'],
};

export default defineConfig({
  plugins: [folderImports, priceData('module'), sqliteDriver('installed')],
  test: {
    setupFiles: ['test/setup.ts'],
    // Times in golden files are UTC anyway; a test that forgot would show on any machine.
    env: {TZ: 'America/St_Johns'},
    pool: 'forks',
    // Files share what they import: reading it anew for each is a minute of the whole. None changes a module or `process`.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/summary-reporter.ts'],
    projects: [...testFiles()].map(([name, include]) => ({
      extends: true as const,
      test: {name, include: [...include], globalSetup: GLOBAL_SETUP[name]},
    })),
  },
});
