import {defineConfig} from 'vitest/config';
import {folderImports} from './build/folder-imports.js';
import {priceData} from './build/price-data.js';
import {sqliteDriver} from './build/sqlite-driver.js';

export default defineConfig({
  plugins: [folderImports.vite, priceData.vite, sqliteDriver.vite],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    // Times in golden files are UTC anyway; a test that forgot would show on any machine.
    env: {TZ: 'America/St_Johns'},
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/summary-reporter.ts'],
  },
});
