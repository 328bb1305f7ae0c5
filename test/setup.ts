import fc from 'fast-check';
import {afterAll, expect} from 'vitest';
import {endFile} from './end-of-file.ts';
import {SEED} from './long.ts';

fc.configureGlobal({seed: SEED});
afterAll(async () => {
  await endFile();
  // Files share the process: a command that still listens for Ctrl-C would take that of the next file's.
  const listening = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(name => process.listenerCount(name));
  expect(listening, 'listeners for SIGINT, SIGTERM, SIGHUP that are left').toEqual([0, 0, 0]);
});
