import fc from 'fast-check';
import {afterAll, expect, vi} from 'vitest';
import {setColour} from '../src/text/style.ts';
import {endFile} from './end-of-file.ts';
import {SEED} from './long.ts';

fc.configureGlobal({seed: SEED});
afterAll(async () => {
  await endFile();
  // Files share the process.
  await setColour(false);
  await vi.waitFor(() => expect(listening(), 'listeners for SIGINT, SIGTERM, SIGHUP').toEqual([0, 0, 0]), {
    timeout: 60_000,
  });
});

/** A command that still listens for Ctrl-C would take that of the next file's. */
const listening = () => (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map(name => process.listenerCount(name));
